"""Answering by voice and being read to, in a real browser with a microphone that plays speech and a recogniser that hears a
fixed sentence. What reaches the recogniser is looked at as sound, since nothing here understands it."""

from __future__ import annotations

import base64
import io
import os
import shutil
import subprocess
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserType, expect

from interviewer.storage import open_store
from interviewer.voice.audio import RATE, read_wav, speech_spans
from tests.browser.conftest import FLAGS, Server, Visit, running
from tests.browser.steps import Room
from tests.tiny_whisper import build_tiny_whisper

#: What the recogniser hears, whatever is said; it is unsure of one word, and another is a term gone wrong.
SAYS = "推理时用 k v cash，所以 decode 不用重算。"
MEANT = "推理时用 KV cache，所以 decode 不用重算。"
#: Stands in for a browser's voices, of which a headless one has none, and takes its time over nothing.
VOICES = """
window.utterances = [];
class Utterance { constructor(text) { this.text = text; } }
const voices = [
  { name: "Ting", voiceURI: "ting", lang: "zh-CN", localService: true },
  { name: "Cloud", voiceURI: "cloud", lang: "zh-CN", localService: false },
];
const synthesis = {
  getVoices: () => voices,
  speak: (one) => { window.utterances.push([one.text, one.voice.name, one.rate]); if (!window.holdVoice) setTimeout(() => one.onend(), 5); },
  cancel: () => { window.utterances.push("cancel"); },
  addEventListener: () => {},
};
Object.defineProperty(window, "speechSynthesis", { value: synthesis });
window.SpeechSynthesisUtterance = Utterance;
"""


#: What is spoken, with a pause for thought in the middle that is shorter than the three seconds that end an answer.
PHRASES = ("推理的时候用缓存", "所以不用重新计算")
THOUGHT = 2.5
#: Keeps the recordings that the page sends, for the test to listen to.
KEEP_SOUND = """
window.recordings = [];
const plain = window.fetch;
window.fetch = async (...given) => {
  if (String(given[0]).startsWith("/voice/transcribe")) window.recordings.push(await given[1].body.arrayBuffer());
  return plain(...given);
};
"""
SOUND = """at => {
  const bytes = new Uint8Array(window.recordings.at(at));
  let text = "";
  for (let i = 0; i < bytes.length; i += 30000) text += String.fromCharCode(...bytes.subarray(i, i + 30000));
  return btoa(text);
}"""


