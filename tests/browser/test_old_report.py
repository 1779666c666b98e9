"""An interview of earlier days in the browser: objected to and answered again from its report, as if it had just ended."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from interviewer.domain.questions import Bank, Lang
from interviewer.ui.words import words_for
from tests.browser.conftest import Server
from tests.browser.steps import Room, no_messages
from tests.browser.test_access import found
from tests.browser.test_bank import part
from tests.browser.test_practice import answered_again
from tests.browser.test_report import keep


@pytest.mark.parametrize(
    ("lang", "width", "dark"), [("zh", 1280, False), ("en", 390, True)], ids=["chinese-desk-light", "english-phone-dark"]
)
def test_an_old_interview_is_objected_to_and_answered_again(
    visit: Callable[..., Room], server: Server, bank: Bank, lang: Lang, width: int, dark: bool
) -> None:
    session_id, words = keep(server, bank, lang), words_for(lang)
    room = visit(lang=lang, width=width, dark=dark)
    page = room.page
    room.start()  # this page is in another interview, which will wait
    running = room.log.get_attribute("data-session")
    room.tab(2)
    page.locator(f"#history [data-action=open][data-session='{session_id}']").click()
    last = page.locator("#report details.question").nth(4)
    last.locator("summary").first.click()
    # an objection: filed, said, settled in the bank, and what became of it
    point = last.locator(".points .point").first
    point.locator(".objection summary").click()
    point.locator(".objection textarea").fill('The paper says otherwise <img src=x onerror="window.owned=1">')
    last.locator("details.reference > summary").click()
    point.locator(".objection button").click()
    expect(point.locator(".objected")).to_have_text(words("dispute_open"))
    expect(point.locator(".objected")).to_be_focused()
    expect(last.locator("details.reference")).to_have_attribute("open", "")  # what was open stays open
    assert page.evaluate("window.owned") is None
    assert found(page) == []
    room.picture("1-objected")
    room.tab("bank")
    part(page, "disputes")
    queue = page.locator("#bank-disputes .bank-disputes > .bank-rows > li")
    queue.filter(has_text="window.owned").locator("[data-action=rejected]").click()
    expect(queue.filter(has_text="window.owned")).to_have_count(0)
    room.tab("report")
    expect(point.locator(".objected")).to_have_text(words("dispute_rejected"))
    expect(point.locator(".objection summary")).to_have_text(words("dispute_more"))
    # answered again: into that interview, from memory, compared with what was said then
    asked = last.locator(".asked").inner_text()
    last.locator("[data-action=again]").click()
    room.warned(words("leave_done"))
    expect(page.locator("#again")).to_contain_text(asked)
    expect(room.log).to_have_attribute("data-session", session_id)
    expect(room.answer_box).to_be_focused()
    card = page.locator("#feedback details.question", has_text=asked)
    expect(card).to_have_attribute("open", "")
    expect(card.locator(".points").first).to_be_hidden()
    no_messages(page)
    assert found(page) == []
    room.picture("2-again")
    question = next(q for q in bank if q.text.get(lang) == asked)
    answered_again(room, question.reference.get(lang))
    expect(card.locator(".again-result .changes .gained").first).to_be_visible()
    expect(card.locator(".objected")).to_have_text(words("dispute_rejected"))
    assert room.fits()
    room.picture("3-compared")
    # it stands in the report, and the first answer counts
    page.locator("#see-report").click()
    further = last.locator(".further")
    expect(further).to_have_count(1)
    further.locator("summary").click()
    expect(further.locator(".spoken")).to_have_text(question.reference.get(lang))
    assert found(page) == []
    room.picture("4-report")
    kept = json.loads(server.get(f"/report/{session_id}.json"))["questions"][4]
    assert [one["answer"] for one in kept["again"]["answers"]] == [question.reference.get(lang)]
    assert kept["assessment"]["score"] < kept["again"]["best"]
    # deleted in another window meanwhile: a sentence, and this page stays where it is
    other = Room(page.context.new_page(), "other")
    other.page.goto(server.url + f"/{lang}/")
    other.tab(2)
    other.page.locator(f"#history [data-action=delete][data-session='{session_id}']").click()
    expect(other.page.locator(f"#history [data-session='{session_id}']")).to_have_count(0)
    last.locator("[data-action=again]").click()
    room.warned(words("warn_gone"))
    expect(page.locator("#report")).to_contain_text(words("warn_gone"))
    room.tab(2)
    page.locator(f"#history [data-action=resume][data-session='{running}']").click()
    expect(room.log).to_have_attribute("data-session", running or "")
    room.rest()
