"""From a recording to a transcript: sound, a tiny whisper that hears a fixed sentence, the worker, and what can go wrong."""

from __future__ import annotations

import io
import threading
import wave
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interviewer.config import load_settings
from interviewer.domain.errors import EngineUnavailable, VoiceError
from interviewer.domain.questions import Bank
from interviewer.domain.transcript import HeardWord, Speech
from interviewer.voice.audio import LONGEST, RATE, pieces, read_wav, speech_spans
from interviewer.voice.catalogue import recognisers, suggest
from interviewer.voice.dictation import Dictation
from interviewer.voice.glossary import Glossary
from interviewer.voice.recogniser import Recogniser, load_recogniser
from interviewer.voice.transcript import Transcript, joined_speech, transcript
from interviewer.voice.worker import WAITING, Job, Worker
from tests.tiny_whisper import build_tiny_whisper

SAYS = "推理用 k v cash，laura 微调。"
PLAIN = Glossary(Bank())


def sound(*parts: tuple[float, float], rate: int = RATE) -> Any:
    """Noise of the given (loudness, seconds), one after the other."""
    noise = np.random.default_rng(0)
    return np.concatenate([loud * noise.standard_normal(int(rate * seconds)) for loud, seconds in parts]).astype(np.float32)


def wav(samples: Any, rate: int = RATE, channels: int = 1, width: int = 2) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())
    return out.getvalue()


# ---------------------------------------------------------------- sound


def test_recordings_become_samples_at_the_rate_recognisers_take() -> None:
    tone = np.sin(np.arange(48_000) * 2 * np.pi * 440 / 48_000).astype(np.float32) / 2
    for rate, channels in ((48_000, 1), (16_000, 1), (44_100, 2)):
        samples = read_wav(wav(tone[: rate * channels], rate, channels))
        assert samples.dtype == np.float32
        assert abs(len(samples) - RATE * min(48_000, rate * channels) / (rate * channels)) <= 1
    spectrum = np.abs(np.fft.rfft(read_wav(wav(tone, 48_000))))
    assert abs(int(spectrum.argmax()) - 440) <= 1  # the pitch is kept


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "unreadable"),
        (b"RIFF and no more", "unreadable"),
        (wav(np.zeros(100), width=1), "unreadable"),
        (wav(np.zeros(100), rate=96_000), "unreadable"),
        (wav(np.zeros((LONGEST + 1) * 8_000), rate=8_000), "too-long"),
    ],
)
def test_what_is_no_recording_is_refused(data: bytes, kind: str) -> None:
    with pytest.raises(VoiceError) as caught:
        read_wav(data)
    assert caught.value.kind == kind


