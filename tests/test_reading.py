"""From a sentence to its sound: a tiny VITS, what it can't say, numbers in words, which models are refused, and the queue."""

from __future__ import annotations

import io
import json
import threading
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interviewer.cli import doctor_voice
from interviewer.config import Settings, load_settings
from interviewer.domain.errors import EngineUnavailable, VoiceError
from interviewer.domain.questions import LANGS, Lang
from interviewer.voice import vits
from interviewer.voice.audio import write_wav
from interviewer.voice.numerals import spelt_out
from interviewer.voice.reading import Reading
from interviewer.voice.synthesiser import LONGEST_SENTENCE, SAMPLES, Synthesiser, load_synthesiser
from interviewer.voice.worker import WAITING
from tests.tiny_models import build_tiny_model
from tests.tiny_vits import CHARACTERS, LETTERS, build_tiny_vits


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> dict[Lang, Path]:
    return {
        "en": build_tiny_vits(tmp_path_factory.mktemp("english"), LETTERS),
        "zh": build_tiny_vits(tmp_path_factory.mktemp("chinese"), CHARACTERS),
    }


def sound(data: bytes) -> tuple[int, Any]:
    """Samples a second, and the samples."""
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")


# ---------------------------------------------------------------- one voice


def test_a_sentence_becomes_sound_longer_for_more_words(voices: dict[Lang, Path]) -> None:
    said = {
        "en": ("What is it?", "What is attention, and what does it cost?"),
        "zh": ("请说。", "请说一说注意力机制。"),
    }
    for lang in LANGS:
        voice = load_synthesiser(voices[lang], "tiny", lang)
        (rate, short), (_, long) = (sound(voice.say(text)) for text in said[lang])
        assert rate == 16_000
        assert 0 < len(short) < len(long)
        assert np.abs(short).max() > 0


def test_what_it_was_never_taught_is_said_by_no_voice_rather_than_left_out(voices: dict[Lang, Path]) -> None:
    chinese = load_synthesiser(voices["zh"], "tiny", "zh")
    with pytest.raises(VoiceError, match="KVcahe") as refused:
        chinese.say("请说 KV cache")
    assert refused.value.kind == "unsayable"
    with pytest.raises(VoiceError) as refused:
        chinese.say("？！……")
    assert refused.value.kind == "unsayable"
    assert sound(chinese.say("第 12 题，百分之 3！"))[1].size  # digits are words, and punctuation is no letter
    english = load_synthesiser(voices["en"], "tiny", "en")
    assert sound(english.say("GPT4 has 1,500 layers — 12.5% “more”."))[1].size
    with pytest.raises(VoiceError, match="ï"):
        english.say("naïve")


def test_of_several_speakers_it_is_always_the_same_one(tmp_path: Path) -> None:
    voice = load_synthesiser(build_tiny_vits(tmp_path, LETTERS, speakers=3), "tiny", "en")
    assert sound(voice.say("hello"))[1].size


def test_sound_is_never_clipped_and_a_broken_one_is_refused() -> None:
    rate, samples = sound(write_wav(np.array([0.0, 0.5, -2.0, 4.0], dtype=np.float32), 22_050))
    assert rate == 22_050
    assert samples.tolist() == pytest.approx([0, 4_096, -16_384, 32_767], abs=1)
    assert sound(write_wav(np.array([0.25], dtype=np.float32), 8_000))[1].tolist() == pytest.approx([8_192], abs=1)

    class Broken:
        rate = 16_000
        samples = np.zeros(0, dtype=np.float32)

        def unknown(self, text: str) -> str:
            return ""

        def say(self, text: str) -> Any:
            return self.samples

    model = Broken()
    for samples in (model.samples, np.array([0.0, np.nan], dtype=np.float32)):
        model.samples = samples
        with pytest.raises(VoiceError) as refused:
            Synthesiser("tiny", model).say("hello")
        assert refused.value.kind == "failed"


# ---------------------------------------------------------------- which models


