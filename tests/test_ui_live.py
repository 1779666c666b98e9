"""Running interviews as pages follow them: nothing lost, nothing twice, nothing sent to the wrong question."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

import pytest

from interviewer.domain.errors import EngineError, SessionError
from interviewer.domain.questions import Bank
from interviewer.domain.transcript import Setup
from interviewer.ui.live import LiveInterview, LiveInterviews, Outcome, Snapshot, proceed
from tests.ui_fakes import FakeInterviews, ScriptedInterview


def follow(live: LiveInterview) -> list[Snapshot]:
    async def collect() -> list[Snapshot]:
        return [snapshot async for snapshot in live.follow()]

    return asyncio.run(asyncio.wait_for(collect(), 20))


def until(condition: object, live: LiveInterview) -> None:
    """Wait for something that is bound to happen; the limit only ends a hung test."""
    end = time.monotonic() + 20
    while not condition(live.snapshot):  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.005)


def say(text: str):  # type: ignore[no-untyped-def]
    return lambda interview: interview.say(text)


@pytest.fixture
def gated() -> ScriptedInterview:
    return ScriptedInterview(gate=threading.Event())


def test_a_follower_sees_the_reply_grow_and_then_rest(gated: ScriptedInterview) -> None:
    live = LiveInterview(gated)  # type: ignore[arg-type]
    assert live.act(proceed) is Outcome.STARTED
    until(lambda now: now.speaking == "Hello.", live)
    assert live.snapshot.busy
    gated.gate.set()  # type: ignore[union-attr]
    last = follow(live)[-1]
    assert not last.busy
    assert last.speaking == ""
    assert [turn.text for turn in last.turns] == ["Hello. What is it?"]


def test_the_first_words_and_the_end_are_told_at_once(gated: ScriptedInterview, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interviewer.ui.live.FOLLOW_EVERY", 1000)
    live = LiveInterview(gated)  # type: ignore[arg-type]

    async def followed() -> list[Snapshot]:
        shown = []
        async for snapshot in live.follow():
            shown.append(snapshot)
            if snapshot.speaking:
                gated.gate.set()  # type: ignore[union-attr]
        return shown

    live.act(proceed)
    shown = asyncio.run(asyncio.wait_for(followed(), 60))
    assert "Hello." in [snapshot.speaking for snapshot in shown]
    assert not shown[-1].busy


def test_a_page_that_comes_late_starts_with_everything_said_so_far(gated: ScriptedInterview) -> None:
    live = LiveInterview(gated)  # type: ignore[arg-type]
    live.act(proceed)
    until(lambda now: now.speaking == "Hello.", live)

    async def first() -> Snapshot:
        async for snapshot in live.follow():
            return snapshot
        raise AssertionError

    assert asyncio.run(first()).speaking == "Hello."
    gated.gate.set()  # type: ignore[union-attr]
    follow(live)


def test_what_was_sent_shows_at_once_and_only_until_it_is_committed(gated: ScriptedInterview) -> None:
    live = LiveInterview(gated)  # type: ignore[arg-type]
    live.act(say("my answer"), pending="my answer")
    until(lambda now: now.turns, live)
    assert live.snapshot.pending is None
    assert live.snapshot.turns[0].text == "my answer"
    gated.gate.set()  # type: ignore[union-attr]
    follow(live)


def test_two_actions_at_once_act_once(gated: ScriptedInterview) -> None:
    live = LiveInterview(gated)  # type: ignore[arg-type]
    outcomes = []
    ready = threading.Barrier(8)

    def press() -> None:
        ready.wait()
        outcomes.append(live.act(say("same"), pending="same", seen=0, ticket="draft-1"))

    threads = [threading.Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gated.gate.set()  # type: ignore[union-attr]
    follow(live)
    assert sorted(outcomes) == [Outcome.REPEATED] * 7 + [Outcome.STARTED]
    assert gated.calls == ["same"]


def test_the_same_draft_is_not_sent_again_when_the_reply_is_already_there() -> None:
    live = LiveInterview(ScriptedInterview())  # type: ignore[arg-type]
    assert live.act(say("a"), ticket="draft-1") is Outcome.STARTED
    follow(live)
    assert live.act(say("a"), ticket="draft-1") is Outcome.REPEATED
    assert live.act(say("a"), ticket="draft-2") is Outcome.STARTED
    follow(live)


def test_while_the_interviewer_speaks_another_message_has_to_wait(gated: ScriptedInterview) -> None:
    live = LiveInterview(gated)  # type: ignore[arg-type]
    live.act(proceed)
    assert live.act(say("early"), ticket="x") is Outcome.BUSY
    gated.gate.set()  # type: ignore[union-attr]
    follow(live)
    assert live.act(say("early"), ticket="x") is Outcome.STARTED
    follow(live)


def test_a_page_that_lags_behind_does_not_answer_the_wrong_question() -> None:
    interview = ScriptedInterview()
    live = LiveInterview(interview)  # type: ignore[arg-type]
    live.act(proceed)
    follow(live)
    live.act(say("from the other window"), seen=1)
    follow(live)
    assert live.act(say("late"), seen=1) is Outcome.STALE
    assert "late" not in interview.calls


def test_nothing_is_said_in_a_finished_interview() -> None:
    live = LiveInterview(ScriptedInterview(finished=True))  # type: ignore[arg-type]
    assert live.act(say("more")) is Outcome.OVER
    assert not live.snapshot.owed


def test_a_failure_is_told_and_the_interview_lives_on() -> None:
    interview = ScriptedInterview(fail=EngineError("the model went away"))
    live = LiveInterview(interview)  # type: ignore[arg-type]
    live.act(say("kept"), ticket="t")
    last = follow(live)[-1]
    assert last.failure is not None
    assert last.failure.message == "the model went away"
    assert last.owed
    assert live.act(say("kept"), ticket="t") is Outcome.REPEATED  # it is in the transcript already
    interview.fail = None
    live.act(proceed)
    last = follow(live)[-1]
    assert last.failure is None
    assert not last.owed


def test_a_draft_of_which_nothing_was_kept_may_be_sent_again() -> None:
    interview = ScriptedInterview(fail=EngineError("no"), fail_before_commit=True)
    live = LiveInterview(interview)  # type: ignore[arg-type]
    live.act(say("again"), ticket="t")
    follow(live)
    interview.fail = None
    assert live.act(say("again"), ticket="t") is Outcome.STARTED
    follow(live)


def test_an_unexpected_fault_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    live = LiveInterview(ScriptedInterview(fail=ZeroDivisionError("secret path")))  # type: ignore[arg-type]
    with caplog.at_level(logging.ERROR):
        live.act(proceed)
        last = follow(live)[-1]
    assert last.failure is not None
    assert last.failure.message == ""
    assert "secret path" in caplog.text


def test_stop_reaches_the_interview_only_while_it_speaks(gated: ScriptedInterview) -> None:
    live = LiveInterview(gated)  # type: ignore[arg-type]
    live.stop()
    assert not gated.stopped.is_set()
    live.act(proceed)
    live.stop()
    assert gated.stopped.is_set()
    gated.gate.set()  # type: ignore[union-attr]
    follow(live)


def test_the_question_that_waits_for_an_answer_is_told() -> None:
    told: list[str] = []
    live = LiveInterviews(FakeInterviews(Bank()), asked=told.append).start(Setup())  # type: ignore[arg-type]
    last = follow(live)[-1]
    deadline = time.monotonic() + 60
    while not told and time.monotonic() < deadline:
        time.sleep(0.01)
    assert told == [last.turns[-1].question_id or ""]


def test_every_page_of_an_interview_follows_the_same_one() -> None:
    lives = LiveInterviews(FakeInterviews(Bank()))  # type: ignore[arg-type]
    live = lives.start(Setup())
    assert lives.get(live.id) is live
    follow(live)


def test_an_interview_from_the_store_gets_the_reply_it_was_owed() -> None:
    interviews = FakeInterviews(Bank())
    fresh = interviews.add(ScriptedInterview("fresh"))
    list(fresh.say("answered, then the power went"))
    fresh.turns, fresh.calls = fresh.turns[:1], []
    asked = interviews.add(ScriptedInterview("asked"))
    list(asked.proceed())
    asked.calls = []
    lives = LiveInterviews(interviews)  # type: ignore[arg-type]
    follow(lives.get("fresh"))
    follow(lives.get("asked"))
    assert fresh.calls == ["proceed"]
    assert asked.calls == []


def test_memory_is_bounded_and_never_takes_a_running_one() -> None:
    gate = threading.Event()
    interviews = FakeInterviews(Bank(), lambda session_id, setup: ScriptedInterview(session_id, setup, gate=gate))
    lives = LiveInterviews(interviews, keep=2)  # type: ignore[arg-type]
    running = [lives.start(Setup()) for _ in range(4)]
    assert [lives.get(live.id) for live in running] == running
    gate.set()
    for live in running:
        follow(live)
    lives.start(Setup())
    lives.start(Setup())
    assert lives.get(running[0].id) is not running[0]


def test_forgetting_stops_what_runs(gated: ScriptedInterview) -> None:
    lives = LiveInterviews(FakeInterviews(Bank(), lambda *_: gated))  # type: ignore[arg-type]
    live = lives.start(Setup())
    lives.forget(live.id)
    assert gated.stopped.is_set()
    gated.gate.set()  # type: ignore[union-attr]
    follow(live)
    with pytest.raises(SessionError):
        LiveInterviews(FakeInterviews(Bank())).get("nobody")  # type: ignore[arg-type]


def test_thirty_interviews_at_once() -> None:
    lives = LiveInterviews(FakeInterviews(Bank()))  # type: ignore[arg-type]

    async def hold() -> list[int]:
        async def one() -> int:
            live = lives.start(Setup())
            async for _ in live.follow():
                pass
            for n in range(5):
                assert live.act(say(f"answer {n}"), ticket=str(n)) is Outcome.STARTED
                async for _ in live.follow():
                    pass
            return len(live.snapshot.turns)

        return await asyncio.wait_for(asyncio.gather(*(one() for _ in range(30))), 60)

    assert asyncio.run(hold()) == [11] * 30


def test_what_was_taken_is_told_by_its_ticket(gated: ScriptedInterview) -> None:
    live = LiveInterview(gated)  # type: ignore[arg-type]
    live.act(say("one"), ticket="draft-1")
    assert live.snapshot.ticket == "draft-1"
    assert live.act(say("two"), ticket="draft-2") is Outcome.BUSY
    assert live.snapshot.ticket == "draft-1"
    gated.gate.set()  # type: ignore[union-attr]
    assert follow(live)[-1].ticket == "draft-1"


def test_an_interview_that_another_process_changed_is_read_again() -> None:
    interviews = FakeInterviews(Bank())
    lives = LiveInterviews(interviews)  # type: ignore[arg-type]
    live = lives.start(Setup())
    follow(live)
    interviews.known[live.id].outdated = True
    interviews.known[live.id] = ScriptedInterview(live.id)
    again = lives.get(live.id)
    assert again is not live
    follow(again)
    interviews.known[live.id].outdated = True
    del interviews.known[live.id]
    with pytest.raises(SessionError):
        lives.get(live.id)
