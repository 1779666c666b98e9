"""Progress: counted honestly, drawn so that everyone can read it, and a history that is found again."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from interviewer.coach import Coach
from interviewer.domain.assessment import Assessment, PointAssessment, Status, Verdict
from interviewer.domain.questions import LANGS, Bank, Lang, LocalText, Reading
from interviewer.domain.review import Answered, Card, PointRating, Recall
from interviewer.domain.transcript import Planned, Provenance, Setup, Speaker, Turn, TurnKind
from interviewer.report.progress import Calibration, Day, Step, calibration, overview
from interviewer.report.trends import calibration_svg, trend_svg
from interviewer.storage import SqlStore, open_store
from interviewer.storage.archive import SqlArchive
from interviewer.storage.reviews import SqlReviews
from interviewer.storage.tables import confidences
from interviewer.ui.history import PAGE, Search, history_html
from interviewer.ui.progress_page import progress_html
from interviewer.ui.words import words_for
from tests.simulate import INFO
from tests.ui_fakes import NASTY, nasty_bank, question

#: Noon, so that a few hours either way are the same day on any machine.
NOW = datetime.now(UTC).astimezone().replace(hour=12, minute=0, second=0, microsecond=0).astimezone(UTC)
TODAY = NOW.astimezone().date()
DAY = timedelta(days=1)
EN, ZH = words_for("en"), words_for("zh")
BANK = Bank((question(1), question(2), replace(question(3), topic="other")), {"topic": LocalText("主题", "Topic")})


def answered(question_id: str = "q1", ago: float = 0, score: float | None = 50.0, **more: object) -> Answered:
    return Answered(f"s{ago}", question_id, NOW - ago * DAY, score, **more)  # type: ignore[arg-type]


def card(question_id: str, point_id: str, *recalls: Recall) -> Card:
    return Card(question_id, point_id, NOW, NOW, 1.0, 5.0, recalls or (Recall.AGAIN,))


# ---------------------------------------------------------------- counting


@pytest.mark.parametrize(
    ("days_ago", "streak", "today"),
    [((), 0, False), ((0,), 1, True), ((1,), 1, False), ((2,), 0, False), ((0, 1, 2, 4), 3, True), ((1, 2, 3), 3, False)],
)
def test_a_streak_is_days_in_a_row_up_to_today_or_yesterday(days_ago: tuple[int, ...], streak: int, today: bool) -> None:
    seen = overview([answered(ago=n) for n in reversed(days_ago)], (), BANK, TODAY)
    assert (seen.streak, seen.practised_today, seen.days) == (streak, today, len(days_ago))


def test_only_what_was_graded_is_in_the_figures() -> None:
    answers = [answered(score=None), answered("q2", score=80.0), answered("gone", score=0.0)]
    seen = overview(answers, (), BANK, TODAY)
    assert (seen.answered, seen.graded, seen.interviews) == (3, 2, 1)
    assert [(t.topic, t.days) for t in seen.trends] == [("topic", (Day(TODAY, 80.0, 1),))]
    assert overview((), (), BANK, TODAY).trends == ()


def test_a_topic_has_a_day_a_dot_and_whole_questions_count_more_than_single_points() -> None:
    whole = {f"p{n}": Verdict.COVERED for n in range(4)}
    answers = [
        answered(ago=2, score=40.0),
        answered(ago=0.1, score=100.0, verdicts=whole),
        answered("q2", score=0.0, verdicts={"p1": Verdict.MISSING}),
        answered("q3", score=70.0),
    ]
    first, second = overview(answers, (), BANK, TODAY).trends
    assert [(d.score, d.answers) for d in first.days] == [(40.0, 1), (80.0, 2)]
    assert (first.change, first.answers, second.change) == (40.0, 3, None)
    assert second.title.get("zh") == "other"  # a topic without a title goes by its name


def test_calibration_compares_confidence_with_scores_and_says_nothing_too_soon() -> None:
    assert calibration([answered(), answered(score=None, percent=90)]) is None
    few = calibration([answered(percent=100, score=50.0)])
    assert few is not None
    assert (few.tendency, few.gap) == ("unknown", 50.0)
    many = calibration([answered(percent=p, score=s) for p, s in [(100, 60), (90, 50), (75, 40), (52, 45), (25, 30)]])
    assert many is not None
    assert many.steps == (Step(25, 30, 1), Step(50, 45, 1), Step(75, 40, 1), Step(100, 55, 2))
    assert many.tendency == "over"
    assert Calibration((), 9, -20).tendency == "under"
    assert Calibration((), 9, 3).tendency == "fair"


def test_weak_is_what_the_newest_answer_missed_worst_first() -> None:
    verdicts = {"p1": Verdict.MISSING, "p2": Verdict.PARTLY}
    answers = [
        answered("q1", 3, verdicts={"p1": Verdict.COVERED, "p2": Verdict.COVERED}),
        answered("q1", 2, verdicts=verdicts),
        answered("q2", 1, verdicts={"p1": Verdict.CONTRADICTED, "p2": Verdict.COVERED}),
    ]
    cards = [card(q, p, Recall.GOOD, Recall.AGAIN) for q in ("q1", "q2", "gone") for p in ("p1", "p2", "no")]
    seen = overview(answers, cards, BANK, TODAY)
    assert [(w.question.id, w.point.id) for w in seen.weakest] == [("q2", "p1"), ("q1", "p1"), ("q1", "p2")]
    assert (seen.weakest[0].missed, seen.weakest[0].asked) == (1, 2)
    deleted = overview([], cards, BANK, TODAY)  # what was said is gone with its interview; only the schedule stays
    assert deleted.weakest == ()


# ---------------------------------------------------------------- drawing


def test_charts_are_sound_and_hold_every_value_in_words() -> None:
    days = [Day(date(2026, 1, 1), 0, 1), Day(date(2026, 1, 5), 100, 40), Day(date(2026, 2, 1), 55.4, 2)]
    chart = ET.fromstring(trend_svg(days, date(2026, 1, 1), date(2026, 2, 1), f"a {NASTY}"))
    assert chart.get("role") == "img"
    assert chart.get("aria-label") == f"a {NASTY}"
    dots = chart.findall("circle")
    assert [float((dot.get("cx") or "")[:-1]) for dot in dots] == sorted(float((dot.get("cx") or "")[:-1]) for dot in dots)
    assert float(dots[0].get("cy") or 0) > float(dots[2].get("cy") or 0) > float(dots[1].get("cy") or 0)
    assert [dot.findtext("title") for dot in dots][2] == "2026-02-01: 55 (2)"
    assert len(chart.findall("line[@class='line']")) == 2
    single = ET.fromstring(trend_svg(days[:1], days[0].day, days[0].day, "x"))
    assert len(single.findall("text")) == 1
    curve = Calibration((Step(25, 0, 1), Step(100, 100, 3)), 4, 0)
    drawn = ET.fromstring(calibration_svg(curve, NASTY, NASTY, NASTY))
    for svg in (chart, single, drawn):
        height = float(svg.get("height") or 0)
        for place in [float(e.get(key) or 0) for e in svg for key in ("y", "y1", "y2", "cy")]:
            assert 0 <= place <= height
        for place in [float((e.get(key) or "0%").rstrip("%")) for e in svg for key in ("x", "x1", "x2", "cx")]:
            assert 0 <= place <= 100


@pytest.mark.parametrize("lang", LANGS)
def test_the_page_says_everything_and_makes_no_strangers_text_markup(lang: Lang) -> None:
    words = words_for(lang)
    bank = nasty_bank()
    read = replace(bank.questions[0], reading=(Reading(NASTY, "https://example.org/?a=1&b='"),))
    bank = Bank((read,), bank.topics)
    answers = [answered(ago=n, percent=75, score=20.0 + n, verdicts={"p1": Verdict.CONTRADICTED}) for n in (6, 3, 1, 0.2, 0.1)]
    seen = overview([*answers, answered("q1", score=None)], [card("q1", "p1"), card("q1", "p2")], bank, TODAY)
    page = progress_html(seen, words)
    assert "<img" not in page
    assert "<script" not in page
    assert page.count("<svg") == 2
    assert "onerror" in page
    assert 'rel="noopener noreferrer"' in page
    assert words("calibration_over", gap=53) in page
    assert words("fact_graded", n=5) in page
    assert words("due_today") in page
    assert re.search(r'<details class="card weak">', page)  # folded: recalling comes before reading


def test_an_empty_page_says_what_to_do_and_parts_without_data_say_so() -> None:
    assert EN("progress_empty") in progress_html(overview((), (), BANK, TODAY), EN)
    page = progress_html(overview([answered(score=None)], (), BANK, TODAY), ZH)
    for key in ("trends_empty", "calibration_empty", "weakest_none"):
        assert ZH(key) in page
    assert ZH("progress_empty") not in page


@pytest.mark.parametrize(("days", "key"), [(-3, "due_today"), (0, "due_today"), (1, "due_tomorrow"), (6, "due_in")])
def test_when_a_weak_point_is_due_is_said_in_days(days: int, key: str) -> None:
    due = replace(card("q1", "p1"), due=NOW + days * DAY)
    page = progress_html(overview([answered(verdicts={"p1": Verdict.MISSING})], [due], BANK, TODAY), EN)
    assert (EN(key, n=days) if key == "due_in" else EN(key)) in page


# ---------------------------------------------------------------- the archive


@pytest.fixture
def store() -> Iterator[SqlStore]:
    opened = open_store("sqlite://")
    yield opened
    opened.close()


def asks(number: int, question_id: str, at: datetime, model: str | None = None) -> Turn:
    made = Provenance("transformers" if model else "built-in", model)
    return Turn(number, Speaker.INTERVIEWER, TurnKind.ASK, f"Asked {question_id}.", at, question_id, provenance=made)


def graded(question_id: str, score: float | None, verdict: Verdict = Verdict.MISSING) -> Assessment:
    if score is None:
        return Assessment.ungraded(question_id, "no judgement", INFO)
    points = (PointAssessment("p1", "s", 1, verdict, 0.5, score / 100),)
    return Assessment(question_id, Status.GRADED, None, score, score, score, points, INFO)


def held(
    store: SqlStore, setup: Setup, at: datetime, *scores: float | None, close: bool = True, model: str | None = None
) -> str:
    """An interview with q1, q2 … asked and graded so."""
    session_id = store.create(setup, "built-in", at)
    number = 0
    for place, score in enumerate(scores, start=1):
        number += 2
        store.add_turn(session_id, asks(number - 1, f"q{place}", at, model))
        store.add_turn(session_id, Turn(number, Speaker.CANDIDATE, TurnKind.ANSWER, "words", at, f"q{place}"))
        store.add_assessment(session_id, number, graded(f"q{place}", score), at)
    if close:
        store.add_turn(session_id, Turn(number + 1, Speaker.INTERVIEWER, TurnKind.CLOSE, "Bye.", at, detail="done/sufficient"))
    return session_id


def test_the_archive_gives_the_newest_grade_with_its_confidence_and_keeps_what_is_withheld(store: SqlStore) -> None:
    first = held(store, Setup(), NOW - DAY, 30.0, None, close=False)
    store.add_assessment(first, 2, graded("q1", 60.0, Verdict.COVERED), NOW - DAY / 2)
    store.add_turn(first, Turn(5, Speaker.CANDIDATE, TurnKind.SMALL_TALK, "judged, but no answer", NOW, "q1"))
    store.add_assessment(first, 5, graded("q1", 99.0), NOW)
    store.add_turn(first, Turn(6, Speaker.INTERVIEWER, TurnKind.CLOSE, "Bye.", NOW, detail="done/sufficient"))
    with store.transaction() as db:
        db.execute(confidences.insert().values(session_id=first, question_id="q1", percent=75, at=NOW))
    held(store, Setup(mode="real"), NOW, 10.0, 20.0, close=False)
    going = held(store, Setup(), NOW, 40.0, 50.0, close=False)
    over = held(store, Setup(mode="real"), NOW + DAY, 90.0)
    found = [(a.session_id, a.question_id, a.score, a.percent) for a in SqlArchive(store).answers()]
    assert found == [
        (first, "q2", None, None), (first, "q1", 60.0, 75), (going, "q1", 40.0, None), (over, "q1", 90.0, None),
    ]  # fmt: skip
    assert SqlArchive(store).answers()[1].verdicts == {"p1": Verdict.COVERED}


def test_the_archive_knows_wordings_and_who_spoke(store: SqlStore) -> None:
    alone = held(store, Setup(), NOW - DAY, 1.0)
    both = held(store, Setup(plan=(Planned("q1", 2, "p1"),)), NOW, 1.0, 2.0, model="some/model")
    archive = SqlArchive(store)
    assert [(a.session_id, a.question_id, a.wording) for a in archive.asked()] == [
        (alone, "q1", 0), (both, "q1", 2), (both, "q2", 0),
    ]  # fmt: skip
    assert archive.speakers() == {both: "some/model"}
    store.delete(both)
    assert archive.speakers() == {}


def test_the_coach_reads_all_of_it_from_the_store(store: SqlStore) -> None:
    held(store, Setup(), NOW, 30.0, 80.0)
    reviews = SqlReviews(store)
    reviews.rate("s", [PointRating("q1", "p1", Recall.AGAIN), PointRating("gone", "p1", Recall.AGAIN)], NOW - 3 * DAY)
    coach = Coach(reviews, SqlArchive(store), lambda: BANK, lambda: NOW)
    assert [kept.question_id for kept in coach.due()] == ["q1"]
    seen = coach.overview()
    assert (seen.answered, seen.streak, seen.scheduled) == (2, 1, 2)
    assert [w.question.id for w in seen.weakest] == ["q1"]
    assert coach.sitting("en").plan[0].question_id == "q1"


# ---------------------------------------------------------------- the history


def listed(store: SqlStore, search: Search, bank: Bank = BANK) -> str:
    return history_html(store.list(1000), SqlArchive(store), bank, EN, search)


def count(page: str) -> int:
    return page.count('class="card session"')


def test_history_finds_by_topic_question_and_date_in_both_languages(store: SqlStore) -> None:
    held(store, Setup(topics=("topic",)), datetime(2026, 1, 5, 12, tzinfo=UTC), 50.0)
    held(store, Setup(), datetime(2026, 2, 5, 12, tzinfo=UTC), 50.0, 50.0, 50.0, close=False)
    held(store, Setup(), datetime(2026, 3, 5, 12, tzinfo=UTC))
    for text, n in [
        ("主题", 2),
        ("tOPIC", 2),
        ("这是什么", 2),
        ("2026-02", 1),
        ("2026-02 other", 1),
        ("2026-01 other", 0),
        (" ", 3),
    ]:
        assert count(listed(store, Search(text))) == n, text
    assert "1 of 3 interviews" in listed(store, Search("2026-02"))
    assert EN("history_nothing") in listed(store, Search("zebra"))
    assert count(listed(store, Search(status="running"))) == 1
    assert count(listed(store, Search("2026-02", "finished"))) == 0
    assert count(listed(store, Search("asked q3"), Bank())) == 1  # a question that left the bank: as it was put
    assert EN("history_empty") in history_html([], SqlArchive(store), BANK, EN, Search("x"))


def test_a_hundred_interviews_are_shown_a_page_at_a_time(store: SqlStore) -> None:
    for n in range(100):
        held(store, Setup(), NOW - n * DAY)
    page = listed(store, Search())
    assert count(page) == PAGE
    assert f'data-shown="{2 * PAGE}"' in page
    assert EN("history_more", n=100 - PAGE) in page
    assert count(listed(store, Search(shown=2 * PAGE))) == 2 * PAGE
    whole = listed(store, Search(shown=4 * PAGE))
    assert count(whole) == 100
    assert 'data-action="more"' not in whole


def test_what_a_browser_sends_as_a_search_is_brought_into_range() -> None:
    assert Search.of(None, "cheat", "NaN") == Search("", "all", PAGE)
    assert Search.of("x" * 999, "running", 10**9).shown == 5_000
    assert len(Search.of("x" * 999, ["running"], -3).text) == 200
    assert Search.of("", "running", "²").shown == PAGE
    assert not Search.of(" ", "all").any
