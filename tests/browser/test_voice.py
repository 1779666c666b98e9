"""Answering by voice and being read to, in a real browser with a microphone that plays a file and a recogniser that hears a
fixed sentence."""

from __future__ import annotations

import math
import random
import struct
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserType, expect

from interviewer.storage import open_store
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


def speech_like(path: Path) -> Path:
    """Noise in syllables: two phrases with a pause for thought between them, then a long silence."""
    rate, noise = 48_000, random.Random(0)
    samples: list[float] = []
    for loud, seconds in ((0, 0.4), (1, 1.5), (0, 1.2), (1, 1.2), (0, 9)):
        for n in range(int(rate * seconds)):
            syllable = max(0.0, math.sin(2 * math.pi * 4 * n / rate))
            samples.append(loud * 0.5 * syllable * (noise.random() * 2 - 1) + 0.0005 * (noise.random() * 2 - 1))
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(b"".join(struct.pack("<h", int(sample * 32_767)) for sample in samples))
    return path


@pytest.fixture(scope="module")
def browser(
    browser_type: BrowserType, browser_type_launch_args: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """A Chromium whose microphone plays a file, and is given without asking."""
    sound = speech_like(tmp_path_factory.mktemp("sound") / "speech.wav")
    ears = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={sound}",
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


def test_a_spoken_answer_can_be_edited_and_keeps_how_it_was_spoken(visit: Visit, server: Server) -> None:
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


def test_hands_free_listens_by_itself_and_ends_after_the_pause(visit: Visit, server: Server) -> None:
    room = visit("zh", width=390, dark=True)
    room.start(questions=1)
    ready(room)
    options = room.page.locator(".voice-options")
    options.locator("summary").click()
    options.locator(".pause").select_option("2")
    room.picture("options")
    options.locator(".hands-free").check()
    state = room.page.locator(".voice .state")
    expect(room.page.locator(".voice")).to_have_attribute("data-phase", "listening")
    expect(room.answer_box).to_have_value(MEANT)  # nobody pressed anything
    assert "0:" not in (state.text_content() or "")
    assert room.fits()
    turns = room.turns()
    room.answer_box.press("Enter")
    room.replied(turns)
    expect(room.page.locator(".voice")).to_have_attribute("data-phase", "listening")  # again, after the reply
    room.page.locator(".voice .drop").click()
    expect(room.page.locator(".voice")).to_have_attribute("data-phase", "idle")
    room.reload()
    expect(room.page.locator(".voice .hands-free")).to_be_checked()  # remembered


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
