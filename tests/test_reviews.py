"""Spaced review: what a graded answer says of each point, when it comes back, and how it is asked again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from interviewer.coach import MINUTES, Coach
from interviewer.dialogue.choosing import choose_question
from interviewer.dialogue.planned import as_planned, wordings
from interviewer.dialogue.planning import ONE_POINT, WHOLE, Record, plan_sitting
from interviewer.dialogue.speakers import BuiltinSpeaker
from interviewer.dialogue.state import start
from interviewer.dialogue.wording import Wording
from interviewer.domain.assessment import Assessment, PointAssessment, Status, Verdict
from interviewer.domain.errors import InterviewerError, StorageError
from interviewer.domain.questions import LANGS, Bank, KeyPoint, Lang, LocalText, Question
from interviewer.domain.review import Answered, Card, PointRating, Recall, end_of_day, ratings_of, recall_of
from interviewer.domain.transcript import Planned, Setup, Speaker, Turn, TurnKind
from interviewer.grading import BuiltinGrader
from interviewer.ports import GradingItem, Reviews
from interviewer.prompting import PromptBook
from interviewer.session import Cast, Committed, Interview, Interviews
from interviewer.storage import SqlStore, open_store
from interviewer.storage.archive import SqlArchive
from interviewer.storage.reviews import SqlReviews
from tests.conftest import FakeClock
from tests.simulate import INFO, MarkedGrader
from tests.test_session import NoRetriever

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def store() -> Iterator[SqlStore]:
    opened = open_store("sqlite://")
    yield opened
    opened.close()


@pytest.fixture
def reviews(store: SqlStore) -> SqlReviews:
    return SqlReviews(store)


def point(verdict: Verdict, probability: float = 0.95, point_id: str = "p1") -> PointAssessment:
    return PointAssessment(point_id, "s", 1, verdict, probability, 1.0)


def rated(recall: Recall, point_id: str = "p1", question_id: str = "q1") -> PointRating:
    return PointRating(question_id, point_id, recall)


def card(question_id: str, point_id: str, late: float = 1, recalls: tuple[Recall, ...] = (Recall.AGAIN,)) -> Card:
    return Card(question_id, point_id, NOW - late * DAY, NOW - 9 * DAY, 1.0, 5.0, recalls)


# ---------------------------------------------------------------- from verdict to recall


@pytest.mark.parametrize(
    ("verdict", "probability", "helps", "recall"),
    [
        (Verdict.COVERED, 0.95, (), Recall.EASY),
        (Verdict.COVERED, 0.60, (), Recall.GOOD),
        (Verdict.COVERED, 0.95, (TurnKind.FOLLOW_UP,), Recall.GOOD),
        (Verdict.COVERED, 0.95, (TurnKind.FOLLOW_UP, TurnKind.HINT), Recall.HARD),
        (Verdict.PARTLY, 0.45, (), Recall.HARD),
        (Verdict.PARTLY, 0.45, (TurnKind.HINT,), Recall.AGAIN),
        (Verdict.MISSING, 0.05, (), Recall.AGAIN),
        (Verdict.CONTRADICTED, 0.05, (), Recall.AGAIN),
    ],
)
def test_a_verdict_is_a_recall_and_help_lowers_it(
    verdict: Verdict, probability: float, helps: tuple[TurnKind, ...], recall: Recall
) -> None:
    assert recall_of(point(verdict, probability), helps) is recall


def test_only_help_on_the_same_point_of_the_same_question_counts() -> None:
    graded = Assessment("q1", Status.GRADED, None, 80, 70, 90, (point(Verdict.COVERED), point(Verdict.COVERED, 1, "p2")), INFO)

    def turn(question_id: str, kind: TurnKind, point_id: str | None) -> Turn:
        return Turn(1, Speaker.INTERVIEWER, kind, "", NOW, question_id, point_id)

    said = [turn("q1", TurnKind.HINT, "p2"), turn("q2", TurnKind.HINT, "p1"), turn("q1", TurnKind.HINT, None)]
    assert [r.recall for r in ratings_of(graded, said)] == [Recall.EASY, Recall.HARD]
    assert [r.recall for r in ratings_of(graded, (), asked_about="p1")] == [Recall.GOOD, Recall.EASY]
    assert ratings_of(Assessment.ungraded("q1", "no judgement", INFO), said) == []


# ---------------------------------------------------------------- the cards


def test_what_was_missed_comes_back_tomorrow_and_what_was_known_later(reviews: SqlReviews) -> None:
    ratings = [rated(recall, recall.name) for recall in Recall]
    reviews.rate("s1", ratings, NOW)
    days = {kept.point_id: (kept.due - NOW) / DAY for kept in reviews.all()}
    assert days["AGAIN"] == days["HARD"] == 1
    assert 1 < days["GOOD"] < days["EASY"] < 30
    assert [kept.point_id for kept in reviews.due(NOW + DAY)] == ["AGAIN", "HARD"]
    assert reviews.due(NOW) == []


def test_an_interview_rates_a_point_once_however_often_it_is_told(reviews: SqlReviews) -> None:
    reviews.rate("s1", [rated(Recall.AGAIN)], NOW)
    before = reviews.all()
    for later in range(1, 4):
        reviews.rate("s1", [rated(Recall.EASY)], NOW + later * DAY)
    assert reviews.all() == before
    reviews.rate("s2", [rated(Recall.GOOD)], NOW + DAY)
    (after,) = reviews.all()
    assert after.recalls == (Recall.AGAIN, Recall.GOOD)
    reviews.rate("s1", [rated(Recall.EASY)], NOW + 9 * DAY)  # also when another interview came in between
    assert reviews.all() == [after]


def test_intervals_grow_with_success_and_shrink_with_a_lapse(reviews: SqlReviews) -> None:
    at, gaps = NOW, []
    for n in range(6):
        reviews.rate(f"s{n}", [rated(Recall.GOOD)], at)
        (kept,) = reviews.all()
        gaps.append((kept.due - at) / DAY)
        at = kept.due
    assert gaps == sorted(set(gaps))
    reviews.rate("lapse", [rated(Recall.AGAIN)], at)
    assert (reviews.all()[0].due - at) / DAY < gaps[-1] / 4


def test_the_same_answers_give_the_same_schedule(tmp_path: Path) -> None:
    def schedule(name: str) -> list[Card]:
        with_store = open_store(f"sqlite:///{tmp_path / name}")
        kept = SqlReviews(with_store)
        for n, recall in enumerate([Recall.GOOD, Recall.HARD, Recall.EASY, Recall.AGAIN, Recall.GOOD] * 3):
            kept.rate(f"s{n}", [rated(recall), rated(Recall.GOOD, "p2")], NOW + n * 3 * DAY)
        cards = kept.all()
        with_store.close()
        return cards

    assert schedule("one.db") == schedule("two.db")


def test_an_old_interview_that_ends_late_does_not_turn_the_clock_back(reviews: SqlReviews) -> None:
    reviews.rate("new", [rated(Recall.GOOD)], NOW)
    reviews.rate("old", [rated(Recall.GOOD)], NOW - 30 * DAY)
    assert reviews.all()[0].due > NOW


def test_two_processes_rating_at_once_lose_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    stores = [open_store(url) for _ in range(4)]
    ratings = [rated(Recall.GOOD, f"p{n}") for n in range(5)]
    gate = threading.Barrier(len(stores))

    def work(n: int) -> None:
        gate.wait()
        SqlReviews(stores[n]).rate("s1", ratings, NOW)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(stores))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [kept.recalls for kept in SqlReviews(stores[0]).all()] == [(Recall.GOOD,)] * 5
    for one in stores:
        one.close()


def test_the_day_ends_at_midnight_of_this_machine() -> None:
    end = end_of_day(NOW)
    assert timedelta() < end - NOW <= DAY + timedelta(hours=1)
    assert end.astimezone().strftime("%H:%M") == "00:00"
    assert end.tzinfo is UTC


# ---------------------------------------------------------------- asked in other words


@pytest.mark.parametrize("lang", LANGS)
def test_every_question_can_be_asked_again_in_other_words(bank: Bank, lang: Lang) -> None:
    for question in bank:
        texts = [way.get(lang) for way in wordings(question)]
        assert len(set(texts)) == len(texts) > 1, question.id
        for n, text in enumerate(texts):
            asked = as_planned(bank, [Planned(question.id, n)]).get(question.id)
            assert asked is not None
            assert asked.text.get(lang) == text
            assert {way.get(lang) for way in wordings(asked)} == set(texts)


def test_a_question_about_one_point_has_that_point_only_and_asks_by_its_probe(bank: Bank) -> None:
    for question in bank:
        chosen = question.key_points[-1]
        asked = as_planned(bank, [Planned(question.id, 1, chosen.id)]).get(question.id)
        assert asked is not None
        assert [p.id for p in asked.key_points] == [chosen.id]
        for lang in LANGS:
            assert chosen.probe.get(lang) in asked.text.get(lang)
            assert question.rephrasings[0].get(lang) in asked.text.get(lang)
        assert not asked.key_points[0].probe  # or it would be asked twice


def test_a_plan_survives_what_happens_to_the_bank(bank: Bank) -> None:
    assert as_planned(bank, ()) is bank
    first = bank.questions[0]
    gone = as_planned(bank, [Planned("no-such-question"), Planned(first.id, 99, "no-such-point")])
    kept = gone.get(first.id)
    assert kept is not None
    assert kept.key_points == first.key_points
    assert kept.text in wordings(first)
    one_language = replace(first, id="own", text=LocalText(en="Why?"), rephrasings=())
    asked = as_planned(Bank((one_language,)), [Planned("own", 3, first.key_points[0].id)]).questions[0]
    assert asked.text.zh == ""
    assert asked.text.en.startswith("Why?")


def test_what_is_planned_is_asked_first_whatever_its_topic(bank: Bank) -> None:
    plan = (Planned("gone"), Planned(bank.questions[80].id), Planned(bank.questions[3].id))
    setup = Setup(topics=(bank.questions[0].topic,), plan=plan)
    first = choose_question(start(setup), bank, frozenset({bank.questions[80].id}))
    assert first is bank.questions[80]


# ---------------------------------------------------------------- what to practise


def small_bank(topics: int = 3, each: int = 3, points: int = 3) -> Bank:
    def made(topic: int, n: int) -> Question:
        return Question(
            f"t{topic}q{n}", f"t{topic}", 2, LocalText(f"问题{topic}{n}"), LocalText("参考"),
            tuple(KeyPoint(f"p{k}", LocalText(f"要点{k}"), probe=LocalText(f"追问{k}")) for k in range(points)),
            rephrasings=(LocalText(f"换个说法{topic}{n}"),),
        )  # fmt: skip

    return Bank(tuple(made(t, n) for t in range(topics) for n in range(each)))


def test_due_points_come_first_most_overdue_first_and_alone_where_they_are_alone() -> None:
    bank = small_bank()
    due = [card("t2q1", "p2", 9), card("t0q0", "p0", 5), card("t0q0", "p1", 4), card("gone", "p0", 3), card("t1q1", "no", 2)]
    plan = plan_sitting(bank, Record(due, (), {"t2q1": 0, "t0q0": 1}), MINUTES, "s")
    assert plan[:2] == (Planned("t2q1", 1, "p2"), Planned("t0q0", 0))
    assert sum(ONE_POINT if entry.point_id else WHOLE for entry in plan) <= MINUTES
    assert len({entry.question_id for entry in plan}) == len(plan)


def test_then_weak_topics_then_what_was_never_asked() -> None:
    bank = small_bank()
    answers = [Answered("s", "t1q0", NOW, 20.0), Answered("s", "t0q0", NOW, 95.0)]
    plan = plan_sitting(bank, Record((), answers, {"t1q0": 0, "t0q0": 0}), MINUTES, "s")
    assert [entry.question_id[:2] for entry in plan[:2]] == ["t1", "t1"]
    assert plan[0].question_id != "t1q0"  # something new on it before the same again
    assert "t0q0" not in {entry.question_id for entry in plan}
    assert plan_sitting(bank, Record(), MINUTES, "s") == plan_sitting(bank, Record(), MINUTES, "s")
    topics = [entry.question_id[:2] for entry in plan_sitting(bank, Record(), MINUTES, "s")]
    assert sorted(topics) == ["t0", "t1", "t2"]


def test_a_long_list_of_due_points_still_makes_a_short_sitting(bank: Bank) -> None:
    due = [card(q.id, p.id, n) for n, q in enumerate(bank) for p in q.key_points]
    plan = plan_sitting(bank, Record(due), MINUTES, "s")
    assert 3 <= len(plan) <= 6
    assert plan_sitting(Bank(), Record(due), MINUTES, "s") == ()
    assert len(plan_sitting(small_bank(1, 1), Record(), 1, "s")) == 1


def test_when_everything_was_asked_the_longest_ago_comes_back() -> None:
    bank = small_bank(1, 5)
    last = {f"t0q{n}": 0 for n in (3, 1, 4, 0, 2)}
    plan = plan_sitting(bank, Record((), (), last), MINUTES, "s")
    assert [entry.question_id for entry in plan] == ["t0q3", "t0q1", "t0q4"]
    assert {entry.wording for entry in plan} == {1}


# ---------------------------------------------------------------- interviews


def interviews(
    bank: Bank, prompts: PromptBook, store: SqlStore, clock: FakeClock, reviews: Reviews | None, grader: object = None
) -> Interviews:
    voice = BuiltinSpeaker(Wording(prompts))
    cast = Cast(lambda: bank, lambda: voice, lambda: grader or MarkedGrader(), lambda: NoRetriever())  # type: ignore[arg-type, return-value]
    return Interviews(cast, store, clock, reviews=reviews)


def running_question(interview: Interview) -> str:
    return [turn for turn in interview.turns if turn.kind is TurnKind.ASK][-1].question_id or ""


def marked(bank: Bank, question_id: str) -> str:
    """Every point but the last."""
    question = bank.get(question_id)
    assert question is not None
    return "我完整地说一下自己的理解 " + " ".join(f"[{p.id}]" for p in question.key_points[:-1])


def test_a_question_that_closes_rates_each_of_its_points(
    bank: Bank, prompts: PromptBook, store: SqlStore, clock: FakeClock, reviews: SqlReviews
) -> None:
    interview = interviews(bank, prompts, store, clock, reviews).start(Setup(questions=2, follow_ups=0, seed=4))
    list(interview.proceed())
    first = running_question(interview)
    assert reviews.all() == []
    list(interview.say(marked(bank, first)))
    question = bank.get(first)
    assert question is not None
    recalls = {kept.point_id: kept.recalls for kept in reviews.all()}
    assert recalls == {p.id: (Recall.EASY,) for p in question.key_points[:-1]} | {question.key_points[-1].id: (Recall.AGAIN,)}
    before = reviews.all()
    again = interviews(bank, prompts, store, clock, reviews)
    again.open(interview.id)
    assert reviews.all() == before  # a reload, a replay: nothing twice


def test_a_real_interview_rates_when_it_is_over(
    bank: Bank, prompts: PromptBook, store: SqlStore, clock: FakeClock, reviews: SqlReviews
) -> None:
    service = interviews(bank, prompts, store, clock, reviews)
    interview = service.start(Setup(mode="real", questions=2, follow_ups=0, seed=4))
    list(interview.proceed())
    first = running_question(interview)
    list(interview.say(marked(bank, first)))
    assert reviews.all() == []
    list(interview.request(TurnKind.END))
    assert {kept.question_id for kept in reviews.all()} == {first}


def test_what_a_crash_left_unrated_is_rated_when_the_interview_comes_back(
    bank: Bank, prompts: PromptBook, store: SqlStore, clock: FakeClock, reviews: SqlReviews
) -> None:
    interview = interviews(bank, prompts, store, clock, None).start(Setup(questions=2, follow_ups=0, seed=4))
    list(interview.proceed())
    list(interview.say(marked(bank, running_question(interview))))
    assert reviews.all() == []
    interviews(bank, prompts, store, clock, reviews).open(interview.id)
    kept = reviews.all()
    assert kept
    assert all(one.reviewed <= interview.turns[-1].at for one in kept)  # as of when it was answered


def test_ungraded_and_passed_over_questions_rate_nothing_and_a_broken_schedule_stops_nobody(
    bank: Bank, prompts: PromptBook, store: SqlStore, clock: FakeClock, reviews: SqlReviews, caplog: pytest.LogCaptureFixture
) -> None:
    class Mute(MarkedGrader):
        def grade(self, item: GradingItem) -> Assessment:
            return Assessment.ungraded(item.question.id, "no judgement", INFO)

    interview = interviews(bank, prompts, store, clock, reviews, Mute()).start(Setup(questions=2, seed=4))
    list(interview.proceed())
    list(interview.say("something or other"))
    list(interview.request(TurnKind.SKIP))
    assert interview.finished
    assert reviews.all() == []

    class Broken:
        def rate(self, session_id: str, ratings: object, at: datetime) -> None:
            raise StorageError("disk full")

    second = interviews(bank, prompts, store, clock, Broken()).start(Setup(questions=1, follow_ups=0, seed=4))
    list(second.proceed())
    list(second.say(marked(bank, running_question(second))))
    assert second.finished
    assert "could not be kept" in caplog.text


def test_a_sitting_asks_the_due_point_in_other_words_grades_it_alone_and_replays_exactly(
    bank: Bank, prompts: PromptBook, store: SqlStore, clock: FakeClock, reviews: SqlReviews
) -> None:
    grader = BuiltinGrader()  # without the bank: rougher, and ready at once
    service = interviews(bank, prompts, store, clock, reviews, grader)
    coach = Coach(reviews, SqlArchive(store), lambda: bank, clock)
    question = bank.questions[0]
    missed, others = question.key_points[0], question.key_points[1:]
    before = interviews(bank, prompts, store, clock, reviews)
    first = before.start(Setup("en", questions=1, follow_ups=0, plan=(Planned(question.id),)))
    list(first.proceed())
    list(first.say("This is how I understand it " + " ".join(f"[{p.id}]" for p in others)))
    assert first.finished
    assert coach.due() == []
    clock.wait(26 * 3600)
    assert [kept.point_id for kept in coach.due()] == [missed.id]

    setup = coach.sitting("en")
    assert setup.plan[0] == Planned(question.id, 1, missed.id)
    assert (setup.minutes, setup.mode, setup.questions) == (MINUTES, "practice", len(setup.plan))
    review = service.start(setup)
    list(review.proceed())
    asked = review.turns[-1]
    assert missed.probe.en in asked.text
    assert question.text.en not in asked.text
    assert question.rephrasings[0].en in asked.text
    assert review.progress.points_total == 1
    said = review.say(missed.statement.en)
    for update in said:
        if isinstance(update, Committed) and update.turn.kind is TurnKind.ASK:
            break
    graded = review.closed[0].assessment
    assert graded is not None
    assert [p.point_id for p in graded.points] == [missed.id]
    assert graded.score is not None
    assert graded.score > 90
    assert {kept.point_id: kept.recalls for kept in reviews.all()}[missed.id] == (Recall.AGAIN, Recall.GOOD)
    assert coach.due() == []
    said.close()  # type: ignore[attr-defined]

    again = interviews(bank, prompts, store, clock, reviews, grader).open(review.id)
    assert again.setup.plan == setup.plan
    assert again.closed == review.closed
    assert missed.probe.en in service.report(review.id).questions[0].text.en
    assert coach.sitting("en").plan != setup.plan


def test_a_wrong_review_answer_gets_a_follow_up_and_comes_back_tomorrow(
    bank: Bank, prompts: PromptBook, store: SqlStore, clock: FakeClock, reviews: SqlReviews
) -> None:
    question = bank.questions[0]
    plan = (Planned(question.id, 1, question.key_points[0].id),)
    review = interviews(bank, prompts, store, clock, reviews).start(Setup("zh", questions=1, follow_ups=1, plan=plan))
    list(review.proceed())
    list(review.say("我觉得应该和数据的规模有关系，不太确定具体是什么"))
    assert review.turns[-1].kind is TurnKind.FOLLOW_UP
    assert review.turns[-1].text.count(question.key_points[0].probe.zh) == 0
    list(review.say("还是那样，数据多一些会好"))
    assert review.finished
    assert [kept.recalls for kept in reviews.all()] == [(Recall.AGAIN,)]


def test_an_empty_bank_has_nothing_to_practise(store: SqlStore, reviews: SqlReviews) -> None:
    with pytest.raises(InterviewerError, match="empty"):
        Coach(reviews, SqlArchive(store), Bank).sitting("zh")
