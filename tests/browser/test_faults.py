"""What the page says of a model in trouble, and that the interview goes on."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import running
from tests.browser.steps import Room
from tests.engines_server import error, fake_server


def test_a_model_in_trouble_is_named_and_the_interview_goes_on(visit: Callable[..., Room], tmp_path: Path) -> None:
    with fake_server() as model, running(tmp_path / "data", base_url=model.url, model="fake") as pages:
        room = visit(lang="zh", width=390, dark=True, at=pages)
        expect(room.page.locator("#who-asks")).to_contain_text("fake")
        model.hook = lambda body: error(500, "CUDA error\nTraceback (most recent call last)", **{"retry-after-ms": "1"})
        room.start(questions=2)
        for text in ("梯度沿着计算图从后往前逐层传播", "激活函数的导数会一层层相乘", "学习率太大就会发散，太小又太慢"):
            room.answer(text)
            room.rest()
        who = room.page.locator("#who")
        expect(who).to_contain_text("模型 fake 接连出错，暂由内置面试官继续提问和评分")
        expect(who).not_to_contain_text("Traceback")
        room.picture("resting-zh")
        assert room.fits()
        room.finish(["不知道"])
        other = visit(lang="en", at=pages)
        expect(other.page.locator("#who-asks")).to_contain_text("fake kept failing")
        other.picture("resting-en")


def test_a_server_that_is_not_there_yet(visit: Callable[..., Room], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with running(tmp_path / "data", base_url=url) as pages:
            room = visit(lang="zh", at=pages)
            expect(room.page.locator("#who-asks")).to_contain_text(f"模型暂时用不了（连接不上 {url}")
            room.picture("unreachable")
            room.start(questions=1)
            assert "？" in room.said_by("interviewer").last.inner_text()
