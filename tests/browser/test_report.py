"""The report of a spoken interview: read, printed and downloaded, in both languages, light and dark, desk and phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO

import pytest
from playwright.sync_api import expect

from interviewer.config import load_settings
from interviewer.domain.questions import Bank, Lang
from interviewer.report.words import word
from interviewer.storage import open_store
from interviewer.storage.confidences import SqlConfidences
from interviewer.ui.words import words_for
from tests.browser.conftest import Server
from tests.browser.steps import Room
from tests.browser.test_access import found
from tests.spoken_interview import CONFIDENCES, practised_interview


def keep(server: Server, bank: Bank, lang: Lang) -> str:
    """A spoken interview in the server's history, practised with hints and once more, older than all others. Its id."""
    stored, history = practised_interview(bank, lang)
    at = stored.info.created_at - timedelta(days=3650)
    store = open_store(load_settings({}, data=server.data).database_url)
    session_id = store.create(stored.info.setup, "built-in", at)
    for turn in stored.turns:
        store.add_turn(session_id, turn)
    for number, assessment in sorted(history.items()):
        store.add_assessment(session_id, number, assessment, at)
    for assessment, percent in zip(stored.assessments, CONFIDENCES, strict=True):
        SqlConfidences(store).put(session_id, assessment.question_id, percent, at)
    store.close()
    return session_id


@pytest.mark.parametrize(
    ("lang", "width", "dark"), [("zh", 1280, False), ("en", 390, True)], ids=["chinese-desk-light", "english-phone-dark"]
)
def test_a_spoken_interviews_report(
    visit: Callable[..., Room], server: Server, bank: Bank, lang: Lang, width: int, dark: bool
) -> None:
    session_id = keep(server, bank, lang)
    room = visit(lang=lang, width=width, dark=dark)
    page = room.page
    room.tab(2)
    page.locator(f"#history [data-action=open][data-session='{session_id}']").click()
    report = page.locator("#report")
    expect(report.locator("details.question")).to_have_count(5)
    for key in ("misconceptions", "sureness", "delivery"):
        expect(report.get_by_role("heading", name=word(key, lang), exact=True).first).to_be_visible()
    expect(report.locator(".sureness-chart circle.sure")).to_have_count(5)
    expect(report.locator(".excerpt").first).to_be_visible()
    first = report.locator("details.question").first
    first.locator("summary").first.click()
    expect(first.locator(".delivery .facts div")).to_have_count(5)
    expect(first.locator(".delivery .advice")).to_contain_text("嗯" if lang == "zh" else "um")
    first.locator(".heard summary").click()
    expect(first.locator(".heard mark.filler").first).to_have_text("嗯" if lang == "zh" else "Um")
    expect(first.locator(".heard .pause")).to_have_count(2)
    room.picture("report")
    assert room.fits()
    assert found(page) == []
    expect(first.locator(".again-result")).to_contain_text("64")
    expect(first.locator(".again-result .gained")).to_have_count(2)
    third = report.locator("details.question").nth(2)
    third.locator("summary").first.click()
    expect(third.locator(".score + .aside")).to_contain_text("25%")
    statement = third.locator(".points .statement").nth(1).inner_text()
    third.locator(".points .entry").nth(1).press("Enter")
    point = page.locator("#bank-question .bank-points > .target")
    expect(point).to_be_focused()
    expect(point).to_contain_text(statement)
    expect(point).to_be_in_viewport()
    assert found(page) == []
    assert room.fits()
    room.picture("entry")
    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.message))  # the page's own handler says yes to it
    page.locator("#bank-question [data-action=edit]").click()
    page.locator("form.bank-edit textarea").first.fill("A change that nobody has saved")
    room.tab("report")
    expect(third.locator(".points")).to_be_visible()  # still as it was left
    gained = first.locator(".again-result .gained").last
    statement = gained.locator(".statement").inner_text()
    gained.locator(".entry").click()
    expect(point).to_contain_text(statement)
    assert asked == [words_for(lang)("bank_unsaved")]
    page.locator("#bank-question [data-action=back]").click()
    expect(page.locator("#bank-list .bank-row").first).to_be_visible()
    room.tab("report")
    with page.expect_download() as download:
        report.locator("a[href*='.apkg']").click()
    assert re.fullmatch(r"interview-[\d-]+\.apkg", download.value.suggested_filename)
    assert download.value.path().read_bytes().startswith(b"PK")


def test_on_paper_everything_lies_open_in_light_colours_without_controls(
    visit: Callable[..., Room], server: Server, bank: Bank
) -> None:
    session_id = keep(server, bank, "en")
    room = visit(lang="en", dark=True)
    page = room.page
    page.evaluate("() => { window.print = () => { window.printed = (window.printed || 0) + 1; }; }")
    room.tab(2)
    page.locator(f"#history [data-action=open][data-session='{session_id}']").click()
    report = page.locator("#report")
    report.locator("[data-action=print]").click()
    assert page.evaluate("window.printed") == 1
    expect(report.locator("details.question .reference p.spoken").first).to_be_hidden()
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    expect(report.locator("details.question .reference p.spoken").last).to_be_visible()
    expect(report.locator(".heard .spoken").first).to_be_visible()
    expect(report.locator(".further .spoken").last).to_be_visible()
    inside = (f"#report {control} >> nth=0" for control in (".downloads", ".points .entry", ".objection", ".more"))
    for control in (*inside, "#tabs > .tab-wrapper", "#header .switch"):
        expect(page.locator(control)).to_be_hidden()
    colours = page.evaluate(
        """() => ['body', '#report .card', '#report .statement', '#report .point.contradicted .verdict'].map((selector) => {
            const style = getComputedStyle(document.querySelector(selector));
            return [style.backgroundColor, style.color];
        })"""
    )
    backgrounds, texts = [pair[0] for pair in colours], [pair[1] for pair in colours]
    assert all(colour in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)") for colour in backgrounds), backgrounds
    assert all(int(channel) < 160 for text in texts for channel in re.findall(r"\d+", text)[:3]), texts
    room.picture("paper")
    page.emulate_media(media="screen")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    expect(report.locator("details.question .reference p.spoken").first).not_to_be_visible()
    pages = page.pdf(format="A4")
    assert pages.startswith(b"%PDF")
    assert headers_left_alone(pages) == []


def headers_left_alone(pdf: bytes) -> list[str]:
    """Questions whose heading is the last thing on a page."""
    import pdfplumber

    with pdfplumber.open(BytesIO(pdf)) as document:
        last_lines = [(page.extract_text() or "").strip().splitlines()[-1:] for page in document.pages]
        texts = "\n".join(page.extract_text() or "" for page in document.pages)
    assert "Reference answer" in texts
    return [line for lines in last_lines for line in lines if re.match(r"\d+ .*\?", line)]
