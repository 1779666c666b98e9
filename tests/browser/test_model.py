"""With a model behind an OpenAI-compatible server on loopback: waiting, streaming, stopping, reloading, failing; who is
speaking."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Server, running
from tests.browser.steps import Room
from tests.browser.test_access import found
from tests.engines_server import FakeServer, error, fake_server


@pytest.fixture(scope="module")
def at(
    tmp_path_factory: pytest.TempPathFactory, browser_type_launch_args: dict[str, Any]
) -> Iterator[tuple[Server, FakeServer]]:
    """The pages and the model's server behind them."""
    data = tmp_path_factory.mktemp("model") / "data"
    with fake_server() as model, running(data, base_url=model.url, model="org/some-model") as pages:
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
    expect(room.page.locator("#who-asks")).to_contain_text("some-model")
    model.delay = 0.7
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
    model.delay = 1.5
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


#: Everything that moves without having been asked to, as the browser's own layout-shift entries tell it.
SHIFTS = """() => { window.shifts = []; new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) for (const source of entry.sources || []) {
        const node = source.node && (source.node.closest ? source.node : source.node.parentElement);
        if (node && !node.closest('#room .log')) window.shifts.push(`${entry.value} ${node.id} ${node.className}`);
    }
}).observe({ type: 'layout-shift' }); }"""


def test_it_shows_who_is_speaking_and_nothing_jumps(visit: Callable[..., Room], pages: Server, model: FakeServer) -> None:
    room = visit(lang="en", width=390, at=pages)
    page, keyboard = room.page, room.page.keyboard
    expect(page.locator("#who-asks")).to_have_text("Interviewer: org/some-model")
    room.start()
    chips = room.log.locator(".turn.interviewer .by")
    expect(chips.nth(1)).to_contain_text("some-model")
    meaning = page.locator("#" + str(chips.nth(1).get_attribute("popovertarget")))
    chips.nth(1).click()
    expect(meaning).to_be_visible()
    keyboard.press("Escape")
    expect(meaning).to_be_hidden()
    keyboard.press("Alt+/")
    expect(page.locator("#keys")).to_be_visible()
    assert found(page) == []
    room.picture("keys")
    keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.evaluate(SHIFTS)
    room.answer("I would begin with the data.")
    assert page.evaluate("window.shifts") == []
    model.delay = 8
    turns = room.turns()
    page.locator("#clarify").click()
    expect(room.log.locator(".turn.typing")).to_be_visible()
    keyboard.press("Escape")  # enough of waiting
    room.replied(turns)
    expect(chips.last).to_have_text("some-model + built-in")


def test_a_model_in_trouble_is_named_and_the_interview_goes_on(
    visit: Callable[..., Room], pages: Server, model: FakeServer
) -> None:
    """The last one here: the model is left to rest."""
    room = visit(lang="zh", width=390, dark=True, at=pages)
    expect(room.page.locator("#who-asks")).to_contain_text("some-model")
    model.hook = lambda body: error(500, "CUDA error\nTraceback (most recent call last)", **{"retry-after-ms": "1"})
    room.start(questions=2)
    for text in ("梯度沿着计算图从后往前逐层传播", "激活函数的导数会一层层相乘", "学习率太大就会发散，太小又太慢"):
        room.answer(text)
        room.rest()
    who = room.page.locator("#who")
    expect(who).to_contain_text("模型 org/some-model 接连出错，暂由内置面试官继续提问和评分")
    expect(who).not_to_contain_text("Traceback")
    room.picture("resting-zh")
    assert room.fits()
    room.finish(["不知道"])
    room.page.locator("#see-report").click()
    expect(room.page.locator("#report .question")).to_have_count(2)
    other = visit(lang="en", at=pages)
    expect(other.page.locator("#who-asks")).to_contain_text("org/some-model kept failing")
    other.picture("resting-en")
