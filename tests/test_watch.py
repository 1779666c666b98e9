"""The breaker and the watch over an engine: when it is left alone, for how long, and how it comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from interviewer.domain.errors import ContextOverflow, EngineError, EngineOutOfMemory, EngineTimeout, EngineUnavailable
from interviewer.engines import Reply, ScriptedEngine
from interviewer.engines.breaker import Attempt, Breaker, Cause, Limits, Trouble
from interviewer.engines.memory import is_out_of_memory
from interviewer.engines.watch import WatchedEngine
from interviewer.ports import ChatRequest, ChoiceRequest, Message
from tests.faulty import FaultyEngine, HandClock, Hang, fails

ASK = ChatRequest((Message("user", "什么是量化？"),), timeout=45)
CHOOSE = ChoiceRequest((Message("system", "Judge."),), ("Covered?",), ("yes", "no"))
SICK = Trouble(Cause.FAILING, "it failed")
LIMITS = Limits(failures=3, rest=60, longest_rest=200)


def admitted(breaker: Breaker) -> Attempt:
    attempt = breaker.admit()
    assert attempt is not None
    return attempt


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def breaker(clock: HandClock) -> Breaker:
    return Breaker(LIMITS, clock)


# ---------------------------------------------------------------- the breaker


def test_failures_in_a_row_bring_a_rest_and_a_success_between_them_none(breaker: Breaker) -> None:
    for _ in range(4):
        admitted(breaker).failed(SICK)
        admitted(breaker).failed(SICK)
        admitted(breaker).worked()
    assert breaker.trouble is None
    for _ in range(3):
        admitted(breaker).failed(SICK)
    assert breaker.trouble == SICK
    assert not breaker.closed
    assert breaker.admit() is None


def test_after_the_rest_one_call_is_on_trial(breaker: Breaker, clock: HandClock) -> None:
    admitted(breaker).failed(SICK, at_once=True)
    clock.pass_by(59)
    assert breaker.admit() is None
    clock.pass_by(1)
    assert breaker.closed
    trial = admitted(breaker)
    assert breaker.admit() is None, "one at a time"
    assert breaker.trouble == SICK, "not well yet"
    trial.worked()
    assert breaker.trouble is None
    admitted(breaker).worked()


def test_rests_grow_while_trials_fail_and_are_short_again_once_all_is_well(breaker: Breaker, clock: HandClock) -> None:
    admitted(breaker).failed(SICK, at_once=True)
    for rest in (60, 120, 200, 200):
        clock.pass_by(rest - 1)
        assert breaker.admit() is None
        clock.pass_by(1)
        admitted(breaker).failed(SICK)
    clock.pass_by(200)
    for _ in range(3):
        admitted(breaker).worked()
    admitted(breaker).failed(SICK, at_once=True)
    clock.pass_by(60)
    assert breaker.closed


def test_one_that_just_works_once_between_rests_is_not_well(breaker: Breaker, clock: HandClock) -> None:
    admitted(breaker).failed(SICK, at_once=True)
    clock.pass_by(60)
    admitted(breaker).worked()
    admitted(breaker).failed(SICK, at_once=True)
    clock.pass_by(60)
    assert breaker.admit() is None
    clock.pass_by(60)
    assert breaker.closed


def test_calls_from_before_the_rest_do_not_end_it(breaker: Breaker, clock: HandClock) -> None:
    early, other = admitted(breaker), admitted(breaker)
    admitted(breaker).failed(SICK, at_once=True)
    early.worked()
    other.failed(SICK, at_once=True)
    assert breaker.trouble == SICK
    clock.pass_by(60)
    admitted(breaker).dropped()  # a trial that says nothing leaves room for another
    admitted(breaker).worked()
    assert breaker.trouble is None


def test_only_the_first_outcome_of_a_call_counts(breaker: Breaker) -> None:
    attempt = admitted(breaker)
    attempt.worked()
    attempt.failed(SICK, at_once=True)
    assert breaker.trouble is None


# ---------------------------------------------------------------- the watch


@pytest.fixture
def engine() -> FaultyEngine:
    return FaultyEngine()


@pytest.fixture
def watched(engine: FaultyEngine, clock: HandClock) -> WatchedEngine:
    return WatchedEngine(engine, clock=clock)


@pytest.fixture
def hang(clock: HandClock) -> Iterator[Hang]:
    made = Hang(clock)
    yield made
    made.release()


def said(engine: WatchedEngine, request: ChatRequest = ASK) -> str:
    return "".join(engine.stream(request))


def test_a_reply_that_never_begins_is_given_up_and_the_next_refused_at_once(
    engine: FaultyEngine, watched: WatchedEngine, clock: HandClock, hang: Hang
) -> None:
    engine.talking = hang
    with pytest.raises(EngineTimeout, match="no word from script"):
        said(watched)
    health = watched.health
    assert not health.talks
    assert not health.judges, "a machine that hangs does neither"
    assert health.talking is not None
    assert health.talking.cause is Cause.STALLED
    asked = engine.asked
    with pytest.raises(EngineUnavailable, match="left alone for a while: no word"):
        said(watched)
    with pytest.raises(EngineUnavailable, match="left alone"):
        watched.score_choices(CHOOSE)
    clock.pass_by(100)
    engine.talking = None
    assert not watched.health.talks, "the stuck call has not come back: another one would get stuck behind it"
    assert engine.asked == asked
    hang.release()
    while not watched.health.talks:  # its thread is on the way out
        time.sleep(0.01)
    assert said(watched)
    assert watched.health.talking is None


def test_a_reply_that_stops_in_the_middle(clock: HandClock) -> None:
    waiting = threading.Event()

    class Stops(ScriptedEngine):
        def stream(self, request: ChatRequest, cancelled: Callable[[], bool] = lambda: False) -> Iterator[str]:
            yield "一半"
            while not waiting.wait(0.01):
                clock.pass_by(11)

    watched = WatchedEngine(Stops(), clock=clock)
    pieces = watched.stream(ASK)
    assert next(pieces) == "一半"
    with pytest.raises(EngineTimeout, match="no word"):
        list(pieces)
    waiting.set()


def test_a_judgement_that_never_ends(engine: FaultyEngine, watched: WatchedEngine, hang: Hang) -> None:
    engine.judging = hang
    with pytest.raises(EngineTimeout, match="did not answer within 125 s"):
        watched.score_choices(CHOOSE)
    assert not watched.health.talks
    with pytest.raises(EngineUnavailable):
        watched.complete_json(ASK, {})


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried…")],
)
def test_memory_running_out(engine: FaultyEngine, watched: WatchedEngine, error: Exception) -> None:
    engine.judging = fails(lambda: error)
    with pytest.raises(EngineOutOfMemory, match="out of memory running script"):
        watched.score_choices(CHOOSE)
    health = watched.health
    assert (health.talks, health.judges) == (False, False)
    assert health.judging is not None
    assert health.judging.cause is Cause.MEMORY


def test_torchs_own_error_is_known_without_torch() -> None:
    import torch

    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(ValueError("out of memory is what the text is about"))


def test_failing_at_judging_alone_leaves_it_talking(engine: FaultyEngine, watched: WatchedEngine, clock: HandClock) -> None:
    engine.judging = fails(lambda: EngineError("no usable JSON"))
    for _ in range(3):
        assert said(watched)
        with pytest.raises(EngineError, match="no usable JSON"):
            watched.complete_json(ASK, {})
    assert watched.health.talks
    assert not watched.health.judges
    engine.judging = None
    clock.pass_by(60)
    assert watched.score_choices(CHOOSE)
    assert watched.health.judging is None


def test_a_prompt_that_is_too_long_is_not_the_engines_fault(engine: FaultyEngine, watched: WatchedEngine) -> None:
    engine.talking = engine.judging = fails(lambda: ContextOverflow("too long"))
    for _ in range(5):
        with pytest.raises(ContextOverflow):
            said(watched)
        with pytest.raises(ContextOverflow):
            watched.score_choices(CHOOSE)
    assert watched.health.talks
    assert watched.health.judges


def test_a_mistake_of_the_program_is_passed_on_as_it_is(engine: FaultyEngine, watched: WatchedEngine) -> None:
    engine.judging = fails(lambda: ValueError("unsupported schema"))
    with pytest.raises(ValueError, match="unsupported schema"):
        watched.complete_json(ASK, {})


def test_slower_than_reading_aloud(clock: HandClock) -> None:
    """Only whole replies count, and only time in which the engine was at work: the reader may take as long as it likes."""

    class Slow(ScriptedEngine):
        seconds = 2.0

        def stream(self, request: ChatRequest, cancelled: Callable[[], bool] = lambda: False) -> Iterator[str]:
            for _ in range(10):
                clock.pass_by(self.seconds)
                yield "一二三四"

    slow, brisk = WatchedEngine(Slow(), clock=clock), WatchedEngine(Slow(), clock=clock)
    brisk.inner.seconds = 1.0  # type: ignore[attr-defined]
    for _ in range(3):
        assert said(slow)
        assert said(brisk)
    assert brisk.health.talks
    health = slow.health
    assert not health.talks
    assert health.judges
    assert health.talking is not None
    assert health.talking.cause is Cause.SLOW


def test_saying_nothing_again_and_again(clock: HandClock) -> None:
    silent = WatchedEngine(ScriptedEngine(lambda _: ""), clock=clock)
    assert list(silent.stream(ASK, lambda: True)) == []  # stopped by the caller: says nothing about the engine
    for _ in range(3):
        assert silent.health.talks
        assert said(silent) == ""
    assert not silent.health.talks


def test_leaving_after_a_sentence_is_a_success(clock: HandClock) -> None:
    engine = WatchedEngine(ScriptedEngine(lambda _: Reply("你好。再见。" * 50)), clock=clock)
    for _ in range(5):
        pieces = engine.stream(replace(ASK, max_tokens=500))
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]
    assert engine.health.talks


def test_closing_waits_for_a_call_that_comes_back() -> None:
    """A thread inside a forward pass when the program ends would abort it."""
    came_back = threading.Event()

    class Deep(ScriptedEngine):
        def stream(self, request: ChatRequest, cancelled: Callable[[], bool] = lambda: False) -> Iterator[str]:
            try:
                yield "first"
                time.sleep(0.3)
                yield "second"
            finally:
                came_back.set()

    engine = WatchedEngine(Deep())
    pieces = engine.stream(ASK)
    assert next(pieces) == "first"
    pieces.close()  # type: ignore[attr-defined]
    engine.close()
    assert came_back.is_set()
