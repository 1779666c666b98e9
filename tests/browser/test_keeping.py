"""Nothing is lost, nothing happens twice: reloads, language switches, two windows, double presses, a killed server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import TimeoutError as PlaywrightTimeout
from playwright.sync_api import expect

from tests.browser.conftest import Server, running
from tests.browser.steps import Room, no_messages

Visit = Callable[..., Room]
DRAFT = "half an answer, 写到一半"


def test_a_reload_keeps_the_interview_and_the_draft(visit: Visit) -> None:
    room = visit()
    room.start()
    room.answer("first answer")
    said = room.log.inner_text()
    room.answer_box.fill(DRAFT)
    room.page.wait_for_function("text => Object.values(localStorage).includes(text)", arg=DRAFT)
    room.reload()
    expect(room.answer_box).to_have_value(DRAFT)
    room.rest()
    assert room.log.inner_text() == said
    room.answer(DRAFT)
    room.reload()
    expect(room.said_by("candidate")).to_have_count(2)
    expect(room.answer_box).to_have_value("")


def test_a_slow_phone_comes_back_to_its_interview(visit: Visit) -> None:
    """A busy page loses some of what Gradio tells its components; half the reloads ended at the set-up."""
    room = visit(width=390)
    room.start(questions=1)
    room.answer("first answer")
    phone = room.page.context.new_cdp_session(room.page)
    phone.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    room.reload()
    expect(room.said_by("candidate")).to_have_count(1)
    expect(room.page.locator("#hint")).to_be_visible()
    expect(room.answer_box).to_be_focused()
    expect(room.page.locator("#see-report, #start, #continue").locator("visible=true")).to_have_count(0)
    room.press("end")
    room.reload()
    expect(room.page.locator("#see-report")).to_be_visible()
    expect(room.page.locator("#answer, #hint, #start, #continue, #voice").locator("visible=true")).to_have_count(0)


#: A page that is busy while the server answers: all that is said about a press is there before the page knows that it was taken.
ALL_AT_ONCE = r"""(() => {
  const fetched = window.fetch;
  let say; // to the page, in what it takes for its stream of events
  const stream = new ReadableStream({ start: (to) => { say = (text) => to.enqueue(new TextEncoder().encode(text)); } });
  const press = async (url, ...how) => {
    const taken = await fetched(url, ...how);
    const events = await fetched(`${url.replace("/queue/join", "/queue/data")}session_hash=${JSON.parse(how[0].body).session_hash}`);
    say((await events.text()).split("\n\n").filter((one) => !one.includes("close_stream")).join("\n\n"));
    await new Promise((done) => setTimeout(done, 100));
    return taken;
  };
  let last = Promise.resolve();
  window.fetch = (asked, ...how) => {
    const url = String(asked.url || asked);
    if (url.includes("/queue/data")) return Promise.resolve(new Response(stream));
    if (!url.includes("/queue/join")) return fetched(asked, ...how);
    return (last = last.then(() => press(url, ...how)));
  };
})()"""


def test_what_comes_all_at_once_is_shown_all_the_same(visit: Visit) -> None:
    room = visit()
    page = room.page
    page.add_init_script(ALL_AT_ONCE)
    page.locator("#topics label").first.click()
    room.reload()
    expect(page.locator("#topics input:checked")).to_have_count(1)
    room.start(questions=1)
    room.answer("all at once")
    room.reload()
    expect(room.said_by("candidate")).to_have_text(["all at once"])
    room.tab("settings")
    expect(page.locator("#recogniser-kind label").nth(1)).to_contain_text("GB")
    expect(page.locator("#settings-suggestion p").first).to_be_visible()
    for leave in (True, False):
        if leave:
            room.tab("interview")
            page.locator("#leave").click()
            expect(page.locator("#start")).to_be_visible()
        room.tab("history")
        page.locator("#history .session").first.locator("[data-action=resume]").click()
        expect(room.said_by("candidate")).to_be_visible()
    room.press("end")
    room.tab("history")
    page.locator("#history .session").first.locator("[data-action=open]").click()
    question = page.locator("#report details.question")
    question.locator("summary").first.click()
    asked = question.locator(".asked").inner_text()
    question.locator("[data-action=again]").click()
    expect(page.locator("#again")).to_contain_text(asked)
    expect(room.answer_box).to_be_focused()


def test_each_interview_has_its_own_draft(visit: Visit) -> None:
    room = visit()
    page = room.page
    for draft in ("meant for the first", "meant for the second"):
        room.start()
        expect(room.answer_box).to_have_value("")
        expect(room.answer_box).to_be_focused()
        room.answer_box.fill(draft)
        page.locator("#leave").click()  # at once: the last words count too
        expect(page.locator("#start")).to_be_visible()
        expect(room.answer_box).to_be_hidden()
    for place, draft in enumerate(("meant for the second", "meant for the first")):  # the newest comes first
        room.tab(2)
        page.locator("#history .session [data-action=resume]").nth(place).click()
        expect(room.answer_box).to_have_value(draft)
    room.answer_box.press_sequentially("!")
    expect(room.answer_box).to_have_value("meant for the first!")
    room.reload()
    expect(room.answer_box).to_have_value("meant for the first!")


def test_switching_the_language_keeps_the_interview_and_the_draft(visit: Visit) -> None:
    room = visit(lang="en")
    room.start()
    asked = room.said_by("interviewer").last.inner_text()
    room.answer_box.fill(DRAFT)
    room.page.wait_for_function("text => Object.values(localStorage).includes(text)", arg=DRAFT)
    room.page.locator("#header .switch").click()
    expect(room.page.locator("#skip")).to_have_text("跳过这题")
    expect(room.answer_box).to_have_value(DRAFT)
    expect(room.said_by("interviewer").last).to_have_text(asked)
    assert room.page.evaluate("document.documentElement.lang") == "zh-CN"
    room.picture("chinese-labels-english-interview")
    room.page.goto(room.page.url.replace("/zh/", "/"))
    expect(room.page.locator("#skip")).to_have_text("跳过这题")  # the choice is remembered


def test_an_empty_answer_is_a_friendly_word_and_no_turn(visit: Visit) -> None:
    room = visit()
    room.start()
    turns = room.turns()
    room.answer_box.fill("   ")
    room.answer_box.press("Enter")
    room.warned("Nothing typed yet")
    assert room.turns() == turns


def test_pressing_twice_sends_once(visit: Visit) -> None:
    room = visit()
    room.start()
    room.answer_box.fill("only once")
    room.answer_box.press("Enter")
    room.answer_box.press("Enter")
    expect(room.said_by("candidate")).to_have_count(1)
    room.rest()
    turns = room.turns()
    room.page.locator("#hint").dblclick()
    room.replied(turns)
    room.page.wait_for_timeout(500)
    room.rest()
    expect(room.said_by("candidate")).to_have_count(2)


def test_two_windows_on_one_interview(visit: Visit) -> None:
    one = visit()
    one.start()
    two = Room(one.page.context.new_page(), "second-window")
    # The first window notes its session in the browser a moment after it shows it; a window opened sooner is at the set-up.
    for _ in range(5):
        two.page.goto(one.page.url)
        two.page.locator("#start, #answer").locator("visible=true").first.wait_for()
        try:
            two.said_by("interviewer").nth(1).wait_for(timeout=10_000)
            break
        except PlaywrightTimeout:
            continue
    expect(two.said_by("interviewer").nth(1)).to_be_visible()
    two.rest()
    one.answer("answered in the first window")
    two.answer_box.fill("meant for the earlier question")
    two.answer_box.press("Enter")
    two.warned("went on in another window")
    expect(two.said_by("candidate")).to_have_text(["answered in the first window"])
    expect(two.answer_box).to_have_value("meant for the earlier question")
    two.answer("now on purpose")
    expect(two.said_by("candidate")).to_have_count(2)


def test_a_killed_server_loses_nothing_and_goes_on(visit: Visit, tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        room = visit(at=server)
        room.start()
        room.answer("said before the power cut")
        port = server.port
        server.kill()
        room.answer_box.fill("said into the void")
        room.answer_box.press("Enter")
        expect(room.answer_box).to_have_value("")
        room.page.wait_for_timeout(1000)  # the page keeps the draft a few times a second
        server.start(port)
        room.reload()
        expect(room.said_by("candidate")).to_have_text(["said before the power cut"])
        expect(room.answer_box).to_have_value("said into the void")  # the server never got it
        room.rest()
        room.answer("said again")
        expect(room.said_by("candidate")).to_have_text(["said before the power cut", "said again"])


def test_history_resumes_opens_and_deletes(visit: Visit, server: Server) -> None:
    room = visit()
    page = room.page
    mine = page.locator("#history .session").first  # the newest
    room.start()
    room.answer("kept for later, deleted in the end")
    page.locator("#leave").click()
    expect(page.locator("#start")).to_be_visible()
    room.tab(2)
    mine.locator("[data-action=resume]").click()
    expect(room.said_by("candidate")).to_have_text(["kept for later, deleted in the end"])
    room.press("end")
    expect(page.locator("#see-report")).to_be_visible()
    room.tab(2)
    room.picture("history")
    mine.locator("[data-action=open]").click()
    expect(page.locator("#report details.question")).to_have_count(1)
    link = page.locator("#report a[download][href*='.json']").get_attribute("href") or ""
    room.tab(2)
    expect(mine.locator("[data-action=open]")).to_be_visible()
    count = page.locator("#history .session").count()
    mine.locator("[data-action=delete]").click()
    expect(page.locator("#history .session")).to_have_count(count - 1)
    assert page.request.get(server.url + link).status == 404
    page.reload()
    expect(page.locator("#start")).to_be_visible()
    assert b"deleted in the end" not in (server.data / "interviews.db").read_bytes()


def test_the_set_up_stays_as_it_was_left_and_takes_any_number(visit: Visit) -> None:
    room = visit()
    page = room.page
    number = page.locator("#questions input[type=number]")
    page.locator("#topics label").first.click()
    expect(page.locator("#pool")).not_to_contain_text("only")
    for typed in ("", "0", "999"):
        number.fill(typed)
        page.wait_for_timeout(300)  # as a person types; each is sent
    number.blur()
    expect(page.locator("#pool")).to_contain_text("only")
    no_messages(page)
    room.start()
    page.locator("#leave").click()
    expect(page.locator("#start")).to_be_visible()
    expect(page.locator("#topics input:checked")).to_have_count(1)
    expect(page.locator("#pool")).to_contain_text("only")


def deleted_in_a_second_window(one: Room) -> None:
    two = Room(one.page.context.new_page(), "second-window")
    two.page.goto(one.page.url)
    expect(two.said_by("interviewer").nth(1)).to_be_visible()
    two.tab(2)
    delete = two.page.locator("#history .session [data-action=delete]")
    expect(delete.first).to_be_visible()
    count = delete.count()
    delete.first.click()
    expect(delete).to_have_count(count - 1)


def test_leaving_an_interview_that_another_window_deleted(visit: Visit) -> None:
    one = visit()
    one.start()
    deleted_in_a_second_window(one)
    one.page.locator("#leave").click()
    one.warned("is gone")
    expect(one.page.locator("#start")).to_be_visible()


def test_an_answer_in_an_interview_that_another_window_deleted_leads_back(visit: Visit) -> None:
    one = visit()
    one.start()
    deleted_in_a_second_window(one)
    one.answer_box.fill("is anybody there")
    one.answer_box.press("Enter")
    one.warned("is gone")
    expect(one.page.locator("#start")).to_be_visible()
    one.start()  # and nothing of the old one is in the way
    expect(one.answer_box).to_have_value("")


def test_switching_the_language_keeps_the_choices(visit: Visit) -> None:
    room = visit(lang="en")
    page = room.page
    expect(page.locator("#start")).to_be_visible()
    page.locator("#topics label").nth(1).click()
    page.locator("#topics label").nth(3).click()
    page.locator("#mode label").nth(1).click()
    number = page.locator("#questions input[type=number]")
    number.fill("7")
    number.blur()
    page.wait_for_timeout(500)  # kept in the browser without a sign
    page.locator("#header .switch").click()
    expect(page.locator("#start")).to_have_text("开始面试")
    expect(page.locator("#topics input:checked")).to_have_count(2)
    expect(page.locator("#mode input").nth(1)).to_be_checked()
    expect(number).to_have_value("7")
    expect(page.locator("#lang input").nth(0)).to_be_checked()  # nobody chose one: it goes with the page
    page.locator("#lang label").nth(1).click()
    page.wait_for_timeout(500)
    page.reload()
    expect(page.locator("#lang input").nth(1)).to_be_checked()
    expect(page.locator("#topics input:checked")).to_have_count(2)


def test_about_says_what_runs_here(visit: Visit, server: Server) -> None:
    room = visit(lang="zh")
    room.tab(3)
    expect(room.page.locator("#about")).to_contain_text(str(server.data))
    expect(room.page.locator("#about")).to_contain_text("内置")
    room.picture("about")


def test_the_keyboard_alone_is_enough(visit: Visit) -> None:
    room = visit()
    expect(room.page.locator("#start")).to_be_visible()
    room.page.locator("#start").focus()
    room.page.keyboard.press("Enter")
    expect(room.answer_box).to_be_focused()
    expect(room.said_by("interviewer").nth(1)).to_be_visible()
    room.rest()
    expect(room.page.get_by_role("textbox", name="Your answer")).to_be_visible()
    room.page.keyboard.type("line one")
    room.page.keyboard.press("Shift+Enter")
    room.page.keyboard.type("line two")
    turns = room.turns()
    room.page.keyboard.press("Enter")
    room.replied(turns)
    expect(room.said_by("candidate").last).to_have_text("line one\nline two", use_inner_text=True)
    expect(room.page.get_by_role("button", name="Send")).to_be_visible()
    unnamed = room.page.evaluate(
        "[...document.querySelectorAll('button, input, textarea, select')]"
        ".filter(e => e.checkVisibility() && !(e.innerText || e.getAttribute('aria-label') || e.labels?.length || e.title))"
        ".map(e => e.outerHTML.slice(0, 200))"
    )
    assert unnamed == []
