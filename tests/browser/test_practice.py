"""Practising in the browser: how sure one is, words that lead to points, answering again, objections."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from interviewer.domain.questions import Bank, Lang, Question
from tests.browser.steps import Room
from tests.browser.test_access import found

Visit = Callable[..., Room]
FOCUSED = "document.activeElement.outerHTML.slice(0, 200)"


def running_question(room: Room, bank: Bank, lang: Lang) -> Question:
    said = room.said_by("interviewer").last.inner_text()
    return next(question for question in bank if question.text.get(lang) in said)


def statements(question: Question, lang: Lang) -> list[str]:
    return [point.statement.get(lang) for point in question.key_points]


def answered_again(room: Room, text: str) -> None:
    turns = room.turns()
    room.answer_box.fill(text)
    room.answer_box.press("Enter")
    room.page.wait_for_function("n => Number(document.querySelector('#room .log').dataset.turns) === n + 1", arg=turns)
    room.rest()


def test_first_how_sure_then_the_feedback_all_by_keyboard(visit: Visit, bank: Bank) -> None:
    room = visit(lang="en", dark=True)
    room.confides = True
    page, keyboard = room.page, room.page.keyboard
    room.start(questions=2)
    first, second, *_ = statements(running_question(room, bank, "en"), "en")
    room.answer(f"Let me begin. {first} {second}")
    if room.log.get_attribute("data-waiting") == "false":
        keyboard.press("Alt+s")
    expect(page.locator("#feedback .waiting")).to_be_visible()
    room.rest()
    room.picture("1-how-sure")
    assert found(page) == []
    expect(page.locator("#feedback")).not_to_contain_text(first)
    expect(room.log).not_to_contain_text("points")
    expect(room.answer_box).to_be_enabled()  # nobody is held up
    keyboard.press("Alt+k")
    assert 'data-percent="25"' in page.evaluate(FOCUSED)
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(room.feedback).to_have_count(1)
    expect(room.feedback.first).to_contain_text("You said you were 50% sure")
    page.wait_for_function("document.activeElement.matches('#feedback details.question > summary')")
    keyboard.press("Alt+k")
    expect(room.answer_box).to_be_focused()
    assert found(page) == []
    # the candidate's own words, and what they are evidence for
    mark = room.feedback.first.locator("mark a").first
    point = page.locator("#" + str(mark.get_attribute("href"))[1:])
    mark.hover()
    expect(point).to_have_class("point covered lit")
    point.hover()
    expect(mark.locator("..")).to_have_class("covered lit")
    mark.focus()
    keyboard.press("Enter")
    expect(point).to_be_focused()
    room.picture("2-feedback")
    # an objection
    objection = point.locator(".objection")
    objection.locator("summary").click()
    objection.locator("textarea").fill('The paper says otherwise <img src=x onerror="window.owned=1">')
    page.locator("#feedback details.reference > summary").first.click()
    objection.locator("button").click()
    expect(point.locator(".objected")).to_be_visible()
    expect(page.locator("#feedback details.reference").first).to_have_attribute("open", "")  # what was open stays open
    assert page.evaluate("window.owned") is None
    room.reload()
    expect(point.locator(".objected")).to_be_visible()
    expect(room.feedback.first).to_contain_text("50% sure")


def test_answering_again_and_what_was_gained(visit: Visit, bank: Bank) -> None:
    room = visit(lang="zh", width=390)
    page = room.page
    room.start(questions=1)
    question = running_question(room, bank, "zh")
    said = statements(question, "zh")
    room.answer(f"先说一点。{said[0]}")
    room.answer_box.fill("正想说的")
    page.wait_for_timeout(500)
    room.press("end")
    expect(room.answer_box).to_be_hidden()
    again = page.locator("#feedback [data-again]")
    again.click()
    expect(page.locator("#again")).to_contain_text(question.text.zh)
    expect(room.answer_box).to_be_focused()
    expect(room.answer_box).to_have_value("")
    expect(room.feedback.first.locator(".points")).to_be_hidden()  # from memory
    assert found(page) == []
    room.picture("1-again")
    room.answer_box.fill("说到一半")
    page.locator("#again button").click()
    expect(room.answer_box).to_be_hidden()
    expect(room.feedback.first.locator(".points").first).to_be_visible()
    again.click()
    expect(room.answer_box).to_have_value("说到一半")
    answered_again(room, " ".join(said))
    expect(room.feedback.first.locator(".again-result")).to_be_visible()
    expect(room.feedback.first.locator(".changes .gained").first).to_be_visible()
    expect(room.log).to_contain_text("第 1 题再答一次")
    expect(room.answer_box).to_be_hidden()
    assert found(page) == []
    assert room.fits()
    room.picture("2-gained")
    room.reload()
    expect(room.feedback.first.locator(".changes .gained").first).to_be_visible()
    page.locator("#see-report").click()
    expect(page.locator("#report details.question")).to_have_count(1)


def test_a_running_question_waits_with_its_draft(visit: Visit) -> None:
    room = visit(lang="en")
    page = room.page
    page.locator("#more > button").click()
    page.locator("#confidence input").uncheck()
    room.confides = True
    room.start(questions=2)
    room.answer("Something about gradients and data, to begin with.")
    room.press("skip")
    expect(room.feedback).to_have_count(1)  # nobody was asked how sure they are
    room.answer_box.fill("my half answer")
    page.locator("#feedback [data-again]").click()
    expect(room.answer_box).to_have_value("")
    answered_again(room, "Another try at the first question.")
    expect(room.answer_box).to_have_value("my half answer")
    expect(page.locator("#again .again-line")).to_have_count(0)
    expect(room.said_by("candidate").last).to_have_text("Another try at the first question.")
    room.answer(" ".join(["my half answer", "is whole now"]))
    expect(room.said_by("candidate").last).to_have_text("my half answer is whole now")
    expect(page.locator("#feedback .again-result")).to_have_count(1)
