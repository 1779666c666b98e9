"""With a model behind an OpenAI-compatible server on loopback: waiting, streaming, stopping, reloading, failing."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Server, running
from tests.browser.steps import Room
from tests.engines_server import FakeServer, error, fake_server, transformers_serve
from tests.tiny_models import build_tiny_model


@pytest.fixture(scope="module")
def at(
    tmp_path_factory: pytest.TempPathFactory, browser_type_launch_args: dict[str, Any]
) -> Iterator[tuple[Server, FakeServer]]:
    """The pages and the model's server behind them."""
    with fake_server() as model, running(tmp_path_factory.mktemp("model") / "data", base_url=model.url, model="fake") as pages:
        yield pages, model


@pytest.fixture
def model(at: tuple[Server, FakeServer]) -> FakeServer:
    model = at[1]
    model.words = ["All right, ", "let us look at this one together. ", "What comes to your mind first when you hear about it?"]
    model.context = 16_000  # English: several letters a token
    model.delay, model.hook = 0.0, None
    return model


@pytest.fixture
def pages(at: tuple[Server, FakeServer]) -> Server:
    return at[0]


def test_waiting_shows_and_a_reload_in_mid_reply_loses_nothing(
    visit: Callable[..., Room], pages: Server, model: FakeServer
) -> None:
    room = visit(at=pages)
    expect(room.page.locator("#who-asks")).to_contain_text("fake")
    model.delay = 1.5
    room.page.locator("#start").click()
    expect(room.log.locator(".turn.typing")).to_be_visible()
    room.picture("waiting")
    room.reload()
    expect(room.said_by("interviewer").nth(1)).to_be_visible()
    room.rest()
    expect(room.said_by("interviewer")).to_have_count(2)
    assert room.turns() == 2


def interviews(pages: Server) -> int:
    """How many are kept."""
    with zipfile.ZipFile(io.BytesIO(pages.get("/everything.zip"))) as archive:
        return sum(name.startswith("interviews/") for name in archive.namelist())


def test_who_leaves_in_mid_reply_can_begin_another_at_once(
    visit: Callable[..., Room], pages: Server, model: FakeServer
) -> None:
    before = interviews(pages)
    room = visit(at=pages)
    room.start(questions=1)
    left = room.log.get_attribute("data-session")
    model.delay = 3
    room.page.locator("#skip").click()
    expect(room.log.locator(".turn.typing")).to_be_visible()
    room.page.locator("#leave").click()
    room.page.locator("#start").dblclick()  # and twice is once
    expect(room.log.locator(".turn.typing")).to_be_visible()
    room.rest()
    assert room.log.get_attribute("data-session") != left
    expect(room.said_by("candidate")).to_have_count(0)
    room.page.wait_for_timeout(1000)  # by now the first one's question is over, and its feedback came
    expect(room.feedback).to_have_count(0)
    assert interviews(pages) == before + 2


def test_stopping_a_slow_reply_still_leaves_a_question(visit: Callable[..., Room], pages: Server, model: FakeServer) -> None:
    room = visit(at=pages)
    expect(room.page.locator("#start")).to_be_visible()
    model.delay = 8
    room.page.locator("#start").click()
    expect(room.log.locator(".turn.typing")).to_be_visible()
    room.page.locator("#answer button.stop-button").click()
    expect(room.log).to_have_attribute("aria-busy", "false", timeout=7_000)
    assert room.turns() == 2
    assert "?" in room.said_by("interviewer").last.inner_text()


def test_a_broken_model_does_not_break_the_interview(visit: Callable[..., Room], pages: Server, model: FakeServer) -> None:
    model.hook = lambda body: error(500, "out of memory")
    room = visit(at=pages)
    room.start(questions=1)
    room.finish(["Gradients flow backwards through the layers.", "I don't know"])
    room.page.locator("#see-report").click()
    expect(room.page.locator("#report .question")).to_have_count(1)


def test_an_interview_with_transformers_serve_behind_the_page(
    visit: Callable[..., Room], tmp_path: Path, browser_type_launch_args: dict[str, Any]
) -> None:
    """The real server with a tiny random model: noise that the guard replaces, and an interview that holds together."""
    tiny = build_tiny_model(tmp_path / "tiny")
    with transformers_serve(tiny, tmp_path) as url, running(tmp_path / "data", base_url=url, model=str(tiny)) as pages:
        room = visit(lang="zh", at=pages)
        expect(room.page.locator("#who-asks")).to_contain_text("tiny")
        room.start(questions=1)
        assert "？" in room.said_by("interviewer").last.inner_text()
        room.finish(["我觉得它主要是让训练更稳定，也更省显存", "不知道"])
        room.page.locator("#see-report").click()
        expect(room.page.locator("#report .question")).to_have_count(1)
        room.picture("report")
