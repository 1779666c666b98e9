"""The loop on a real store: commits before it speaks, survives being killed anywhere, keeps what it must not show."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interviewer.dialogue.speakers import STOPPED, BuiltinSpeaker, ModelSpeaker
from interviewer.dialogue.wording import Wording
from interviewer.domain.assessment import Assessment
from interviewer.domain.errors import RetrievalIndexError, SessionError
from interviewer.domain.questions import Bank, Hit
from interviewer.domain.transcript import Setup, Speaker, TurnKind
from interviewer.engines.scripted import Reply, ScriptedEngine
from interviewer.ports import GradingItem, Store
from interviewer.prompting import PromptBook
from interviewer.session import Cast, Committed, Ended, Interview, Interviews, QuestionClosed, Spoken, Update
from interviewer.storage import open_store
from tests.conftest import FakeClock
from tests.simulate import Candidate, MarkedGrader


class NoRetriever:
    def search(self, query: str, k: int = 5, *, question_id: str | None = None) -> list[Hit]:
        return []


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'a.db'}")
    yield opened
    opened.close()


def cast(bank: Bank, prompts: PromptBook, grader: object = None) -> Cast:
    voice = BuiltinSpeaker(Wording(prompts))
    marked = grader or MarkedGrader()
    return Cast(lambda: bank, lambda: voice, lambda: marked, lambda: NoRetriever())  # type: ignore[arg-type, return-value]


@pytest.fixture
def service(bank: Bank, prompts: PromptBook, store: Store, clock: FakeClock) -> Interviews:
    return Interviews(cast(bank, prompts), store, clock)


def everything(interview: Interview, bank: Bank) -> str:
    asked = [t for t in interview.turns if t.kind is TurnKind.ASK][-1]
    question = bank.get(asked.question_id or "")
    assert question is not None
    return "我完整地说一下自己的理解 " + " ".join(f"[{p.id}]" for p in question.key_points)


def spoken(updates: list[Update]) -> str:
    return "".join(u.delta for u in updates if isinstance(u, Spoken))


def test_the_opening_and_the_first_question_are_spoken_and_stored(service: Interviews, store: Store) -> None:
    interview = service.start(Setup(lang="zh", questions=2))
    updates = list(interview.proceed())
    kinds = [t.kind for t in interview.turns]
    assert kinds == [TurnKind.OPEN, TurnKind.ASK]
    assert spoken(updates) == "".join(t.text for t in interview.turns)
    assert store.load(interview.id).turns == interview.turns
    assert list(interview.proceed()) == []


def test_a_turn_is_stored_before_the_reply_is_shown(service: Interviews, store: Store, bank: Bank) -> None:
    interview = service.start(Setup(questions=2))
    list(interview.proceed())
    updates = interview.say(everything(interview, bank))
    assert isinstance(next(updates), Committed)
    kept = store.load(interview.id)
    assert kept.turns[-1].speaker is Speaker.CANDIDATE
    assert kept.assessments[0].score == 100
    updates.close()  # type: ignore[attr-defined]


def test_killed_at_any_turn_it_goes_on_where_it_was(bank: Bank, prompts: PromptBook, store: Store, clock: FakeClock) -> None:
    """After every update a new process opens the interview: it owes at most the reply, and nothing is said twice."""
    setup = Setup(questions=3, seed=11)
    session_id = Interviews(cast(bank, prompts), store, clock).start(setup).id
    candidate = Candidate(3, skill=0.4, noise=0.3)
    for _ in range(200):
        interview = Interviews(cast(bank, prompts), store, clock).open(session_id)
        for update in interview.proceed():
            if isinstance(update, Committed):
                break  # killed after each interviewer turn
        else:
            if interview.finished:
                break
            asked = [t for t in interview.turns if t.kind is TurnKind.ASK][-1]
            question = bank.get(asked.question_id or "")
            assert question is not None
            said = candidate.utterance([p.id for p in question.key_points])
            updates = interview.request(said) if isinstance(said, TurnKind) else interview.say(said)
            next(iter(updates))  # killed once the candidate's turn is in
    stored = store.load(session_id)
    assert stored.info.status == "finished"
    assert [t.number for t in stored.turns] == list(range(1, len(stored.turns) + 1))
    asked_ids = [t.question_id for t in stored.turns if t.kind is TurnKind.ASK]
    assert len(asked_ids) == len(set(asked_ids)) == 3


def test_killed_between_answer_and_grade_the_answer_is_graded_later(
    bank: Bank, prompts: PromptBook, store: Store, clock: FakeClock
) -> None:
    class Killed(MarkedGrader):
        def grade(self, item: GradingItem) -> Assessment:
            raise SystemExit

    service = Interviews(cast(bank, prompts), store, clock)
    interview = service.start(Setup(questions=2, seed=5))
    list(interview.proceed())
    dying = Interviews(cast(bank, prompts, Killed()), store, clock).open(interview.id)
    with pytest.raises(SystemExit):
        list(dying.say(everything(interview, bank)))
    assert store.load(interview.id).assessments == ()
    resumed = Interviews(cast(bank, prompts), store, clock).open(interview.id)
    updates = list(resumed.proceed())
    assert [u.assessment.score for u in updates if isinstance(u, QuestionClosed) and u.assessment] == [100]
    assert resumed.turns[-1].kind is TurnKind.ASK


def test_an_answer_left_ungraded_is_graded_before_the_next_word_is_heard(
    bank: Bank, prompts: PromptBook, store: Store, clock: FakeClock
) -> None:
    class Killed(MarkedGrader):
        def grade(self, item: GradingItem) -> Assessment:
            raise SystemExit

    interview = Interviews(cast(bank, prompts, Killed()), store, clock).start(Setup(questions=2, seed=5))
    list(interview.proceed())
    with pytest.raises(SystemExit):
        list(interview.say(everything(interview, bank)))
    resumed = Interviews(cast(bank, prompts), store, clock).open(interview.id)
    list(resumed.request(TurnKind.END))
    assert [a.score for a in store.load(interview.id).assessments] == [100]


def test_killed_after_the_closing_words_it_is_over_all_the_same(
    bank: Bank, prompts: PromptBook, store: Store, clock: FakeClock
) -> None:
    interview = Interviews(cast(bank, prompts), store, clock).start(Setup(questions=1, mode="real"))
    list(interview.proceed())
    for update in interview.say(everything(interview, bank)):
        if isinstance(update, Committed) and update.turn.kind is TurnKind.CLOSE:
            break  # killed before anything else is done
    service = Interviews(cast(bank, prompts), store, clock)
    assert (service.list()[0].status, service.list()[0].score) == ("finished", 100)
    assert service.open(interview.id).finished


def test_an_interview_does_without_an_index(bank: Bank, prompts: PromptBook, store: Store, clock: FakeClock) -> None:
    def broken() -> NoRetriever:
        raise RetrievalIndexError("the encoder is missing")

    service = Interviews(replace(cast(bank, prompts), retriever=broken), store, clock)
    interview = service.start(Setup(questions=2))
    list(interview.proceed())
    list(interview.say("我先说一个大概的想法，可能不全"))
    assert interview.turns[-1].kind is TurnKind.FOLLOW_UP


def test_real_mode_shows_no_grade_until_the_end(service: Interviews, bank: Bank) -> None:
    interview = service.start(Setup(mode="real", questions=2))
    updates = list(interview.proceed())
    updates += list(interview.say(everything(interview, bank)))
    assert [u.assessment for u in updates if isinstance(u, QuestionClosed)] == [None]
    assert interview.progress.points_heard is None
    assert service.list()[0].score is None
    assert all(closed.assessment is None for closed in interview.closed)
    last = list(interview.say(everything(interview, bank)))
    assert isinstance(last[-1], Ended)
    assert [closed.assessment.score for closed in interview.closed if closed.assessment] == [100, 100]
    assert service.list()[0].score == 100


def test_practice_mode_gives_feedback_when_a_question_closes_not_before(service: Interviews) -> None:
    interview = service.start(Setup(questions=2, follow_ups=1))
    list(interview.proceed())
    first = list(interview.say("我先说一个大概的想法，可能不全"))
    assert not [u for u in first if isinstance(u, QuestionClosed)]
    assert interview.progress.points_heard == 0
    second = list(interview.say("再补充一点我的看法，还是不太全"))
    assert [u.assessment is not None for u in second if isinstance(u, QuestionClosed)] == [True]


def test_dont_know_is_worth_zero_and_skipping_is_not_graded(service: Interviews) -> None:
    interview = service.start(Setup(questions=2))
    list(interview.proceed())
    list(interview.say("不知道"))
    list(interview.say("真的不知道"))
    list(interview.request(TurnKind.SKIP))
    report = service.report(interview.id)
    assert [q.score for q in report.questions] == [0, None]
    assert (report.graded, report.skipped, report.score) == (1, 1, 0)


def test_a_failing_grader_ends_neither_the_interview_nor_in_a_number(
    bank: Bank, prompts: PromptBook, store: Store, clock: FakeClock
) -> None:
    class Broken(MarkedGrader):
        def grade(self, item: GradingItem) -> Assessment:
            raise RuntimeError("boom")

    service = Interviews(cast(bank, prompts, Broken()), store, clock)
    interview = service.start(Setup(questions=2))
    list(interview.proceed())
    list(interview.say("我来完整地回答一下这个问题的几个方面"))
    assert interview.turns[-1].kind is TurnKind.ASK
    report = service.report(interview.id)
    assert (report.ungraded, report.score) == (1, None)
    with_fallback = replace(cast(bank, prompts, Broken()), grade_fallback=lambda: MarkedGrader())
    second = Interviews(with_fallback, store, clock)
    interview = second.start(Setup(questions=2))
    list(interview.proceed())
    list(interview.say(everything(interview, bank)))
    graded = second.report(interview.id).questions[0].assessment
    assert graded is not None
    assert graded.score == 100
    assert "model-failed" in graded.flags


def test_stopped_in_the_greeting_the_question_is_not_waited_for_either(
    bank: Bank, prompts: PromptBook, store: Store, clock: FakeClock
) -> None:
    """Whoever has had enough of waiting has had enough of it, whatever was still to come before their own turn."""
    engine = ScriptedEngine(lambda request: Reply("Right, ", hang=True))
    voice = ModelSpeaker(engine, Wording(prompts), prompts)
    interview = Interviews(replace(cast(bank, prompts), voice=lambda: voice), store, clock).start(Setup("en"))
    stopper = threading.Timer(0.2, interview.stop_speaking)
    stopper.start()
    updates = list(interview.proceed())
    stopper.join()
    assert [turn.kind for turn in interview.turns] == [TurnKind.OPEN, TurnKind.ASK]
    asked = bank.get(interview.turns[-1].question_id or "")
    assert asked is not None
    assert asked.text.en in spoken(updates)
    made_by = interview.turns[-1].provenance
    assert made_by is not None
    assert made_by.fallback == STOPPED


def test_one_call_at_a_time(service: Interviews) -> None:
    interview = service.start(Setup())
    speaking = interview.proceed()
    next(speaking)
    assert interview.busy
    with pytest.raises(SessionError, match="still speaking"):
        list(interview.say("hello"))
    speaking.close()  # type: ignore[attr-defined]
    assert not interview.busy
    list(interview.proceed())
    assert [t.kind for t in interview.turns] == [TurnKind.OPEN, TurnKind.ASK]


def test_an_interview_that_is_over_or_not_begun_takes_no_answers(service: Interviews) -> None:
    interview = service.start(Setup(questions=1))
    with pytest.raises(SessionError, match="not begun"):
        list(interview.say("我先说"))
    list(interview.proceed())
    list(interview.request(TurnKind.END))
    assert interview.finished
    with pytest.raises(SessionError, match="over"):
        list(interview.say("再说一句"))
    with pytest.raises(ValueError, match="no request"):
        interview.request(TurnKind.ANSWER)


def test_two_processes_on_one_interview_never_overwrite_each_other(
    bank: Bank, prompts: PromptBook, store: Store, clock: FakeClock
) -> None:
    first = Interviews(cast(bank, prompts), store, clock).start(Setup(questions=3, seed=2))
    list(first.proceed())
    elsewhere = Interviews(cast(bank, prompts), store, clock)
    second = elsewhere.open(first.id)
    list(first.request(TurnKind.SKIP))
    with pytest.raises(SessionError, match="somewhere else"):
        list(second.request(TurnKind.SKIP))
    assert store.load(first.id).turns == first.turns
    reloaded = elsewhere.open(first.id)  # "reload it" works
    assert reloaded.turns == first.turns
    list(reloaded.request(TurnKind.SKIP))


def test_the_last_interviews_questions_come_last_in_the_next(service: Interviews, bank: Bank) -> None:
    first = service.start(Setup(questions=4, seed=1))
    list(first.proceed())
    for _ in range(4):
        list(first.request(TurnKind.SKIP))
    second = service.start(Setup(questions=4, seed=1))
    list(second.proceed())
    for _ in range(4):
        list(second.request(TurnKind.SKIP))
    asked = [{t.question_id for t in i.turns if t.kind is TurnKind.ASK} for i in (first, second)]
    assert asked[0].isdisjoint(asked[1])


def test_a_very_long_utterance_is_cut_and_kept(service: Interviews) -> None:
    interview = service.start(Setup())
    list(interview.proceed())
    list(interview.say("模型" * 100_000 + "\x00\ud800"))
    assert len(interview.turns[2].text) < 21_000


def test_deleting_removes_it_everywhere(service: Interviews) -> None:
    interview = service.start(Setup())
    list(interview.proceed())
    service.delete(interview.id)
    with pytest.raises(SessionError):
        service.open(interview.id)
    assert service.list() == []


def test_times_are_utc_and_progress_counts(service: Interviews, clock: FakeClock) -> None:
    interview = service.start(Setup(minutes=5))
    list(interview.proceed())
    clock.wait(60)
    progress = interview.progress
    assert progress.seconds_left is not None
    assert 230 < progress.seconds_left < 240
    assert interview.turns[0].at.tzinfo == UTC
    assert isinstance(interview.turns[0].at, datetime)


def test_the_budget_shown_is_what_can_be_asked(service: Interviews, bank: Bank) -> None:
    topic = bank.questions[0].topic
    there = sum(question.topic == topic for question in bank)
    interview = service.start(Setup(questions=20, topics=(topic,)))
    list(interview.proceed())
    assert interview.progress.budget == there < 20
