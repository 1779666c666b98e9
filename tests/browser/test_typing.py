"""Typing as people do: straight on while the interviewer replies, in several lines, by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Route, expect

from tests.browser.steps import Room

Visit = Callable[..., Room]


def test_the_next_answer_may_be_typed_while_the_last_one_is_on_its_way(visit: Visit) -> None:
    room = visit()
    room.start(questions=10)
    keyboard = room.page.keyboard
    room.answer_box.focus()
    for n in range(3):
        turns = room.turns()
        keyboard.type(f"answer {n}")
        keyboard.press("Enter")
        for letter in "typed straight on":
            keyboard.type(letter)
            room.page.wait_for_timeout(15)  # from the same moment until well after the reply has begun
        room.replied(turns)
        expect(room.said_by("candidate").last).to_have_text(f"answer {n}")
        expect(room.answer_box).to_have_value("typed straight on")
        expect(room.answer_box).to_be_focused()
        room.answer_box.fill("")


def test_an_answer_sent_too_soon_stays_in_the_box_and_overtakes_nothing(visit: Visit) -> None:
    room = visit()
    room.start()
    keyboard = room.page.keyboard
    turns = room.turns()
    held: list[Route] = []
    room.page.route("**/queue/join*", lambda route: route.continue_() if held else held.append(route))
    room.answer_box.focus()
    for text in ("first", "too soon"):
        keyboard.type(text)
        keyboard.press("Enter")
    keyboard.press("Enter")
    room.page.wait_for_timeout(1000)  # in which the others may go past it
    room.warned("The interviewer is still speaking")
    held[0].continue_()
    room.replied(turns)
    room.page.wait_for_timeout(500)
    assert room.said_by("candidate").all_inner_texts() == ["first"]
    assert room.answer_box.input_value() == "too soon"


def test_pasted_lines_are_one_answer_and_escape_leaves_nothing(visit: Visit) -> None:
    room = visit()
    room.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    room.start()
    room.page.evaluate("navigator.clipboard.writeText('first line\\r\\nsecond\\n\\nlast\\n')")
    room.answer_box.focus()
    room.page.keyboard.press("Control+v")
    expect(room.answer_box).to_have_value("first line\nsecond\n\nlast\n")
    room.page.keyboard.press("Escape")
    expect(room.answer_box).to_have_value("first line\nsecond\n\nlast\n")
    expect(room.said_by("candidate")).to_have_count(0)
    turns = room.turns()
    room.page.keyboard.press("Control+Enter")
    room.replied(turns)
    expect(room.said_by("candidate")).to_have_count(1)
    expect(room.said_by("candidate")).to_have_text("first line\nsecond\n\nlast\n", use_inner_text=True)
    expect(room.answer_box).to_have_value("")


def test_shortcuts_are_named_and_leave_the_draft_alone(visit: Visit) -> None:
    room = visit()
    room.start()
    for button, letter in (("hint", "h"), ("skip", "s")):
        expect(room.page.locator(f"#{button}")).to_have_attribute(
            "title", f"{'A hint' if letter == 'h' else 'Leave this question and go on to the next'} (Alt+{letter.upper()})"
        )
        expect(room.page.locator(f"#{button}")).to_have_attribute("aria-keyshortcuts", f"Alt+{letter.upper()}")
        room.answer_box.fill("half hidden shells")
        turns = room.turns()
        room.page.keyboard.press(f"Alt+{letter}")
        room.replied(turns)
        expect(room.answer_box).to_have_value("half hidden shells")
        expect(room.answer_box).to_be_focused()
    expect(room.said_by("candidate")).to_have_text(["(asked for a hint)", "(skipped)"])


def test_in_a_real_interview_there_is_no_hint_to_press(visit: Visit) -> None:
    room = visit()
    room.start(real=True)
    room.page.keyboard.press("Alt+h")
    turns = room.turns()
    room.page.keyboard.press("Alt+s")
    room.replied(turns)
    expect(room.said_by("candidate")).to_have_text(["(skipped)"])


def test_what_is_done_in_the_room_is_for_the_interview_it_shows_and_that_is_where_a_reload_leads(visit: Visit) -> None:
    room = visit()
    expect(room.page.locator("#start")).to_be_visible()
    assert room.page.evaluate("window.interviewer.here()") == ""
    room.start()
    shown = room.log.get_attribute("data-session")
    assert shown
    assert room.page.evaluate("window.interviewer.here()") == room.page.evaluate("window.interviewer.place()") == shown
    room.page.locator("#leave").click()
    expect(room.page.locator("#start")).to_be_visible()
    room.page.wait_for_function("window.interviewer.here() === '' && window.interviewer.place() === ''")
    room.reload()
    expect(room.page.locator("#start")).to_be_visible()
    room.page.wait_for_timeout(500)
    assert room.page.evaluate("window.interviewer.place()") == ""