def test_a_model_that_is_no_voice_is_refused_with_the_reason(
    voices: dict[Lang, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: Path, lang: Lang = "en") -> str:
        with pytest.raises(VoiceError) as caught:
            load_synthesiser(folder, "owner/name", lang)
        assert caught.value.kind == "failed"
        assert str(caught.value).startswith("owner/name ")
        return str(caught.value)

    assert "no text-to-speech model" in refused(build_tiny_model(tmp_path / "text"))
    for kind, why in (("bark", "a voice to imitate"), ("speecht5", "a voice to imitate"), ("musicgen", "but musicgen")):
        folder = tmp_path / kind
        folder.mkdir()
        # Code that comes with a model is never run, whatever its configuration asks for.
        own = {"model_type": kind, "auto_map": {"AutoModel": "evil.Evil"}}
        (folder / "config.json").write_text(json.dumps(own))
        (folder / "evil.py").write_text("raise SystemExit('the code ran')")
        assert why in refused(folder)
    assert "was not taught to say" in refused(voices["en"], "zh")  # an English voice for Chinese
    assert "was not taught to say" in refused(voices["zh"], "en")

    monkeypatch.setattr(vits, "find_spec", lambda _: None)
    assert "Python package uroman" in refused(build_tiny_vits(tmp_path / "roman", LETTERS, is_uroman=True), "zh")
    phonemes = build_tiny_vits(tmp_path / "phonemes", LETTERS, phonemize=True)
    assert "Python package phonemizer" in refused(phonemes)
    assert "English phonemes only" in refused(phonemes, "zh")
    broken = build_tiny_vits(tmp_path / "broken", LETTERS)
    (broken / "model.safetensors").write_bytes(b"nothing")
    assert "can't be used as a voice" in refused(broken)


def test_settings_name_a_voice_for_each_language(tmp_path: Path) -> None:
    env = {"INTERVIEWER_DATA": str(tmp_path)}
    none = load_settings(env)
    assert [none.voice(lang) for lang in LANGS] == ["", ""]
    named = load_settings({**env, "INTERVIEWER_VOICE_EN": "some/voice"}, voice_zh="other/voice")
    assert {lang: named.voice(lang) for lang in LANGS} == {"zh": "other/voice", "en": "some/voice"}
    assert set(named.voices_fixed) == {"zh", "en"}
    assert load_settings({**env, "INTERVIEWER_VOICE_EN": "some/voice"}).voices_fixed == ("en",)


def test_the_doctor_says_who_reads_and_what_will_not_work(voices: dict[Lang, Path], tmp_path: Path) -> None:
    told = doctor_voice.voices(Settings(tmp_path, voice_en=str(voices["en"]))).split("\n")
    assert told[0].startswith("zh: the browser's own, because none was named (--voice-zh NAME)")
    assert told[1].startswith(f"en: {voices['en'].name} (")
    with pytest.raises(EngineUnavailable, match="there is no folder"):
        doctor_voice.voices(Settings(tmp_path, voice_zh="/nowhere"))
    with pytest.raises(VoiceError, match="no text-to-speech model"):
        doctor_voice.voices(Settings(tmp_path, voice_zh=str(build_tiny_model(tmp_path / "text"))))


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("lang", "text", "said"),
    [
        ("en", "0, 7, 13, 20, 42, 100, 105", "zero, seven, thirteen, twenty, forty two, one hundred, one hundred five"),
        ("en", "2017 and 1,500,000", "two thousand seventeen and one million five hundred thousand"),
        ("en", "3.05 or 50%", "three point zero five or fifty percent"),
        ("en", "GPT4 7B 007", "GPT four seven B zero zero seven"),
        ("zh", "第 1 题，10 个、12 个、20 个", "第 一 题，十 个、十二 个、二十 个"),
        ("zh", "105、110、1005、1050、1,500,000", "一百零五、一百一十、一千零五、一千零五十、一百五十万"),
        ("zh", "10012、100000001、0.5、50%", "一万零一十二、一亿零一、零点五、百分之五十"),
        ("zh", "1234567890123", "一二三四五六七八九零一二三"),
    ],
)
def test_numbers_are_said_as_people_say_them(lang: Lang, text: str, said: str) -> None:
    assert spelt_out(text, lang) == said


@given(st.text(), st.sampled_from(LANGS))
def test_no_digit_and_nothing_else_is_left_behind(text: str, lang: Lang) -> None:
    said = spelt_out(text, lang)
    assert not set("0123456789") & set(said)
    without = [letter for letter in text if letter not in "0123456789,.%％" and not letter.isspace()]
    rest = iter(said)
    assert all(letter in rest for letter in without)  # in their order


