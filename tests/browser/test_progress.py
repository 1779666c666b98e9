"""Coming back: what is due today, how it has been going, and finding an earlier interview again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from interviewer.domain.assessment import Assessment, GraderInfo, PointAssessment, Status, Verdict
from interviewer.domain.questions import Bank, Question
from interviewer.domain.review import ratings_of
from interviewer.domain.transcript import Setup, Speaker, Turn, TurnKind
from interviewer.storage import SqlStore, open_store
from interviewer.storage.reviews import SqlReviews
from interviewer.storage.tables import confidences
from tests.browser.conftest import Server, running
from tests.browser.steps import Room, no_messages
from tests.browser.test_access import found

Visit = Callable[..., Room]
#: Enough that the list has a second page; most were ended before a word was said.
INTERVIEWS, ANSWERED = 34, 12


@pytest.fixture(scope="module")
def practised(tmp_path_factory: pytest.TempPathFactory, browser_type_launch_args: object, bank: Bank) -> Iterator[Server]:
    """A server on the data of somebody who has practised for weeks, and whose newest interview still runs."""
    data = tmp_path_factory.mktemp("practised") / "data"
    data.mkdir()
    store = quick_store(f"sqlite:///{data / 'interviews.db'}")
    now = datetime.now(UTC)
    for n in range(ANSWERED):
        hold(store, bank.questions[n % 6 * 9], now - timedelta(days=ANSWERED - n), n / ANSWERED, running=n == ANSWERED - 1)
    for n in range(INTERVIEWS - ANSWERED):
        at = now - timedelta(days=ANSWERED + 1 + n)
        session_id = store.create(Setup("en"), "built-in", at)
        store.add_turn(session_id, Turn(1, Speaker.INTERVIEWER, TurnKind.CLOSE, "Goodbye.", at, detail="asked-to-stop"))
    store.close()
    with running(data) as server:
        yield server


def quick_store(url: str) -> SqlStore:
    """A store that doesn't wait for the disk: on a busy machine that is most of what filling one takes."""
    open_store(url).close()
    engine = sa.create_engine(url)
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    return SqlStore(engine)


def hold(store: SqlStore, question: Question, at: datetime, credit: float, running: bool) -> None:
    """An interview of one question, of whose points that share was covered."""
    session_id = store.create(Setup("en", topics=(question.topic,)), "built-in", at)
    covered = round(credit * len(question.key_points))
    points = tuple(
        PointAssessment(
            p.id, p.statement.en, p.weight, Verdict.COVERED if k < covered else Verdict.MISSING, 0.9, float(k < covered)
        )
        for k, p in enumerate(question.key_points)
    )
    score = 100 * covered / len(points)
    graded = Assessment(question.id, Status.GRADED, None, score, score, score, points, GraderInfo("builtin", "2"))
    store.add_turn(session_id, Turn(1, Speaker.INTERVIEWER, TurnKind.ASK, question.text.en, at, question.id))
    store.add_turn(session_id, Turn(2, Speaker.CANDIDATE, TurnKind.ANSWER, "What I said then.", at, question.id))
    store.add_assessment(session_id, 2, graded, at)
    if running:
        store.add_turn(session_id, Turn(3, Speaker.INTERVIEWER, TurnKind.FOLLOW_UP, "And why?", at, question.id))
        return
    store.add_turn(session_id, Turn(3, Speaker.INTERVIEWER, TurnKind.CLOSE, "Goodbye.", at, detail="done/sufficient"))
    SqlReviews(store).rate(session_id, ratings_of(graded, ()), at)
    with store.transaction() as db:
        db.execute(confidences.insert().values(session_id=session_id, question_id=question.id, percent=75, at=at))


def due(room: Room, place: str) -> int:
    note = room.page.locator(f"#today-{place} .today-note p").last
    expect(note).to_contain_text(re.compile(r"\d+"))
    return int(re.findall(r"\d+", note.inner_text())[0])


def test_ten_minutes_today_ask_what_is_due_in_other_words(visit: Visit, practised: Server, bank: Bank) -> None:
    room = visit(at=practised)
    page = room.page
    before = due(room, "setup")
    assert before > 3
    room.picture("set-up")
    page.locator("#today-start-setup").click()
    expect(room.said_by("interviewer").nth(1)).to_be_visible()
    room.rest()
    expect(page.locator("#room .clock")).to_contain_text("Left")
    asked = room.said_by("interviewer").nth(1).inner_text()
    assert not any(question.text.en in asked for question in bank)
    assert any(way.en in asked for question in bank for way in question.rephrasings)
    room.answer("I don't know")
    if page.locator("#skip").is_visible():
        room.press("skip")
    room.press("end")
    room.feedback.last.scroll_into_view_if_needed()
    room.picture("asked-again")
    page.locator("#new").click()
    expect(page.locator("#start")).to_be_visible()
    assert due(room, "setup") < before  # what was just missed is due tomorrow


def test_progress_shows_topics_calibration_and_weak_points(visit: Visit, practised: Server) -> None:
    for lang, width, dark in (("en", 1280, False), ("zh", 390, True)):
        room = visit(lang=lang, width=width, dark=dark, at=practised)
        page = room.page
        room.tab("progress")
        expect(page.locator("#progress .tallies dd").first).to_have_text(re.compile(r"1\d"))
        expect(page.locator("#progress svg.trend").first).to_be_visible()
        expect(page.locator("#progress svg.curve")).to_be_visible()
        weak = page.locator("#progress details.weak")
        expect(weak.first.locator(".statement")).to_be_hidden()
        weak.first.locator("summary").click()
        expect(weak.first.locator(".statement")).to_be_visible()
        expect(weak.first.locator(".reading a").first).to_have_attribute("rel", "noopener noreferrer")
        assert found(page) == []
        assert room.fits()
        room.picture(f"progress-{lang}")
    page.locator("#today-start-progress").click()  # from here too, into the interview's tab
    expect(room.said_by("interviewer").nth(1)).to_be_visible()
    expect(page.locator("#room .clock")).to_contain_text("剩余")


def test_history_is_searched_filtered_and_unfolded(visit: Visit, practised: Server, bank: Bank) -> None:
    room = visit(at=practised)
    page = room.page
    rows = page.locator("#history .session")
    room.tab("history")
    expect(rows).to_have_count(30)
    page.locator("#history .more button").click()
    expect(rows.nth(INTERVIEWS - 1)).to_be_visible()
    total = rows.count()
    # a deleted one leaves the list unfolded
    rows.last.locator("[data-action=delete]").click()
    expect(rows).to_have_count(total - 1)

    search = page.get_by_role("textbox", name="Search")
    title = bank.topics[bank.questions[0].topic].zh  # Chinese titles are found on the English page
    search.fill(title)
    expect(page.locator("#history .found")).to_contain_text(f"of {total - 1} interviews")
    hits = rows.count()
    assert 0 < hits < 10
    search.fill("no such interview")
    expect(page.locator("#history .muted")).to_be_visible()
    no_messages(page)
    assert found(page) == []
    search.fill("")
    expect(rows).to_have_count(30)
    page.locator("#history-status label", has_text="Running").click()
    expect(rows.filter(has_text="Finished")).to_have_count(0)
    assert room.fits()
    room.picture("history")
    rows.last.locator("[data-action=resume]").click()
    expect(room.said_by("interviewer").last).to_have_text("And why?")
    room.press("end")
    page.locator("#see-report").click()
    expect(page.locator("#report details.question")).to_have_count(1)
