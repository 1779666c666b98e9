"""Readable by everyone: axe-core finds nothing serious on any page, and a phone shows what a desk shows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from interviewer.domain.questions import Bank, Lang
from interviewer.domain.transcript import SessionInfo, Setup
from interviewer.report import Report, TopicScore, topic_chart_svg
from tests.browser.steps import Room

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
SEEN = [("zh", 1280, False), ("en", 1280, True), ("en", 375, False), ("zh", 375, True)]
IDS = ["chinese-desk-light", "english-desk-dark", "english-phone-light", "chinese-phone-dark"]


def found(page: Page) -> list[str]:
    """What axe-core calls serious or critical. No rule and no part of the page is left out, Gradio's own included."""
    page.wait_for_timeout(400)  # colours fade in, and a half-faded one has little contrast
    results: dict[str, Any] = Axe().run(page, options={"resultTypes": ["violations"]}).response
    return [
        f"{violation['id']}: {node['html'][:160]} {node['failureSummary']}"
        for violation in results["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize(("lang", "width", "dark"), SEEN, ids=IDS)
def test_nothing_serious_is_found_on_any_page(visit: Callable[..., Room], lang: str, width: int, dark: bool) -> None:
    room = visit(lang=lang, width=width, dark=dark)
    page = room.page
    expect(page.locator("#start")).to_be_visible()
    page.locator("#more > button").click()
    page.locator("#add > button").click()
    expect(page.locator("#go-add")).to_be_visible()
    assert found(page) == []
    room.start(questions=2)
    room.answer("Attention weighs values by the match of queries and keys. 注意力按查询与键的匹配给值加权。")
    assert found(page) == []
    room.press("skip")
    expect(room.feedback.first).to_be_visible()
    room.feedback.first.locator("details.reference summary").click()
    assert found(page) == []
    room.finish(["不知道" if lang == "zh" else "I don't know"])
    page.locator("#see-report").click()
    expect(page.locator("#report details.question")).to_have_count(2)
    page.locator("#report details.question > summary").first.click()
    assert found(page) == []
    assert room.fits()
    room.picture("report")
    room.tab(2)
    expect(page.locator("#history .session").first).to_be_visible()
    assert found(page) == []
    room.tab("about")
    expect(page.locator("#about dl").first).to_be_visible()
    assert found(page) == []


def chart_of_everything(bank: Bank, lang: Lang) -> str:
    """Every topic of the bank with the widest score there is, and without one."""
    scores = [
        TopicScore(topic, bank.topics[topic], score, 1)
        for topic in dict.fromkeys(question.topic for question in bank)
        for score in (100.0, None)
    ]
    info = SessionInfo("s", Setup(), "finished", AT, AT, "built-in")
    return topic_chart_svg(Report(info, 1, 100, 90, 100, (), tuple(scores), (), ()), lang)


@pytest.mark.parametrize(("lang", "dark"), [("zh", False), ("en", True)])
def test_the_topic_chart_is_whole_on_a_phone(visit: Callable[..., Room], bank: Bank, lang: Lang, dark: bool) -> None:
    room = visit(lang=lang, width=375, dark=dark)
    page = room.page
    room.start(questions=1)
    room.press("skip")
    page.locator("#see-report").click()
    expect(page.locator("#report .chart svg")).to_be_visible()
    svg = chart_of_everything(bank, lang)
    page.evaluate("svg => { document.querySelector('#report .chart').innerHTML = svg; }", svg)
    room.picture("chart")
    wrong = page.evaluate(
        """() => {
            const card = document.querySelector('#report .chart').getBoundingClientRect();
            const texts = [...document.querySelectorAll('#report .chart svg > text')];
            const boxes = texts.map((text) => text.getBoundingClientRect());
            const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
            const outside = texts.filter((_, i) => boxes[i].left < card.left - 1 || boxes[i].right > card.right + 1);
            const small = texts.filter((text) => parseFloat(getComputedStyle(text).fontSize) < 12);
            const over = texts.filter((_, i) => boxes.some((box, j) => j > i && !apart(box, boxes[i])));
            return [...outside, ...small, ...over].map((text) => text.textContent);
        }"""
    )
    assert wrong == []
    assert "…" not in svg or lang == "en"
    assert found(page) == []
    assert room.fits()
