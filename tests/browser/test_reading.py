"""The neural voice in a real browser: sentences asked for in order and played one after the other, stopped, taken over by the
browser's own voice when it fails, and chosen on the settings tab. What is played is noise; what was asked for is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Server, Visit, running
from tests.browser.steps import Room
from tests.browser.test_access import found
from tests.browser.test_settings import kept, open_settings
from tests.tiny_vits import CHARACTERS, LETTERS, build_tiny_vits

#: Notes what the page asks for, plays and has the browser's own voice say, in order: of each the kind and the text.
NOTES = """
window.noted = [];
class Utterance { constructor(text) { this.text = text; } }
const synthesis = {
  getVoices: () => [{ name: "Sam", voiceURI: "sam", lang: "en-US", localService: true }],
  speak: (one) => { window.noted.push(["own", one.text]); setTimeout(() => one.onend(), 5); },
  cancel: () => {},
  addEventListener: () => {},
};
Object.defineProperty(window, "speechSynthesis", { value: synthesis });
window.SpeechSynthesisUtterance = Utterance;
const plainFetch = window.fetch;
window.fetch = async (...given) => {
  if (given[0] === "/voice/say") window.noted.push(["asked", JSON.parse(given[1].body).text || "sample"]);
  return plainFetch(...given);
};
window.players = [];
const plainPlay = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () {
  const number = window.players.push(this);
  window.noted.push(["plays", number, this.playbackRate, this.preservesPitch]);
  this.addEventListener("ended", () => window.noted.push(["ended", number]), { capture: true }); // before the page's own
  return plainPlay.call(this);
};
"""


@pytest.fixture(scope="module")
def server(browser_type_launch_args: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an English voice, for this file's tests."""
    voice = build_tiny_vits(tmp_path_factory.mktemp("voice") / "reader", LETTERS + "-“”()/?.")
    with running(tmp_path_factory.mktemp("reading") / "data", voice_en=str(voice)) as server:
        yield server


def noted(page: Page, kind: str) -> list[Any]:
    """What was noted of one kind since the last look."""
    notes = page.evaluate("kind => window.noted.filter(([one]) => one === kind).map((note) => note.slice(1))", kind)
    return [note[0] if len(note) == 1 else tuple(note) for note in notes]


def silent(room: Room) -> None:
    """Nothing is being read any more."""
    expect(room.page.locator(".voice .hush")).to_be_hidden()


def reply(room: Room) -> str:
    """What the interviewer has said since the candidate's last answer, without blanks."""
    texts = room.page.evaluate(
        """() => {
          const rows = [...document.querySelectorAll("#room .log .turn")];
          const last = rows.map((row) => row.classList.contains("candidate")).lastIndexOf(true);
          return rows.slice(last + 1).filter((row) => row.classList.contains("interviewer")).map((row) => row.children[3].textContent);
        }"""
    )
    return "".join("".join(texts).split())


def said(texts: list[str]) -> str:
    return "".join("".join(texts).split())


def test_a_reply_is_read_sentence_by_sentence_until_it_is_stopped_or_fails(visit: Visit) -> None:
    room = visit("en")
    page = room.page
    page.add_init_script(NOTES)
    room.reload()
    room.start(questions=3)
    page.locator(".voice-options summary").click()
    choice = page.locator(".voice .aloud")
    expect(choice.locator("option")).to_have_text(["Off", "Neural voice (reader)", "Sam"])
    choice.select_option("neural")
    page.locator(".voice .rate").select_option("1.5")
    room.picture("chosen")
    assert noted(page, "asked") == []  # what was said before isn't news

    room.press("skip")  # a word on that, and the next question: two sentences at least
    silent(room)
    asked = noted(page, "asked")
    assert len(asked) > 1
    assert said(asked) == reply(room)
    assert noted(page, "own") == []
    played = noted(page, "plays")
    assert played == [(number, 1.5, True) for number in range(1, len(asked) + 1)]  # faster, at the same pitch
    assert noted(page, "ended") == [number for number, _, _ in played]
    order = [(kind, rest[0]) for kind, *rest in page.evaluate("window.noted")]
    # One after the other, and the second was asked for before the first had been heard.
    assert order.index(("ended", 1)) < order.index(("plays", 2))
    assert order.index(("asked", asked[1])) < order.index(("ended", 1))

    # Stopped: nothing more is asked for or heard.
    held: list[Route] = []
    page.route("**/voice/say", lambda route: held.append(route))
    page.evaluate("window.noted = []")
    room.press("clarify")
    page.locator(".voice .hush").click()
    silent(room)
    asked = noted(page, "asked")
    assert 1 <= len(asked) <= 2  # the one that is due and the next
    assert page.evaluate("window.players.every((player) => player.paused)")
    page.unroute("**/voice/say")

    # The second sentence fails: the browser's own voice says it and the rest, once, and the page says so.
    count = 0

    def fail(route: Route) -> None:
        nonlocal count
        count += 1
        if count == 2:
            route.fulfill(status=500, json={"problem": "failed"})
        else:
            route.continue_()

    page.route("**/voice/say", fail)
    page.evaluate("window.noted = []")
    room.press("skip")
    silent(room)
    assert len(noted(page, "own")) >= 1
    first = noted(page, "asked")[0]
    assert said([first, *noted(page, "own")]) == reply(room)
    assert len(noted(page, "plays")) == 1
    expect(page.locator(".voice .state")).to_contain_text("the browser's own voice reads on")
    room.picture("failed")


def test_a_voice_is_chosen_and_tried_on_the_settings_tab(visit: Visit, server: Server, tmp_path: Path) -> None:
    voice = build_tiny_vits(tmp_path / "reader", CHARACTERS)
    room = visit("zh", width=390, dark=True)
    page = room.page
    page.add_init_script(NOTES)
    room.reload()
    open_settings(room)
    view, kinds = page.locator("#settings-voice-zh"), page.locator("#voice-zh-kind label")
    expect(view).to_contain_text("用浏览器自带的声音")
    kinds.nth(1).click()
    name = page.locator("#voice-zh-name input, #voice-zh-name textarea")
    name.fill("/nowhere")
    page.locator("#use-voice-zh").click()
    expect(page.locator("#voice_zh-said .bad")).to_be_visible()
    name.fill(str(voice))
    page.locator("#use-voice-zh").click()
    expect(view.locator(".try")).to_be_visible()
    expect(page.locator("#voice_zh-said .bad")).to_be_hidden()
    view.locator(".try").click()
    page.wait_for_function("window.noted.some(([kind]) => kind === 'ended')")
    assert noted(page, "asked") == ["sample"]
    assert kept(server.data)["voice_zh"] == str(voice)
    assert found(page) == []
    assert room.fits()
    room.picture("settings")

    room.tab("interview")
    room.start(questions=1)
    expect(page.locator(".voice .aloud")).to_have_value("neural")  # who named it wants to hear it
    # It was taught a few characters only, and this browser has no Chinese voice: what it can't say isn't mumbled.
    expect(page.locator(".voice .state")).to_contain_text("不会读的字")
    silent(room)
    assert noted(page, "own") == []
    page.locator(".voice-options summary").click()
    room.picture("bar")
    assert room.fits()