def test_a_recording_that_was_cut_off_is_read_as_far_as_it_goes() -> None:
    whole = wav(sound((0.1, 1.0)))
    assert 0.4 < len(read_wav(whole[: len(whole) // 2 + 1])) / RATE < 0.6


def test_speech_is_found_and_silence_is_not() -> None:
    hiss = (0.0008, 1.0)
    spans = speech_spans(sound(hiss, (0.1, 1.0), (0.0008, 2.0), (0.1, 0.5), hiss))
    assert [(round(start, 1), round(end, 1)) for start, end in spans] == [(0.7, 2.3), (3.7, 4.8)]
    assert speech_spans(sound((0.0008, 5.0))) == []
    assert speech_spans(sound((0.0008, 2.0), (0.5, 0.05), (0.0008, 2.0))) == []  # a click
    assert speech_spans(np.zeros(0, np.float32)) == []
    assert speech_spans(sound((0.1, 4.0))) == [(0.0, pytest.approx(4.0, abs=0.05))]  # somebody who never pauses


def test_long_answers_are_cut_at_pauses_and_nothing_is_lost() -> None:
    samples = sound(*[(0.1, 9.0), (0.0008, 1.5)] * 6)
    cut = pieces(samples)
    assert all(end - start <= 28.0 for start, end in cut)
    for start, end in speech_spans(samples):
        assert any(a <= start and end <= b for a, b in cut)  # no phrase is split
    without_pause = pieces(sound((0.1, 70.0)))
    assert [round(end - start) for start, end in without_pause] == [28, 28, 14]


# ---------------------------------------------------------------- whisper


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_whisper(tmp_path_factory.mktemp("whisper"), SAYS, unsure="laura")


def test_whisper_gives_words_with_times_and_confidences(tiny: Path) -> None:
    samples = sound((0.0008, 0.5), (0.1, 2.0), (0.0008, 1.0))
    words = load_recogniser(tiny, "tiny").hear(samples, "zh", PLAIN.expected)
    assert [word.text for word in words] == ["推", "理", "用", "k", "v", "cash，", "laura", "微", "调。"]
    assert [word.text for word in words if (word.confidence or 0) < 0.5] == ["laura"]
    assert all((word.confidence or 0) > 0.9 for word in words if word.text != "laura")
    assert words[0].start >= 0.1  # the silence before it was cut, and counted
    assert all(a.start <= a.end <= b.start + 0.01 for a, b in pairwise(words))
    assert words[-1].end <= len(samples) / RATE
    again = load_recogniser(tiny, "tiny").hear(samples, "zh", PLAIN.expected)
    assert again == words


def test_a_whisper_without_alignment_says_no_more_than_it_knows(tmp_path: Path) -> None:
    model = load_recogniser(build_tiny_whisper(tmp_path, SAYS, alignment=False), "tiny")
    samples = sound(*[(0.1, 15.0), (0.0008, 2.0)] * 2)
    heard = model.hear(samples, "zh")
    assert [word.text for word in heard] == [SAYS, SAYS]  # one entry a piece, with the piece's times
    assert heard[0].end <= heard[1].start


def test_whisper_is_told_which_terms_to_expect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_recogniser(build_tiny_whisper(tmp_path, SAYS, prompted=True), "tiny")
    from transformers import WhisperForConditionalGeneration

    prompts: list[str] = []
    generate = WhisperForConditionalGeneration.generate

    def spy(self: Any, *args: Any, **kwargs: Any) -> Any:
        prompts.append(model._model._processor.tokenizer.decode(kwargs["prompt_ids"]))  # type: ignore[attr-defined]
        return generate(self, *args, **kwargs)

    monkeypatch.setattr(WhisperForConditionalGeneration, "generate", spy)
    model.hear(sound((0.1, 1.0)), "zh", ["LoRA", "RoPE", "x" * 200, "never"])
    assert prompts == ["<|startofprev|> LoRA, RoPE"]  # as many as fit


def test_recognition_stops_when_it_is_told_to(tiny: Path) -> None:
    model, looks = load_recogniser(tiny, "tiny"), iter(range(100))
    with pytest.raises(VoiceError) as caught:
        model.hear(sound((0.1, 1.0)), "zh", (), lambda: next(looks) > 5)
    assert caught.value.kind == "stopped"
    assert next(looks) < 12  # not at the end


def test_silence_is_no_sentence(tiny: Path) -> None:
    with pytest.raises(VoiceError) as caught:
        load_recogniser(tiny, "tiny").hear(sound((0.0005, 3.0)), "zh")
    assert caught.value.kind == "silent"


def test_a_model_that_labels_frames_gives_words_without_confidences(tmp_path: Path) -> None:
    import json

    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

    (tmp_path / "vocab.json").write_text(json.dumps({"<pad>": 0, "<unk>": 1, "|": 2, "a": 3, "b": 4}))
    tokenizer = Wav2Vec2CTCTokenizer(
        str(tmp_path / "vocab.json"), pad_token="<pad>", unk_token="<unk>", bos_token=None, eos_token=None
    )
    torch.manual_seed(0)
    model = Wav2Vec2ForCTC(
        Wav2Vec2Config(vocab_size=5, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                       conv_dim=(8, 8), conv_stride=(20, 16), conv_kernel=(20, 16), num_feat_extract_layers=2,
                       num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, pad_token_id=0)
    )  # fmt: skip
    with torch.no_grad():
        model.lm_head.weight.zero_()
        model.lm_head.bias.copy_(torch.tensor([0.0, 0.0, 0.0, 5.0, 0.0]))
    for part in (model, tokenizer, Wav2Vec2FeatureExtractor(return_attention_mask=False)):
        part.save_pretrained(tmp_path)
    words = load_recogniser(tmp_path, "ctc").hear(sound((0.1, 1.0)), "en")
    assert [(word.text, word.confidence) for word in words] == [("a", None)]
    assert 0 <= words[0].start < words[0].end <= 1.0


def test_a_model_that_hears_nothing_is_refused_in_one_line(tmp_path: Path) -> None:
    from tests.tiny_models import build_tiny_model

    with pytest.raises(VoiceError, match="can't be loaded as a speech recogniser"):
        load_recogniser(build_tiny_model(tmp_path / "text"), "text")
    with pytest.raises(VoiceError, match="of none can't be read"):
        load_recogniser(tmp_path, "none")


# ---------------------------------------------------------------- transcript


def word(text: str, confidence: float | None = 0.9, at: float = 0.0) -> HeardWord:
    return HeardWord(text, at, at + 0.5, confidence)


def test_doubtful_words_are_found_again_after_the_repairs() -> None:
    words = [word("我们用"), word("罗拉", 0.2), word("和"), word("decode", 0.3), word("，"), word("重算。", 0.4)]
    heard = transcript(words, 5.0, "tiny", PLAIN)
    assert heard.text == "我们用 LoRA 和 decode ，重算。"
    told = [(heard.text[d.start : d.end], d.why, d.heard) for d in heard.doubts]
    assert told == [("LoRA", "repaired", "罗拉"), ("decode", "unsure", ""), ("重算", "unsure", "")]
    assert heard.speech.words == tuple(words)  # before any repair


def test_words_without_confidences_are_not_called_doubtful() -> None:
    assert transcript([word("全都", None), word("好", None)], 1.0, "ctc", PLAIN) == Transcript(
        "全都好", (), Speech(1.0, (word("全都", None), word("好", None)), "ctc")
    )


def test_several_recordings_of_one_answer_become_one() -> None:
    whole = joined_speech([Speech(2.0, (word("a", at=1.0),), "x"), Speech(3.5, (word("b", at=0.5),), "x")])
    assert whole == Speech(5.5, (word("a", at=1.0), word("b", at=2.5)), "x")
    assert joined_speech([]) is None


# ---------------------------------------------------------------- worker and dictation

DONE = Transcript("done", (), Speech(1.0))


def test_recordings_wait_their_turn_and_too_many_are_refused() -> None:
    gate, order = threading.Event(), list[int]()
    worker: Worker[Transcript] = Worker()

    def work(number: int) -> Callable[[Job[Transcript]], Transcript]:
        def run(_: Job[Transcript]) -> Transcript:
            assert gate.wait(20)
            order.append(number)
            return DONE

        return run

    waiting = [worker.submit(work(number)) for number in range(WAITING + 1)]
    with pytest.raises(VoiceError) as caught:
        worker.submit(work(99))
    assert caught.value.kind == "busy"
    gate.set()
    assert [one.future.result(20) for one in waiting] == [DONE] * (WAITING + 1)
    assert order == list(range(WAITING + 1))
    assert worker.submit(work(6)).future.result(20) is DONE
    worker.close()


def test_a_recording_has_its_time_and_not_more() -> None:
    now = [0.0]
    hearing: Job[Transcript] = Job(lambda: now[0])
    hearing.begin(70.0)
    assert not hearing.should_stop()
    now[0] = 71.0
    assert hearing.should_stop()
    assert hearing.why_stopped().kind == "timeout"
    assert not hearing.given_up
    now[0] = 95.0
    assert hearing.given_up
    hearing.cancel()
    assert hearing.why_stopped().kind == "stopped"


class Deaf:
    """A model that does as it is told."""

    def __init__(self, does: Callable[[Callable[[], bool]], list[HeardWord]]) -> None:
        self._does = does

    def hear(self, samples: Any, lang: Any, terms: Any, stop: Callable[[], bool]) -> list[HeardWord]:
        return self._does(stop)


@pytest.fixture
def dictating(tmp_path: Path) -> Iterator[Callable[..., Dictation]]:
    made: list[Dictation] = []

    def make(does: Any, find: Any = None) -> Dictation:
        found = find or (lambda *_, **__: tmp_path)
        made.append(Dictation(found, lambda: PLAIN, lambda _, name: Recogniser(name, Deaf(does))))
        return made[-1]

    yield make
    for one in made:
        one.close()


def settled(dictation: Dictation) -> str:
    for _ in range(2_000):
        if dictation.status.state != "loading":
            break
        threading.Event().wait(0.01)
    return dictation.status.state


SPEECH = wav(sound((0.1, 1.0)))


def test_dictation_from_nothing_to_a_transcript(dictating: Callable[..., Dictation]) -> None:
    dictation = dictating(lambda _: [word("hello", 0.2)])
    with pytest.raises(VoiceError) as caught:
        dictation.begin(SPEECH, "en")
    assert caught.value.kind == "none"
    dictation.use("tiny")
    assert settled(dictation) == "ready"
    heard = dictation.begin(SPEECH, "en").future.result(20)
    assert (heard.text, heard.speech.seconds, heard.speech.recogniser) == ("hello", 1.0, "tiny")
    names = [dictation.keep(heard.speech), dictation.keep(heard.speech)]
    both = dictation.speech([*names, "unknown", names[0]])
    assert both is not None
    assert both.seconds == 2.0
    assert dictation.speech(names) == both  # a message may be sent again
    assert dictation.speech([""]) is None
    dictation.use("")
    assert dictation.status.state == "none"


def test_what_goes_wrong_has_a_name_and_the_next_recording_is_heard(dictating: Callable[..., Dictation]) -> None:
    replies: list[Any] = [RuntimeError("no memory"), [], [word("fine")]]

    def does(_: Callable[[], bool]) -> list[HeardWord]:
        reply = replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return list(reply)

    dictation = dictating(does)
    dictation.use("tiny")
    assert settled(dictation) == "ready"
    for kind in ("failed", "silent"):
        with pytest.raises(VoiceError) as caught:
            dictation.begin(SPEECH, "en").future.result(20)
        assert caught.value.kind == kind
    with pytest.raises(VoiceError) as caught:
        dictation.begin(b"no sound", "en").future.result(20)
    assert caught.value.kind == "unreadable"
    assert dictation.begin(SPEECH, "en").future.result(20).text == "fine"


def test_a_person_who_leaves_stops_the_work(dictating: Callable[..., Dictation]) -> None:
    begun = threading.Event()

    def does(stop: Callable[[], bool]) -> list[HeardWord]:
        begun.set()
        while not stop():
            threading.Event().wait(0.005)
        raise VoiceError("stopped", "")

    dictation = dictating(does)
    dictation.use("tiny")
    assert settled(dictation) == "ready"
    hearing = dictation.begin(SPEECH, "en")
    assert begun.wait(20)
    hearing.cancel()
    with pytest.raises(VoiceError) as caught:
        hearing.future.result(20)
    assert caught.value.kind == "stopped"


def test_a_download_tells_how_far_it_is_and_ends_when_another_is_chosen(dictating: Callable[..., Dictation]) -> None:
    told, stopped = threading.Event(), threading.Event()

    def find(name: str, *, download: bool, on_progress: Any, cancelled: Any) -> Path:
        if name == "gone":
            raise EngineUnavailable("there is no folder gone")
        if name == "large":
            assert download
            on_progress("31% of 1.0 GB")
            told.set()
            while not cancelled():
                threading.Event().wait(0.005)
            stopped.set()
            raise EngineUnavailable("stopped")
        return Path()

    dictation = dictating(lambda _: [word("x")], find)
    dictation.use("large", download=True)
    assert told.wait(20)
    assert (dictation.status.state, dictation.status.detail) == ("loading", "31% of 1.0 GB")
    dictation.use("gone")
    assert stopped.wait(20)
    assert settled(dictation) == "failed"
    assert dictation.status.detail == "there is no folder gone"


# ---------------------------------------------------------------- choosing

GIB = 1024**3


def test_the_suggestion_fits_the_machine() -> None:
    assert suggest(GIB // 2, 8) is None
    names = [getattr(suggest(free * GIB, cores), "name", None) for free, cores in ((1, 1), (3, 2), (16, 2), (16, 8))]
    assert names == ["openai/whisper-base", "openai/whisper-small", "openai/whisper-small", "openai/whisper-large-v3-turbo"]
    for free in range(1, 40):
        for accelerator in (False, True):
            one = suggest(free * GIB, 8, accelerator)
            assert one is None or one.memory(accelerator) <= free * GIB
    assert all(one.licence in ("Apache-2.0", "MIT") for one in recognisers())


def test_the_recogniser_is_a_setting() -> None:
    assert load_settings({"INTERVIEWER_RECOGNISER": "openai/whisper-small"}).recogniser == "openai/whisper-small"
    assert load_settings({}).recogniser == ""
    assert "recogniser" in replace(load_settings({}), recogniser="x").describe()


def test_the_doctor_names_and_suggests(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from interviewer.cli.doctor_voice import recogniser
    from interviewer.engines.hardware import Hardware

    settings = load_settings({"INTERVIEWER_DATA": str(tmp_path)})
    assert "M weights" in recogniser(replace(settings, recogniser=str(tiny)))
    with pytest.raises(EngineUnavailable):
        recogniser(replace(settings, recogniser=str(tmp_path / "nothing")))
    for free, told in ((8 * GIB, "whisper-small --download"), (GIB // 4, "too little free memory")):
        found = Hardware("cpu", "cpu", 1, free, free, True, 2)
        monkeypatch.setattr("interviewer.cli.doctor_voice.detect", lambda found=found: found)
        assert told in recogniser(settings)
