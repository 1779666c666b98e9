"""What hints cost, how answers compare, and a question answered again: figures beside the score, never in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interviewer.domain.assessment import Assessment, GraderInfo, PointAssessment, Status, Verdict
from interviewer.domain.errors import SessionError
from interviewer.domain.practice import Change, Retry, best_score, changes, gains, hinted, retries, share_left
from interviewer.domain.questions import Bank
from interviewer.domain.transcript import HeardWord, Setup, Speaker, Speech, Turn, TurnKind
from interviewer.ports import GradingItem, Store
from interviewer.prompting import PromptBook
from interviewer.session import Committed, Interview, Interviews
from interviewer.storage import open_store
from tests.conftest import FakeClock
from tests.simulate import MarkedGrader
from tests.test_session import cast, everything

AT = datetime(2026, 1, 1, tzinfo=UTC)
OF = {0.0: Verdict.MISSING, 0.5: Verdict.PARTLY, 1.0: Verdict.COVERED}


def judged(question: str = "q", **credits: float) -> Assessment:
    """Points of equal weight with that much credit."""
    points = tuple(PointAssessment(name, name, 1, OF[credit], credit, credit) for name, credit in credits.items())
    score = 100 * sum(credits.values()) / len(credits)
    return Assessment(question, Status.GRADED, None, score, score, score, points, GraderInfo("g", "1"))


def said(number: int, kind: TurnKind, point: str | None = None, question: str = "q", text: str = "") -> Turn:
    speaker = Speaker.INTERVIEWER if kind is TurnKind.HINT else Speaker.CANDIDATE
    return Turn(number, speaker, kind, text, AT, question, point)


ANSWER, HINT, RETRY = TurnKind.ANSWER, TurnKind.HINT, TurnKind.RETRY

# ---------------------------------------------------------------- what hints cost


def test_without_hints_there_is_nothing_to_count() -> None:
    assert hinted("q", [said(1, ANSWER)], {1: judged(a=1)}) is None
    assert hinted("q", [said(1, HINT, "a")], {}) is None
    ungraded = Assessment.ungraded("q", "why", GraderInfo("g", "1"))
    assert hinted("q", [said(1, HINT, "a"), said(2, ANSWER)], {2: ungraded}) is None


def test_only_what_came_after_a_hint_on_its_point_counts_less() -> None:
    turns = [said(1, ANSWER), said(2, HINT, "b"), said(3, ANSWER)]
    cost = hinted("q", turns, {1: judged(a=1, b=0), 3: judged(a=1, b=1)})
    assert cost is not None
    assert (cost.score, dict(cost.hints)) == (87.5, {"b": 1})
    untouched = hinted("q", turns, {1: judged(a=1, b=1), 3: judged(a=1, b=1)})
    assert untouched is not None
    assert untouched.score == 100
    other = hinted("q", turns, {1: judged(a=0, b=0), 3: judged(a=1, b=0)})
    assert other is not None
    assert other.score == 50


def test_each_gain_counts_by_the_hints_before_it() -> None:
    turns = [said(1, HINT, "a"), said(2, ANSWER), said(3, HINT, "a"), said(4, ANSWER)]
    cost = hinted("q", turns, {2: judged(a=0.5), 4: judged(a=1)})
    assert cost is not None
    assert cost.score == pytest.approx(100 * (0.5 * 0.75 + 0.5 * 0.5))


def test_other_questions_and_second_answers_are_not_counted() -> None:
    turns = [said(1, HINT, "a", question="other"), said(2, ANSWER), said(3, HINT, "a"), said(4, RETRY)]
    cost = hinted("q", turns, {2: judged(a=0.5, b=0), 4: judged(a=1, b=1)})
    assert cost is not None
    assert (cost.score, dict(cost.hints)) == (25, {"a": 1})


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 0.5, 1.0]))))
def test_hints_never_add_to_a_score_nor_take_all_of_it(steps: list[tuple[str, float, float]]) -> None:
    turns, history = [], {}
    for step, (point, a, b) in enumerate(steps):
        turns += [said(2 * step + 1, HINT, point), said(2 * step + 2, ANSWER)]
        history[2 * step + 2] = judged(a=a, b=b)
    cost = hinted("q", turns, history)
    if not steps:
        assert cost is None
        return
    assert cost is not None
    score = history[2 * len(steps)].score
    assert score is not None
    assert 0 <= cost.score <= score + 1e-9
    assert cost.score > 0 or score == 0


def test_a_share_falls_by_a_quarter_a_hint_and_never_to_nothing() -> None:
    assert [share_left(n) for n in range(6)] == [1, 0.75, 0.5, 0.25, 0.25, 0.25]


# ---------------------------------------------------------------- two answers


def test_points_are_compared_one_by_one() -> None:
    first = judged(a=0, b=1, c=0.5, gone=1)
    wrong = replace(first.points[0], verdict=Verdict.CONTRADICTED)
    second = judged(a=1, b=0.5, c=0.5, new=1)
    compared = {c.point_id: c.change for c in changes(replace(first, points=(wrong, *first.points[1:])), second)}
    assert compared == {"a": Change.GAINED, "b": Change.LOST, "c": Change.SAME}


def test_the_best_score_is_of_all_answers() -> None:
    again = (Retry(3, "x", judged(a=1, b=0)), Retry(5, "y", None), Retry(7, "z", judged(a=0, b=0)))
    assert best_score(judged(a=0, b=0), again) == 50
    assert best_score(None, ()) is None
    turns = [said(3, RETRY, text="x"), said(4, RETRY, question="other"), said(5, RETRY, text="y")]
    assert [r.answer for r in retries("q", turns, {})] == ["x", "y"]


def test_a_point_is_gained_by_the_best_of_the_further_answers() -> None:
    again = (Retry(3, "x", judged(a=1, b=0, c=0)), Retry(5, "y", None), Retry(7, "z", judged(a=0, b=0.5, c=0)))
    gained = gains(judged(c=1, b=0, a=0, gone=0), again)
    assert [(g.point_id, g.before, g.after) for g in gained] == [
        ("b", Verdict.MISSING, Verdict.PARTLY),
        ("a", Verdict.MISSING, Verdict.COVERED),
    ]
    assert [g.point_id for g in gains(None, again)] == ["a", "b"]
    assert gains(judged(a=0), ()) == ()


# ---------------------------------------------------------------- in the interview


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'a.db'}")
    yield opened
    opened.close()


@pytest.fixture
def service(bank: Bank, prompts: PromptBook, store: Store, clock: FakeClock) -> Interviews:
    return Interviews(cast(bank, prompts), store, clock)


def begun(service: Interviews, **setup: object) -> tuple[Interview, str]:
    """An interview whose first question was answered badly and is over."""
    interview = service.start(Setup(questions=2, seed=3, follow_ups=0, **setup))  # type: ignore[arg-type]
    list(interview.proceed())
    list(interview.say("我先说一个大概的想法，可能不全"))
    return interview, interview.turns[1].question_id or ""


def all_points(bank: Bank, question_id: str) -> str:
    question = bank.get(question_id)
    assert question is not None
    return "完整地再说一遍 " + " ".join(f"[{p.id}]" for p in question.key_points)


def test_a_second_answer_moves_nothing_in_the_interview(service: Interviews, store: Store, bank: Bank) -> None:
    interview, question = begun(service)
    running, before = interview.turns[-1], interview.progress
    speech = Speech(2.0, (HeardWord("再", 0.1, 0.2, 0.9),), "r")
    list(interview.retry(question, all_points(bank, question), speech))
    retried = interview.turns[-1]
    assert (retried.kind, retried.question_id, retried.speech) == (RETRY, question, speech)
    assert (interview.progress.asked, interview.progress.points_heard) == (before.asked, before.points_heard)
    assert list(interview.proceed()) == []
    closed = interview.closed[0]
    assert closed.assessment is not None
    assert closed.assessment.score == 0
    assert [r.assessment.score for r in closed.retries if r.assessment] == [100]
    kept = store.load(interview.id)
    assert [a.score for a in kept.assessments] == [0]
    assert kept.info.score == 0
    assert [a.score for _, a in store.history(interview.id)] == [0, 100]
    reported = service.report(interview.id).questions[0]
    assert reported.score == 0
    assert reported.again is not None
    assert (reported.again.best, len(reported.again.gained)) == (100, len(closed.assessment.points))
    list(interview.say(everything(interview, bank)))  # the running question is still the one that was asked
    assert running.question_id != question
    assert [c.assessment.score for c in interview.closed if c.assessment] == [0, 100]


def test_resumed_from_the_store_it_is_as_it_was(
    service: Interviews, bank: Bank, prompts: PromptBook, store: Store, clock: FakeClock
) -> None:
    interview, question = begun(service)
    list(interview.retry(question, all_points(bank, question)))
    again = Interviews(cast(bank, prompts), store, clock).open(interview.id)
    assert again.closed == interview.closed
    assert again.turns == interview.turns
    assert list(again.proceed()) == []
    list(again.request(TurnKind.SKIP))
    assert again.finished
    list(again.retry(question, "第三次，还是说不全"))  # also after the end
    assert [r.assessment.score for r in again.closed[0].retries if r.assessment] == [100, 0]
    assert store.load(interview.id).info.status == "finished"


def test_killed_before_its_grade_a_second_answer_is_graded_later(
    service: Interviews, bank: Bank, prompts: PromptBook, store: Store, clock: FakeClock
) -> None:
    class Killed(MarkedGrader):
        def grade(self, item: GradingItem) -> Assessment:
            raise SystemExit

    interview, question = begun(service)
    dying = Interviews(cast(bank, prompts, Killed()), store, clock).open(interview.id)
    with pytest.raises(SystemExit):
        list(dying.retry(question, all_points(bank, question)))
    resumed = Interviews(cast(bank, prompts), store, clock).open(interview.id)
    assert [r.assessment for r in resumed.closed[0].retries] == [None]
    list(resumed.proceed())
    assert [r.assessment.score for r in resumed.closed[0].retries if r.assessment] == [100]
    assert [c.assessment.score for c in resumed.closed if c.assessment] == [0]


def test_only_a_closed_question_whose_grade_shows_is_answered_again(service: Interviews) -> None:
    interview, _ = begun(service)
    for question in (interview.turns[-1].question_id or "", "no such question"):
        with pytest.raises(SessionError, match="again"):
            list(interview.retry(question, "x"))
    real, question = begun(service, mode="real")
    assert question in {closed.question_id for closed in real.closed}
    with pytest.raises(SessionError, match="again"):
        list(real.retry(question, "x"))


def test_a_real_interviews_question_is_answered_again_once_it_is_over_even_days_later(
    service: Interviews, bank: Bank, prompts: PromptBook, store: Store, clock: FakeClock
) -> None:
    real, question = begun(service, mode="real")
    list(real.request(TurnKind.END))
    before = service.report(real.id)
    clock.wait(3 * 24 * 3600)
    again = Interviews(cast(bank, prompts), store, clock).open(real.id)
    assert list(again.retry(question, all_points(bank, question))) == [Committed(again.turns[-1])]
    assert [r.assessment.score for r in again.closed[0].retries if r.assessment] == [100]
    after = service.report(real.id)
    assert (after.score, after.minutes, after.session.status) == (before.score, before.minutes, "finished")
    assert [q.again.best for q in after.questions if q.again] == [100]


def test_the_clock_of_the_interview_stands_still_meanwhile(service: Interviews, clock: FakeClock) -> None:
    interview, question = begun(service, minutes=10)
    used = interview.progress.seconds_used
    clock.wait(200)
    list(interview.retry(question, "想了很久再说"))
    assert interview.progress.seconds_used < used + 10


def test_the_hint_ladder_counts_its_rungs(service: Interviews) -> None:
    interview = service.start(Setup(questions=1, seed=3))
    list(interview.proceed())
    rungs = []
    while (step := interview.progress.next_hint) is not None:
        list(interview.request(TurnKind.HINT_REQUEST))
        assert interview.turns[-1].detail == f"step {step[0]} of {step[1]}"
        rungs.append(step)
    assert rungs[:3] == [(1, 2), (2, 2), (1, 2)]
    assert len(rungs) == interview.progress.hints_given
    real = service.start(Setup(mode="real"))
    list(real.proceed())
    assert real.progress.next_hint is None


def test_what_hints_cost_is_said_of_a_closed_question(service: Interviews, bank: Bank) -> None:
    interview = service.start(Setup(questions=1, seed=3))
    list(interview.proceed())
    list(interview.request(TurnKind.HINT_REQUEST))
    point = interview.turns[-1].key_point_id or ""
    list(interview.say(everything(interview, bank)))
    cost = interview.closed[0].hinted
    question = bank.get(interview.closed[0].question_id)
    assert cost is not None
    assert question is not None
    share = question.point(point).weight / sum(p.weight for p in question.key_points)
    assert cost.score == pytest.approx(100 - 25 * share)
    reported = service.report(interview.id).questions[0]
    assert (reported.score, reported.hinted) == (100, cost)
