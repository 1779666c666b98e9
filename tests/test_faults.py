"""Everything that can go wrong with a model, in the middle of interviews: each answer still ends graded (or ungraded with a
reason), every question is still asked, and it is said who carries on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from fastapi.responses import PlainTextResponse, Response

from interviewer import modelslot, wiring
from interviewer.config import Settings
from interviewer.domain.assessment import Assessment
from interviewer.domain.errors import EngineError, EngineUnavailable
from interviewer.domain.questions import Bank
from interviewer.domain.transcript import Setup, Turn, TurnKind
from interviewer.engines import ScriptedEngine
from interviewer.engines.watch import WatchedEngine
from interviewer.ports import Engine
from interviewer.session import Interview
from interviewer.wiring import Parts, build
from tests.engines_server import FakeServer, error, fake_server
from tests.faulty import FaultyEngine, HandClock, Hang, SmallLibrary, fails

ANSWER = "我认为它主要是让训练更稳定，同时节省显存，具体做法是把数据分成小批来处理"
MODEL = "script"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> HandClock:
    """Time for the watch over engines."""
    made = HandClock()
    monkeypatch.setattr(modelslot, "WatchedEngine", partial(WatchedEngine, clock=made))
    return made


@pytest.fixture
def engine() -> FaultyEngine:
    return FaultyEngine()


@pytest.fixture(autouse=True)
def _small_library(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    few = Bank(bank.questions[:12], bank.topics)
    monkeypatch.setattr(wiring, "Library", lambda _: SmallLibrary(few))


@pytest.fixture
def with_model(
    settings: Settings, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Callable[[], Engine]], Parts]]:
    """Parts whose model is whatever `load` returns, or raises."""
    made: list[Parts] = []

    def parts_for(load: Callable[[], Engine]) -> Parts:
        monkeypatch.setattr(modelslot, "load_engine", lambda *_, **__: load())
        made.append(build(replace(settings, engine="transformers", model=MODEL)))
        return made[-1]

    yield parts_for
    for parts in made:
        parts.close()


@pytest.fixture
def parts(with_model: Callable[[Callable[[], Engine]], Parts], engine: FaultyEngine) -> Parts:
    built = with_model(lambda: engine)
    assert built.model.wait(60).state == "ready"
    return built


@pytest.fixture
def hang(clock: HandClock) -> Iterator[Hang]:
    made = Hang(clock)
    yield made
    made.release()


def begin(parts: Parts, questions: int = 3) -> Interview:
    interview = parts.interviews.start(Setup(lang="zh", questions=questions, follow_ups=0, seed=5))
    list(interview.proceed())
    return interview


def go_on(parts: Parts, interview: Interview) -> None:
    """To the end, with an answer to everything."""
    while not interview.finished:
        list(interview.say(ANSWER))
    check(parts, interview)


def check(parts: Parts, interview: Interview) -> None:
    """What must be true of a finished interview whatever happened in it."""
    stored = parts.store.load(interview.id)
    assert stored.info.status == "finished"
    assert stored.turns == interview.turns
    assert len(asked(interview)) == interview.setup.questions
    for turn in asked(interview):
        question = parts.bank.get(turn.question_id or "")
        assert question is not None
        assert any(text.zh in turn.text for text in (question.text, *question.rephrasings))
    graded = dict(parts.store.history(interview.id))
    for turn in interview.turns:
        if turn.kind is TurnKind.ANSWER:
            assessment = graded[turn.number]
            assert assessment.graded or assessment.reason
            assert (assessment.score is None) is not assessment.graded
    assert parts.interviews.report(interview.id).questions


def asked(interview: Interview) -> list[Turn]:
    return [turn for turn in interview.turns if turn.kind is TurnKind.ASK]


def grades(parts: Parts, interview: Interview) -> list[Assessment]:
    return [assessment for _, assessment in parts.store.history(interview.id)]


def graders(parts: Parts, interview: Interview) -> list[tuple[str, bool]]:
    """Who graded each answer, and whether because the model could not."""
    return [(a.grader.name, "model-failed" in a.flags) for a in grades(parts, interview)]


# ---------------------------------------------------------------- handover


def test_the_built_in_interviewer_begins_and_the_model_takes_over_at_the_next_question(
    with_model: Callable[[Callable[[], Engine]], Parts], engine: FaultyEngine
) -> None:
    loaded = threading.Event()

    def load() -> Engine:
        loaded.wait()
        return engine

    parts = with_model(load)
    interview = begin(parts)
    assert parts.engine_status().state == "loading"
    loaded.set()
    assert parts.model.wait(60).state == "ready"
    list(interview.request(TurnKind.CLARIFY_REQUEST))
    assert interview.interviewer == "built-in", "not in the middle of a question"
    go_on(parts, interview)
    assert interview.interviewer == MODEL
    assert graders(parts, interview) == [("builtin", False), ("scripted", False), ("scripted", False)]


@pytest.mark.parametrize(
    ("raised", "cause"),
    [
        (EngineUnavailable("there is no folder /models/x"), ""),
        (RuntimeError("bad weights\n  File x.py, line 3\n  in load"), ""),
        (MemoryError(), "memory"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"), "memory"),
    ],
)
def test_a_model_that_does_not_load(with_model: Callable[[Callable[[], Engine]], Parts], raised: Exception, cause: str) -> None:
    def load() -> Engine:
        raise raised

    parts = with_model(load)
    status = parts.model.wait(60)
    assert (status.state, status.cause) == ("failed", cause)
    assert "\n" not in status.detail
    interview = begin(parts)
    go_on(parts, interview)
    assert interview.interviewer == "built-in"
    assert graders(parts, interview) == [("builtin", False)] * 3


def test_a_server_that_is_not_there_yet_is_tried_again(
    with_model: Callable[[Callable[[], Engine]], Parts], engine: FaultyEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modelslot, "TRY_AGAIN", 0.01)
    there = threading.Event()

    def load() -> Engine:
        if there.is_set():
            return engine
        gone = EngineUnavailable("can't reach http://127.0.0.1:9/v1: refused")
        gone.retryable = True
        raise gone

    parts = with_model(load)
    assert parts.model.wait(60).cause == "again"
    interview = begin(parts)
    assert interview.interviewer == "built-in"
    there.set()
    while parts.engine_status().state != "ready":
        time.sleep(0.01)
    list(interview.say(ANSWER))
    assert interview.interviewer == MODEL


# ---------------------------------------------------------------- an engine in trouble


def out_of_memory() -> Exception:
    import torch

    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB")


TROUBLES: dict[str, tuple[Callable[[], Exception], str]] = {
    "python's memory": (MemoryError, "memory"),
    "torch's memory": (out_of_memory, "memory"),
    "the allocator's memory": (lambda: RuntimeError("DefaultCPUAllocator: can't allocate memory"), "memory"),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_memory_runs_out_while_speaking(parts: Parts, engine: FaultyEngine, clock: HandClock, name: str) -> None:
    make, cause = TROUBLES[name]
    engine.talking = fails(make)
    interview = begin(parts)
    greeting = interview.turns[0].provenance
    assert greeting
    assert greeting.fallback
    status = parts.engine_status()
    assert (status.state, status.cause) == ("resting", cause)
    list(interview.say(ANSWER))
    assert interview.interviewer == "built-in"
    go_on(parts, interview)
    assert graders(parts, interview) == [("builtin", False)] * 3


@pytest.mark.parametrize("name", TROUBLES)
def test_memory_runs_out_while_judging_and_the_model_comes_back(
    parts: Parts, engine: FaultyEngine, clock: HandClock, name: str
) -> None:
    make, cause = TROUBLES[name]
    engine.judging = fails(make)
    interview = begin(parts, questions=4)
    list(interview.say(ANSWER))
    assert parts.engine_status().cause == cause
    engine.judging = None
    list(interview.say(ANSWER))
    assert interview.interviewer == "built-in"
    clock.pass_by(60)
    list(interview.say(ANSWER))  # the rest is over: the next question is the model's, on trial
    assert interview.interviewer == MODEL
    go_on(parts, interview)
    assert parts.engine_status().state == "ready"
    assert graders(parts, interview) == [("builtin", True), ("builtin", False), ("builtin", False), ("scripted", False)]


def test_a_model_that_hangs_while_speaking(parts: Parts, engine: FaultyEngine, hang: Hang, clock: HandClock) -> None:
    engine.talking = hang
    interview = begin(parts)
    assert parts.engine_status().cause == "stalled"
    engine.talking = None
    clock.pass_by(600)
    list(interview.say(ANSWER))
    assert interview.interviewer == "built-in", "the call that hangs still blocks the model"
    hang.release()
    while not parts.model.engine.health.talks:  # type: ignore[union-attr]
        time.sleep(0.01)
    list(interview.say(ANSWER))
    assert interview.interviewer == MODEL
    go_on(parts, interview)


def test_a_model_that_hangs_while_judging(parts: Parts, engine: FaultyEngine, hang: Hang) -> None:
    interview = begin(parts)
    engine.judging = hang
    list(interview.say(ANSWER))
    assert parts.engine_status().state == "resting"
    go_on(parts, interview)
    assert graders(parts, interview) == [("builtin", True), ("builtin", False), ("builtin", False)]


def test_two_interviews_share_one_sick_model(parts: Parts, engine: FaultyEngine) -> None:
    one, other = begin(parts), begin(parts)
    engine.talking = engine.judging = fails(lambda: MemoryError())
    list(one.say(ANSWER))
    calls = engine.asked
    go_on(parts, other)
    go_on(parts, one)
    assert engine.asked == calls, "nobody asked it again"


def test_garbage_loses_no_question_and_is_never_a_grade(
    with_model: Callable[[Callable[[], Engine]], Parts], clock: HandClock
) -> None:
    """No probabilities, and replies that are neither a sentence nor JSON: it may go on trying to talk, but judges no more."""
    noise = "zxq\ufffd\ufffd䶮㐂 {]]} <|im" * 8
    parts = with_model(lambda: ScriptedEngine(lambda _: noise))
    parts.model.wait(60)
    interview = begin(parts, questions=5)
    go_on(parts, interview)
    assert all(turn.provenance.fallback for turn in asked(interview))  # type: ignore[union-attr]
    assert graders(parts, interview) == [("builtin", True)] * 3 + [("builtin", False)] * 2
    status = parts.engine_status()
    assert (status.state, status.cause) == ("talking", "failing")
    assert interview.interviewer == MODEL


@pytest.mark.parametrize("share", [float("nan"), 7.0, -1.0, 0.0])
def test_probabilities_that_are_none(
    with_model: Callable[[Callable[[], Engine]], Parts], clock: HandClock, share: float
) -> None:
    class Broken(FaultyEngine):
        def score_choices(self, request: Any) -> list[tuple[float, ...]]:
            return [tuple(share for _ in request.choices) for _ in request.endings]

    parts = with_model(Broken)
    parts.model.wait(60)
    interview = begin(parts, questions=1)
    go_on(parts, interview)
    assert graders(parts, interview) == [("builtin", True)]


def test_both_graders_failing_is_ungraded_with_a_reason(
    parts: Parts, engine: FaultyEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.judging = fails(lambda: EngineError("it broke"))
    builtin = parts.builtin_grader()
    interview = begin(parts, questions=2)

    def broken(item: object) -> Assessment:
        raise RuntimeError("bug")

    monkeypatch.setattr(type(builtin), "grade", broken)
    go_on(parts, interview)
    for assessment in grades(parts, interview):
        assert not assessment.graded
        assert assessment.score is None
    assert parts.interviews.report(interview.id).score is None


# ---------------------------------------------------------------- a server in trouble


def too_busy(_: dict[str, Any]) -> Response:
    return error(429, "slow down", **{"retry-after-ms": "1"})


def breaks(_: dict[str, Any]) -> Response:
    return error(500, "CUDA error: an illegal memory access was encountered", **{"retry-after-ms": "1"})


def drops(body: dict[str, Any]) -> Response:
    half = (
        '{"id":"1","object":"chat.completion.chunk","created":0,"model":"m","choices":[{"index":0,"delta":{"content":"好的"}}]}'
    )
    return Response(f"data: {half}\n\n", media_type="text/event-stream") if body.get("stream") else PlainTextResponse("{")


def wrong_json(body: dict[str, Any]) -> Response | None:
    return None if body.get("stream") else PlainTextResponse('{"choices": "none"}', media_type="application/json")


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with fake_server() as running:
        running.models = [{"id": "fake", "object": "model", "max_model_len": 16000}]
        running.context = 16000
        yield running


@pytest.fixture
def served(settings: Settings, clock: HandClock, server: FakeServer) -> Iterator[Parts]:
    built = build(replace(settings, engine="openai", base_url=server.url))
    assert built.model.wait(60).state == "ready"
    yield built
    built.close()


@pytest.mark.parametrize("hook", [too_busy, breaks, drops, wrong_json])
def test_a_server_in_trouble_and_well_again(
    served: Parts, server: FakeServer, clock: HandClock, hook: Callable[[dict[str, Any]], Response | None]
) -> None:
    server.logprobs = {"yes": 0.5, "no": 0.2, "是": 0.1, "否": 0.05, "A": 0.05, "B": 0.05, "C": 0.05}
    interview = begin(served, questions=6)
    list(interview.say(ANSWER))
    server.hook = hook
    for _ in range(3):
        list(interview.say(ANSWER))
    status = served.engine_status()
    assert (status.state, status.cause) == ("talking" if hook is wrong_json else "resting", "failing")
    server.hook = None
    clock.pass_by(1000)
    go_on(served, interview)
    assert served.engine_status().state == "ready"
    assert graders(served, interview)[:4] == [("openai", False), *[("builtin", True)] * 3]
    assert graders(served, interview)[-1] == ("openai", False)


def test_a_server_that_goes_away_and_comes_back(settings: Settings, clock: HandClock) -> None:
    with fake_server() as first:
        parts = build(replace(settings, engine="openai", base_url=first.url))
        assert parts.model.wait(60).state == "ready"
        interview = begin(parts, questions=6)
    for _ in range(3):
        list(interview.say(ANSWER))
    status = parts.engine_status()
    assert status.state == "resting"
    assert "can't reach" in status.detail
    with fake_server(port=int(first.url.rpartition(":")[2].partition("/")[0])):
        clock.pass_by(1000)
        list(interview.say(ANSWER))
        assert interview.interviewer == "fake"
        assert parts.engine_status().state in ("ready", "talking")
        go_on(parts, interview)
    parts.close()
