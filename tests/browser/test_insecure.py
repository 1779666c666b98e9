"""The page at an address that browsers give no microphone to, as when it is opened from another machine over plain http."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserType, expect

from interviewer.domain.questions import Lang
from interviewer.ui.words import words_for
from tests.browser.conftest import FLAGS, Server, running
from tests.browser.steps import Room
from tests.browser.test_access import found

#: Reserved for tests; no name server knows it.
NAME = "interviewer.test"


@pytest.fixture(scope="module")
def browser(browser_type: BrowserType, browser_type_launch_args: dict[str, Any]) -> Iterator[Browser]:
    """A Chromium that takes this machine for another."""
    args = [*FLAGS, f"--host-resolver-rules=MAP {NAME} 127.0.0.1"]
    browser = browser_type.launch(**{**browser_type_launch_args, "args": args})
    yield browser
    browser.close()


@pytest.fixture
def elsewhere(browser_type_launch_args: dict[str, Any], tmp_path: Path) -> Iterator[Server]:
    """A server that may be called by that name."""
    with running(tmp_path / "data", allowed_hosts=NAME) as server:
        server.url = f"http://{NAME}:{server.port}"
        yield server


@pytest.mark.parametrize(("lang", "width"), [("zh", 390), ("en", 1280)], ids=["chinese-phone", "english-desk"])
def test_without_a_microphone_it_says_what_to_do_and_typing_works(
    visit: Callable[..., Room], elsewhere: Server, lang: Lang, width: int
) -> None:
    room = visit(lang, width=width, at=elsewhere)
    page, words = room.page, words_for(lang)
    assert page.evaluate("[isSecureContext, typeof navigator.mediaDevices, location.hostname]") == [False, "undefined", NAME]
    room.start(questions=1)
    said = page.locator(".voice .state")
    expect(said).to_have_text(words("voice_insecure"))  # before anybody has pressed anything
    for remedy in ("https", "127.0.0.1"):
        expect(said).to_contain_text(remedy)
    mic = page.locator(".voice .mic")
    expect(mic).to_have_attribute("data-able", "false")
    mic.click()
    expect(mic).to_have_attribute("aria-pressed", "false")
    expect(said).to_have_text(words("voice_insecure"))
    assert found(page) == []
    assert room.fits()
    room.picture("no-microphone")
    text = "这是打字的回答。" if lang == "zh" else "This answer is typed."
    room.answer(text)
    expect(room.said_by("candidate").last).to_have_text(text)
    expect(said).to_have_text(words("voice_insecure"))
    room.reload()
    expect(room.said_by("candidate").last).to_have_text(text)  # what the browser keeps works here too
