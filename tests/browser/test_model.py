"""With a model behind an OpenAI-compatible server on loopback: waiting, streaming, stopping, reloading, failing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.responses import Response
from playwright.sync_api import expect

from tests.browser.conftest import Server, running
from tests.browser.steps import Room
from tests.engines_server import FakeServer, error, fake_server


class Model:
    """A server whose replies wait until the test lets them go, or that is out of order."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.go = threading.Event()
        self.go.set()
        self.broken = False
        server.hook = self._hook

    def _hook(self, body: dict[str, Any]) -> Response | None:
        if body.get("path") == "/models":
            return None
        if self.broken:
            return error(500, "out of memory")
        return None


@pytest.fixture
def model() -> Iterator[Model]:
    with fake_server() as server:
        server.words = ["All right, ", "let us look at this one together. ", "What comes to your mind first when you hear about it?"]
        yield Model(server)


@pytest.fixture
def with_model(model: Model, tmp_path: Path) -> Iterator[Server]:
    with running(tmp_path / "data", base_url=model.server.url, model="fake") as server:
        yield server


def test_waiting_shows_and_a_reload_in_mid_reply_loses_nothing(visit: Callable[..., Room], with_model: Server, model: Model) -> None:
    room = visit(at=with_model)
    expect(room.page.locator("#who-asks")).to_contain_text("fake")
    model.server.delay = 1.5
    room.page.locator("#start").click()
    expect(room.log.locator(".turn.typing")).to_be_visible()
    room.picture("waiting")
    room.reload()
    expect(room.said_by("interviewer").nth(1)).to_be_visible()
    room.rest()
    expect(room.said_by("interviewer")).to_have_count(2)
    assert room.turns() == 2


def test_stopping_a_slow_reply_still_leaves_a_question(visit: Callable[..., Room], with_model: Server, model: Model) -> None:
    room = visit(at=with_model)
    expect(room.page.locator("#start")).to_be_visible()
    model.server.delay = 8
    room.page.locator("#start").click()
    expect(room.log.locator(".turn.typing")).to_be_visible()
    room.page.locator("#answer button.stop-button").click()
    expect(room.log).to_have_attribute("aria-busy", "false", timeout=7_000)
    assert room.turns() == 2
    assert "?" in room.said_by("interviewer").last.inner_text()


def test_a_broken_model_does_not_break_the_interview(visit: Callable[..., Room], with_model: Server, model: Model) -> None:
    model.broken = True
    room = visit(at=with_model)
    room.start(questions=1)
    room.finish(["Gradients flow backwards through the layers.", "I don't know"])
    room.page.locator("#see-report").click()
    expect(room.page.locator("#report .question")).to_have_count(1)