# ---------------------------------------------------------------- the queue


class Parrot:
    """A model that does as it is told, and remembers what it was asked to say."""

    rate = 16_000

    def __init__(self, does: Callable[[str], None] = lambda _: None) -> None:
        self._does = does
        self.said: list[str] = []

    def unknown(self, text: str) -> str:
        return ""

    def say(self, text: str) -> Any:
        self.said.append(text)
        self._does(text)
        return np.full(100 * len(text), 0.5, dtype=np.float32)


@pytest.fixture
def begun() -> Iterator[Callable[[Parrot], Reading]]:
    """A reading with that model for English."""
    open_ones: list[Reading] = []

    def begin(parrot: Parrot) -> Reading:
        reading = Reading(lambda *_, **__: Path(), lambda _, name, lang: Synthesiser(f"{name} {lang}", parrot))
        open_ones.append(reading)
        reading.use("en", "tiny")
        assert settled(reading, "en") == "ready"
        return reading

    yield begin
    for reading in open_ones:
        reading.close()


def settled(reading: Reading, lang: Lang) -> str:
    for _ in range(2_000):
        if reading.status(lang).state != "loading":
            break
        threading.Event().wait(0.01)
    return reading.status(lang).state


def test_each_language_has_its_own_voice_and_the_same_sentence_is_said_once(
    begun: Callable[[Parrot], Reading],
) -> None:
    parrot = Parrot()
    reading = begun(parrot)
    assert [reading.status(lang).state for lang in LANGS] == ["none", "ready"]
    with pytest.raises(VoiceError) as refused:
        reading.begin("你好。", "zh")
    assert refused.value.kind == "none"
    with pytest.raises(VoiceError) as refused:
        reading.begin("a" * (LONGEST_SENTENCE + 1), "en")
    assert refused.value.kind == "too-long"
    first, again = (reading.begin("One two.", "en").future.result(20) for _ in range(2))
    assert first == again
    assert parrot.said == ["One two."]
    reading.use("en", "other")  # another voice says it anew
    assert settled(reading, "en") == "ready"
    reading.begin("One two.", "en").future.result(20)
    assert parrot.said == ["One two."] * 2
    reading.use("en", "")
    assert reading.status("en").state == "none"


def test_sentences_wait_in_order_and_those_nobody_waits_for_are_dropped(begun: Callable[[Parrot], Reading]) -> None:
    gate = threading.Event()

    def wait(_: str) -> None:
        assert gate.wait(20)

    parrot = Parrot(wait)
    reading = begun(parrot)
    waiting = [reading.begin(f"Sentence {number}.", "en") for number in range(WAITING + 1)]
    with pytest.raises(VoiceError) as refused:
        reading.begin("One too many.", "en")
    assert refused.value.kind == "busy"
    waiting[2].cancel()
    gate.set()
    for place, job in enumerate(waiting):
        if place == 2:
            with pytest.raises(VoiceError) as refused:
                job.future.result(20)
            assert refused.value.kind == "stopped"
        else:
            assert job.future.result(20)
    assert parrot.said == [f"Sentence {number}." for number in (0, 1, 3, 4)]


def test_a_voice_that_fails_ends_one_sentence_and_not_the_worker(begun: Callable[[Parrot], Reading]) -> None:
    def fail(text: str) -> None:
        if "bad" in text:
            raise MemoryError("out of memory")

    reading = begun(Parrot(fail))
    with pytest.raises(VoiceError) as refused:
        reading.begin("bad", "en").future.result(20)
    assert refused.value.kind == "failed"
    assert reading.begin("good", "en").future.result(20)


def test_a_voice_that_can_not_be_loaded_says_why(voices: dict[Lang, Path]) -> None:
    reading = Reading(lambda name, **_: Path(name))
    reading.use("zh", str(voices["en"]))
    assert settled(reading, "zh") == "failed"
    assert "was not taught to say" in reading.status("zh").detail
    reading.use("zh", str(voices["zh"]))
    assert settled(reading, "zh") == "ready"
    rate, samples = sound(reading.begin(SAMPLES["zh"], "zh").future.result(20))
    assert (rate, samples.size > 0) == (16_000, True)
    reading.close()
