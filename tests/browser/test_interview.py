"""Whole interviews in the browser: both languages, both modes, light and dark, desk and phone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.steps import Room

#: How often a page that nobody touches looks at its clock.
CLOCK_READ_IN_A_SECOND = """() => new Promise((done) => {
  let read = 0;
  const now = performance.now.bind(performance);
  performance.now = () => { read += 1; return now(); };
  setTimeout(() => { delete performance.now; done(read); }, 1000);
})"""
NASTY = '<img src=x onerror="window.owned=1"> std::vector<int> {{7*7}} ${7*7}'
ZH = [
    f"我的理解是先把问题拆开，用梯度下降训练模型，再看验证集上的效果。{NASTY}",
    "还要考虑显存和延迟的代价，数据质量也很关键。",
    "不知道",
]
EN = [
    f"I would split the problem, train by gradient descent and watch the validation set. {NASTY}",
    "Memory and latency cost something too.",
    "I don't know",
]


@pytest.mark.parametrize(
    ("lang", "width", "dark"), [("zh", 1280, False), ("en", 375, True)], ids=["chinese-desk-light", "english-phone-dark"]
)
def test_a_practice_interview_from_the_front_door_to_the_report(
    visit: Callable[..., Room], lang: str, width: int, dark: bool
) -> None:
    room = visit(lang=lang, width=width, dark=dark)
    page = room.page
    expect(page.locator("#start")).to_be_in_viewport()
    room.picture("1-set-up")
    assert page.evaluate("document.documentElement.lang") == ("zh-CN" if lang == "zh" else "en")
    assert page.evaluate("document.body.classList.contains('dark')") is dark
    room.start(questions=2)
    expect(page.locator("#room .question")).to_contain_text("1")
    room.answer((ZH if lang == "zh" else EN)[0])
    expect(room.said_by("candidate").last).to_contain_text("std::vector<int>")
    room.press("hint")
    room.picture("2-room")
    expect(room.feedback).to_have_count(0)
    room.press("skip")
    expect(room.feedback).to_have_count(1)
    first = room.feedback.first
    expect(first.locator(".point").first).to_be_visible()
    expect(first.locator(".score .number")).to_have_text(re.compile(r"^\d+$"))
    first.locator("details.reference summary").click()
    expect(first.locator("details.reference p.spoken")).not_to_be_empty()
    expect(first.locator("details.reference .reading a").first).to_have_attribute("rel", "noopener noreferrer")
    room.picture("3-feedback")
    room.finish(ZH if lang == "zh" else EN)
    expect(room.feedback).to_have_count(2)
    assert room.fits()
    page.locator("#see-report").click()
    expect(page.locator("#report svg[role=img]")).to_be_visible()
    expect(page.locator("#report details.question")).to_have_count(2)
    page.locator("#report details.question").first.locator("summary").first.click()
    expect(page.locator("#report .spoken").first).to_contain_text("onerror")
    room.picture("4-report")
    assert room.fits()
    with page.expect_download() as download:
        page.locator("#report a[download][href*='.md']").click()
    text = download.value.path().read_text(encoding="utf-8")
    assert download.value.suggested_filename.endswith(".md")
    assert ("面试报告" if lang == "zh" else "Interview report") in text
    with page.expect_download() as download:
        page.locator("#report a[download][href*='.json']").click()
    assert len(json.loads(download.value.path().read_text(encoding="utf-8"))["questions"]) == 2
    assert page.evaluate("window.owned") is None
    assert page.evaluate(CLOCK_READ_IN_A_SECOND) < 30  # Gradio's own would read it in every frame


def test_a_real_interview_is_silent_about_grades_until_the_report(visit: Callable[..., Room]) -> None:
    room = visit(lang="en")
    page = room.page
    room.start(questions=1, real=True, minutes="10 min")
    expect(page.locator("#hint")).to_be_hidden()
    expect(page.locator("#room .clock")).to_contain_text("Left 09:")
    room.answer(EN[0])
    expect(page.locator("#room .heard")).to_be_empty()
    expect(page.locator("#feedback .score")).to_have_count(0)
    room.finish(EN)
    expect(page.locator("#feedback .score")).not_to_have_count(0)
    page.locator("#see-report").click()
    expect(page.locator("#report .score .number").first).to_be_visible()


def test_two_clicks_to_the_first_question_and_an_end_at_any_time(visit: Callable[..., Room]) -> None:
    room = visit(lang="zh", width=375)
    expect(room.page.locator("#start")).to_be_in_viewport()
    room.start()
    expect(room.answer_box).to_be_focused()
    room.press("clarify")
    room.picture("room")
    room.press("end")
    expect(room.page.locator("#see-report")).to_be_visible()
    expect(room.answer_box).to_be_hidden()
    room.page.locator("#new").click()
    expect(room.page.locator("#start")).to_be_visible()