def spoken(phrase: str) -> tuple[int, bytes]:
    """A phrase in a synthetic voice: samples a second, and the samples."""
    made = subprocess.run(["espeak-ng", "-v", "cmn", "-s", "220", "--stdout", phrase], check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(made)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
        return sound.getframerate(), sound.readframes(sound.getnframes())


def speak(path: Path) -> None:
    """Two phrases with a pause for thought between them, then a long silence, as a microphone would hear them."""
    (rate, first), (_, second) = map(spoken, PHRASES)

    def silence(seconds: float) -> bytes:
        return bytes(2 * int(rate * seconds))

    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(silence(0.5) + first + silence(THOUGHT) + second + silence(12))


def stretches(wav: bytes) -> tuple[list[tuple[float, float]], float]:
    """Where a recording holds speech, with the breaths inside a phrase closed; and how long it is. In seconds."""
    samples = read_wav(wav)
    out: list[tuple[float, float]] = []
    for start, end in speech_spans(samples):
        if out and start - out[-1][1] < 0.5:
            out[-1] = (out[-1][0], end)
        else:
            out.append((start, end))
    return out, len(samples) / RATE


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the microphone plays, from its beginning each time it is opened. It may not be there yet."""
    return tmp_path_factory.mktemp("sound") / "speech.wav"


@pytest.fixture(scope="module")
def speech(browser_type_launch_args: dict[str, Any], microphone: Path) -> bytes:
    """The same, with somebody's speech in it."""
    if shutil.which("espeak-ng") is None:
        reason = "no espeak-ng on the path, which makes the speech"
        if os.environ.get("INTERVIEWER_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    speak(microphone)
    return microphone.read_bytes()


@pytest.fixture(scope="module")
def browser(browser_type: BrowserType, browser_type_launch_args: dict[str, Any], microphone: Path) -> Iterator[Browser]:
    """A Chromium whose microphone plays a file, and is given without asking."""
    ears = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
    ]
    browser = browser_type.launch(**{**browser_type_launch_args, "args": [*FLAGS, *ears]})
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def server(browser_type_launch_args: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a recogniser, for this file's tests."""
    model = build_tiny_whisper(tmp_path_factory.mktemp("whisper"), SAYS, unsure="decode")
    with running(tmp_path_factory.mktemp("hearing") / "data", recogniser=str(model)) as server:
        yield server


def ready(room: Room) -> None:
    expect(room.page.locator(".voice .mic")).to_have_attribute("data-able", "true")


def test_a_spoken_answer_can_be_edited_and_keeps_how_it_was_spoken(visit: Visit, server: Server, speech: bytes) -> None:
    room = visit("zh")
    room.start(questions=1)
    ready(room)
    mic, state = room.page.locator(".voice .mic"), room.page.locator(".voice .state")
    mic.click()
    expect(mic).to_have_attribute("aria-pressed", "true")
    expect(state).to_contain_text("0:02")  # seconds of a real recording
    room.picture("recording")
    mic.click()
    expect(room.answer_box).to_have_value(MEANT)
    room.picture("transcript")
    marks = room.page.locator(".doubts button")
    expect(marks).to_have_count(2)
    expect(marks.first).to_contain_text("k v cash")
    marks.last.click()
    assert room.page.evaluate("getSelection().toString()") == "decode"
    room.page.keyboard.type("解码")  # over the selected word
    expect(room.answer_box).to_have_value(MEANT.replace("decode", "解码"))
    turns = room.turns()
    room.page.keyboard.press("Enter")
    room.replied(turns)
    expect(marks).to_have_count(0)
    expect(room.said_by("candidate").first).to_have_text(MEANT.replace("decode", "解码"))
    room.answer("这一句是打字的。")

    # Alt+V is the same button; Escape throws the recording away.
    room.page.keyboard.press("Alt+v")
    expect(mic).to_have_attribute("aria-pressed", "true")
    room.page.keyboard.press("Escape")
    expect(mic).to_have_attribute("aria-pressed", "false")
    expect(room.answer_box).to_have_value("")

    store = open_store(f"sqlite:///{server.data / 'interviews.db'}")
    try:
        spoken, typed = [turn.speech for turn in store.load(store.list()[0].id).turns if turn.speaker == "candidate"]
    finally:
        store.close()
    assert typed is None
    assert spoken is not None
    assert spoken.seconds > 1.5
    assert "".join(word.text for word in spoken.words).startswith("推理时用kvcash")  # as recognised, before any repair
    assert all(0 <= word.start <= word.end <= spoken.seconds for word in spoken.words)
    assert [word.text for word in spoken.words if word.confidence is not None and word.confidence < 0.5] == ["decode"]


def test_hands_free_listens_through_a_pause_for_thought_and_ends_after_the_silence(visit: Visit, speech: bytes) -> None:
    room = visit("zh", width=390, dark=True)
    room.page.add_init_script(KEEP_SOUND)
    room.reload()
    room.start(questions=1)
    ready(room)
    voice, options = room.page.locator(".voice"), room.page.locator(".voice-options")
    options.locator("summary").click()
    expect(options.locator(".pause")).to_have_value("3")
    room.picture("options")
    options.locator(".hands-free").check()
    state = voice.locator(".state")
    expect(voice).to_have_attribute("data-phase", "listening")
    expect(state).to_contain_text("听到停顿")  # it may end, and doesn't
    expect(room.answer_box).to_have_value(MEANT)  # nobody pressed anything
    assert "0:" not in (state.text_content() or "")
    assert room.fits()

    said, _ = stretches(speech)
    heard, length = stretches(base64.b64decode(room.page.evaluate(SOUND, -1)))
    assert len(said) == len(heard) == 2  # both phrases, so the pause between them ended nothing
    for (start, end), (heard_start, heard_end) in zip(said, heard, strict=True):
        assert heard_end - heard_start == pytest.approx(end - start, abs=0.5)
    assert heard[1][0] - heard[0][1] == pytest.approx(said[1][0] - said[0][1], abs=0.5)
    assert length - heard[1][1] == pytest.approx(3 - 0.3, abs=0.7)  # spans keep a margin of 0.3 s

    turns = room.turns()
    room.answer_box.press("Enter")
    room.replied(turns)
    expect(voice).to_have_attribute("data-phase", "listening")  # again, after the reply
    voice.locator(".drop").click()
    expect(voice).to_have_attribute("data-phase", "idle")

    # Somebody who chose two seconds is taken at their word: the first phrase is the answer.
    options.locator(".hands-free").uncheck()
    options.locator(".pause").select_option("2")
    options.locator(".hands-free").check()
    expect(room.answer_box).to_have_value(MEANT)
    heard, _ = stretches(base64.b64decode(room.page.evaluate(SOUND, -1)))
    assert len(heard) == 1
    room.reload()
    expect(room.page.locator(".voice .hands-free")).to_be_checked()  # remembered
    expect(room.page.locator(".voice .pause")).to_have_value("2")


def test_the_interviewer_is_read_aloud_once_by_a_voice_of_this_machine(visit: Visit) -> None:
    room = visit("zh")
    page = room.page
    page.add_init_script(VOICES)
    room.reload()
    room.start(questions=2)
    assert page.evaluate("utterances.filter(one => one !== 'cancel')") == []  # off unless it is chosen
    page.locator(".voice-options summary").click()
    assert page.locator(".voice .aloud option").all_text_contents() == ["不朗读", "Ting"]  # Cloud would send the text out
    page.locator(".voice .aloud").select_option("ting")
    page.locator(".voice .rate").select_option("1.2")
    room.answer("大概就是这样，我再想想。")
    last = room.said_by("interviewer").last.text_content()
    page.wait_for_function(
        "last => utterances.filter(one => one !== 'cancel').map(one => one[0]).join('').endsWith(last.trim().slice(-6))",
        arg=last,
    )
    said = page.evaluate("utterances.filter(one => one !== 'cancel')")
    assert {(name, rate) for _, name, rate in said} == {("Ting", 1.2)}
    assert len({text for text, _, _ in said}) == len(said)  # nothing twice
    page.evaluate("window.holdVoice = true")
    room.press("clarify")
    page.locator(".voice .hush").click()
    assert page.evaluate("utterances.at(-1)") == "cancel"
    expect(page.locator(".voice .hush")).to_be_hidden()
    count = page.evaluate("utterances.filter(one => one !== 'cancel').length")
    room.reload()
    room.rest()
    expect(page.locator(".voice .aloud")).to_have_value("ting")
    assert page.evaluate("utterances.filter(one => one !== 'cancel')") == []  # what was said before isn't said again
    assert count > 0


def test_without_a_recogniser_the_button_says_how_to_get_one(visit: Visit) -> None:
    room = visit("en", width=390)
    told = {
        "state": "none",
        "name": "",
        "detail": "",
        "suggested": {"name": "openai/whisper-small", "gb": "1.0", "licence": "MIT"},
    }
    room.page.route("**/voice/status", lambda route: route.fulfill(json=told))
    room.reload()
    room.start(questions=1)
    state = room.page.locator(".voice .state")
    expect(state).to_contain_text("press to see")
    room.page.locator(".voice .mic").click()
    expect(state).to_contain_text("--recogniser openai/whisper-small --download")
    expect(state).to_contain_text("Typing works")
    expect(room.page.locator(".voice")).to_have_attribute("data-phase", "idle")
    room.picture("none")
    assert room.fits()
    room.answer("typed")
