"""The page as other machines have it, over plain http: no microphone, nothing to manage. Its model's server isn't there yet."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserType, expect

from interviewer.domain.questions import Lang
from interviewer.ui.words import words_for
from tests.browser.conftest import FLAGS, Server, running
from tests.browser.steps import Room
from tests.browser.test_access import found
from tests.browser.test_settings import open_settings

#: Reserved for tests; no name server knows it.
NAME = "interviewer.test"


@pytest.fixture(scope="module")
def browser(browser_type: BrowserType, browser_type_launch_args: dict[str, Any]) -> Iterator[Browser]:
    """A Chromium that takes this machine for another."""
    args = [*FLAGS, f"--host-resolver-rules=MAP {NAME} 127.0.0.1"]
    browser = browser_type.launch(**{**browser_type_launch_args, "args": args})
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def nobody() -> Iterator[str]:
    """The address of a model's server where none answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


@pytest.fixture(scope="module")
def elsewhere(
    browser_type_launch_args: dict[str, Any], tmp_path_factory: pytest.TempPathFactory, nobody: str
) -> Iterator[Server]:
    """A server that may be called by that name."""
    with running(tmp_path_factory.mktemp("elsewhere") / "data", allowed_hosts=NAME, base_url=nobody) as server:
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


def test_strangers_can_look_but_not_touch(visit: Callable[..., Room], elsewhere: Server) -> None:
    room = visit(at=elsewhere)
    page = open_settings(room)
    expect(page.locator("#settings-model")).to_contain_text("INTERVIEWER_BASE_URL")
    expect(page.locator("#settings-data")).to_contain_text("INTERVIEWER_MANAGE=1")
    for control in ("#model-kind", "#use-model", "#export-all", "#erase"):
        expect(page.locator(control)).to_be_hidden()
    assert found(page) == []


def test_a_model_that_is_not_there_yet_is_named_and_the_interview_begins(
    visit: Callable[..., Room], elsewhere: Server, nobody: str
) -> None:
    room = visit(lang="zh", at=elsewhere)
    expect(room.page.locator("#who-asks")).to_contain_text(f"模型暂时用不了（连接不上 {nobody}")
    room.picture("unreachable")
    room.start(questions=1)
    assert "？" in room.said_by("interviewer").last.inner_text()
