"""What every engine promises, asked of each: scripted, transformers on a tiny model, OpenAI-compatible over a real socket;
and of each of them under watch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from interviewer.domain.errors import ContextOverflow, EngineError, EngineTimeout, EngineUnavailable
from interviewer.engines import OpenAIEngine, Reply, ScriptedEngine, TransformersEngine
from interviewer.engines.json_reply import find_problem
from interviewer.engines.watch import WatchedEngine
from interviewer.ports import ChatRequest, ChoiceRequest, Engine, Message
from tests.engines_server import fake_server
from tests.tiny_models import build_tiny_model

SCHEMA = {
    "type": "object",
    "properties": {"verdict": {"type": "string", "enum": ["covered", "missing"]}},
    "required": ["verdict"],
    "additionalProperties": False,
}
ASK = ChatRequest((Message("system", "Be brief."), Message("user", "什么是知识蒸馏？")), max_tokens=40, timeout=30)
CHOOSE = ChoiceRequest(
    prefix=(Message("system", "Judge."), Message("user", "the answer"), Message("assistant", "read")),
    endings=("Is it covered?", "提到温度了吗？", "Is it wrong?"),
    choices=("yes", "no"),
)


def _script(request: ChatRequest) -> Reply:
    last = request.messages[-1].content
    if "JSON Schema" in last:
        return Reply('{"verdict": "covered"}', delay=0.001)
    return Reply("".join(f"{chr(0x4E00 + (request.seed * 31 + n * 7 + len(last)) % 500)}{n} " for n in range(200)), delay=0.001)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny", max_position_embeddings=600)


@pytest.fixture(params=["bare", "watched"])
def make(made_bare: Callable[[], Engine], request: pytest.FixtureRequest) -> Callable[[], Engine]:
    return (lambda: WatchedEngine(made_bare())) if request.param == "watched" else made_bare


@pytest.fixture(params=["scripted", "transformers", "openai"])
def made_bare(request: pytest.FixtureRequest, tiny: Path) -> Iterator[Callable[[], Engine]]:
    """A maker of engines of one kind; what it made is closed afterwards."""
    made: list[Engine] = []

    def keep(engine: Engine) -> Engine:
        made.append(engine)
        return engine

    if request.param == "scripted":
        yield lambda: keep(ScriptedEngine(_script, scores={"温度": (1, 3), "": (3, 1)}, context_tokens=300))
    elif request.param == "transformers":
        yield lambda: keep(TransformersEngine(str(tiny)))
    else:
        with fake_server() as server:
            server.delay = 0.002
            server.logprobs = {"yes": 0.6, " no": 0.3, "maybe": 0.1}

            def json_when_asked(body: dict[str, object]) -> None:
                server.words = ['{"verdict": ', '"covered"}'] if "JSON Schema" in str(body) else []

            server.hook = json_when_asked
            yield lambda: keep(OpenAIEngine(server.url))
            for engine in made:
                engine.close()
    for engine in made:
        engine.close()


@pytest.fixture
def engine(make: Callable[[], Engine]) -> Engine:
    return make()


def said(engine: Engine, request: ChatRequest = ASK) -> str:
    return "".join(engine.stream(request))


def test_streams_pieces_of_text(engine: Engine) -> None:
    assert isinstance(engine, Engine)
    assert engine.info.name
    assert engine.info.model
    pieces = list(engine.stream(ASK))
    assert len(pieces) > 3
    assert all(isinstance(piece, str) and piece for piece in pieces)


def test_the_seed_decides_what_is_said(engine: Engine) -> None:
    first = said(engine)
    assert said(engine) == first
    assert said(engine, replace(ASK, seed=7)) != first
    greedy = replace(ASK, temperature=0.0)
    assert said(engine, greedy) == said(engine, greedy)


def test_threads_do_not_disturb_each_other(engine: Engine) -> None:
    requests = [replace(ASK, seed=seed, max_tokens=15) for seed in range(6)]
    alone, scored_alone = [said(engine, request) for request in requests], engine.score_choices(CHOOSE)
    with ThreadPoolExecutor(6) as pool:
        scores = [pool.submit(engine.score_choices, CHOOSE) for _ in range(2)]
        assert list(pool.map(lambda request: said(engine, request), requests)) == alone
        assert [score.result() for score in scores] == [scored_alone] * 2


def test_max_tokens_bounds_the_reply(engine: Engine) -> None:
    assert len(list(engine.stream(replace(ASK, max_tokens=3)))) <= 3
    assert len(said(engine, replace(ASK, max_tokens=3))) < len(said(engine))


def test_ends_before_the_first_stop_string(engine: Engine) -> None:
    whole = said(engine)
    stop = whole[len(whole) // 2 : len(whole) // 2 + 3]
    assert said(engine, replace(ASK, stop=("never said at all", stop))) == whole[: whole.index(stop)]


def test_cancelling_ends_the_reply_early(engine: Engine) -> None:
    heard: list[str] = []
    for piece in engine.stream(ASK, lambda: len(heard) >= 2):
        heard.append(piece)  # noqa: PERF402 - the reply is cancelled by what has been heard
    assert 2 <= len(heard) < len(list(engine.stream(ASK)))
    assert list(engine.stream(ASK, lambda: True)) == []


def test_a_reader_may_leave_in_the_middle(engine: Engine) -> None:
    whole = said(engine)
    pieces = engine.stream(ASK)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    stalled = engine.stream(ASK)  # begun, and not read on: it must not hold up others
    next(stalled)
    assert said(engine) == whole
    stalled.close()  # type: ignore[attr-defined]


def test_running_out_of_time(engine: Engine) -> None:
    with pytest.raises(EngineTimeout) as caught:
        said(engine, replace(ASK, timeout=0.0))
    assert caught.value.retryable


def test_a_prompt_that_does_not_fit(engine: Engine) -> None:
    with pytest.raises(ContextOverflow, match=r"\d+.*\d+"):
        said(engine, replace(ASK, messages=(Message("user", "蒸馏" * 600),)))
    with pytest.raises(ContextOverflow):
        said(engine, replace(ASK, max_tokens=5000))


def test_probabilities_of_choices(engine: Engine) -> None:
    rows = engine.score_choices(CHOOSE)
    assert rows is not None
    assert len(rows) == len(CHOOSE.endings)
    for row in rows:
        assert len(row) == 2
        assert sum(row) == pytest.approx(1)
        assert all(0 <= share <= 1 for share in row)
    swapped = engine.score_choices(replace(CHOOSE, choices=("no", "yes")))
    if engine.info.name != "scripted":  # a script's weights go by place
        assert swapped == [pytest.approx(row[::-1]) for row in rows]
    assert engine.score_choices(replace(CHOOSE, endings=())) == []


def test_json_is_valid_or_an_error(engine: Engine) -> None:
    request = replace(ASK, messages=(Message("user", "Judge."),), max_tokens=60)
    if engine.info.name == "transformers":  # random weights
        with pytest.raises(EngineError, match="two tries"):
            engine.complete_json(request, SCHEMA)
        return
    value, raw = engine.complete_json(request, SCHEMA)
    assert value == {"verdict": "covered"}
    assert find_problem(value, SCHEMA) is None
    assert raw == '{"verdict": "covered"}'


def test_after_close_every_call_says_so(engine: Engine) -> None:
    engine.close()
    engine.close()
    with pytest.raises(EngineUnavailable, match="closed"):
        said(engine)
    with pytest.raises(EngineUnavailable, match="closed"):
        engine.score_choices(CHOOSE)
    with pytest.raises(EngineUnavailable, match="closed"):
        engine.complete_json(ASK, SCHEMA)


def test_closing_ends_a_reply_under_way(engine: Engine) -> None:
    pieces = engine.stream(replace(ASK, max_tokens=60))
    next(pieces)
    closer = threading.Thread(target=engine.close)
    closer.start()
    closer.join()
    with pytest.raises(EngineUnavailable, match="closed"):
        list(pieces)
