"""The OpenAI-compatible engine against a server on loopback that misbehaves in every way seen in the wild."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from interviewer.domain.errors import ContextOverflow, EngineError, EngineTimeout, EngineUnavailable
from interviewer.engines import OpenAIEngine
from interviewer.ports import ChatRequest, ChoiceRequest, Message
from tests.engines_server import FakeServer, error, fake_server, transformers_serve
from tests.tiny_models import build_tiny_model

ASK = ChatRequest((Message("user", "什么是量化？"),), max_tokens=50, timeout=20)
CHOOSE = ChoiceRequest((Message("system", "Judge."),), ("Covered?", "Wrong?"), ("yes", "no"))
SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
KEY = "sk-very-secret"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with fake_server() as state:
        yield state


@pytest.fixture
def engine(server: FakeServer) -> Iterator[OpenAIEngine]:
    made = OpenAIEngine(server.url, api_key=KEY)
    yield made
    made.close()


def said(engine: OpenAIEngine, request: ChatRequest = ASK) -> str:
    return "".join(engine.stream(request))


# ---------------------------------------------------------------- connecting


def test_takes_the_first_model_listed_and_its_window(engine: OpenAIEngine) -> None:
    assert (engine.info.model, engine.info.context_tokens) == ("fake", 1000)


def test_a_named_model_needs_no_list(server: FakeServer) -> None:
    server.hook = lambda body: error(404, "no such path") if body.get("path") == "/models" else None
    server.words = ["hello"]
    made = OpenAIEngine(server.url, model="llama")
    assert said(made) == "hello"
    assert server.bodies[-1]["model"] == "llama"
    made.close()
    with pytest.raises(EngineUnavailable, match=r"HTTP 404.*usually ends in /v1"):
        OpenAIEngine(server.url)


def test_a_model_the_server_does_not_have_is_said_before_the_interview(server: FakeServer) -> None:
    def only_fake(body: dict[str, Any]) -> Response | None:
        return error(404, f"The model `{body['model']}` does not exist.") if body.get("model", "fake") != "fake" else None

    server.hook = only_fake
    with pytest.raises(EngineUnavailable, match="has no model 'qwen9'; it lists fake"):
        OpenAIEngine(server.url, model="qwen9")
    server.models = [{"id": f"m{number}", "object": "model"} for number in range(30)]
    with pytest.raises(EngineUnavailable, match="m7, …"):
        OpenAIEngine(server.url, model="qwen9")
    server.hook = lambda body: error(404, "Not Found")  # the address lacks its /v1
    with pytest.raises(EngineUnavailable, match="usually ends in /v1"):
        OpenAIEngine(server.url, model="qwen9")


def test_an_unlisted_model_may_be_served_all_the_same(server: FakeServer) -> None:
    OpenAIEngine(server.url, model="loaded-on-demand").close()
    server.hook = lambda body: error(503, "still loading", **{"retry-after-ms": "1"}) if "messages" in body else None
    OpenAIEngine(server.url, model="loaded-on-demand").close()
    assert server.bodies[0]["max_tokens"] == 1


def test_no_model_listed(server: FakeServer) -> None:
    server.models = []
    with pytest.raises(EngineUnavailable, match="--model"):
        OpenAIEngine(server.url)


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(EngineUnavailable, match="can't reach") as caught:
            OpenAIEngine(url, max_retries=0)
    assert caught.value.retryable


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://127.0.0.1", "http://", "not a url"])
def test_not_an_address(url: str) -> None:
    with pytest.raises(EngineUnavailable, match="looks like http://"):
        OpenAIEngine(url)


@pytest.mark.parametrize("key", ["sk-密钥", "sk-a\nb"])
def test_a_key_that_cannot_be_one(key: str) -> None:
    with pytest.raises(EngineUnavailable, match="characters no key has") as caught:
        OpenAIEngine("http://127.0.0.1:9/v1", api_key=key)
    assert key not in str(caught.value)


def test_a_login_in_the_address_is_not_shown(server: FakeServer) -> None:
    made = OpenAIEngine(server.url.replace("//", "//me:secret@"))
    assert said(made)
    assert made.info.device == server.url
    made.close()


def test_a_refused_key_is_never_repeated(server: FakeServer) -> None:
    server.hook = lambda body: error(401, f"Incorrect API key provided: {KEY}")
    with pytest.raises(EngineUnavailable, match="refused the key") as caught:
        OpenAIEngine(server.url, api_key=KEY)
    assert KEY not in str(caught.value)
    assert not caught.value.retryable


def test_something_else_answers(server: FakeServer) -> None:
    made = OpenAIEngine(server.url)
    server.hook = lambda body: PlainTextResponse("<html>Welcome to the router</html>", media_type="text/html")
    with pytest.raises(EngineError):
        said(made)
    with pytest.raises(EngineError):
        made.complete_json(ASK, SCHEMA)
    made.close()


# ---------------------------------------------------------------- what is sent


def test_sends_the_key_and_nothing_about_this_machine(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    made = OpenAIEngine(server.url, api_key=KEY)
    said(made)
    made.close()
    sent = server.headers[-1]
    assert sent["authorization"] == f"Bearer {KEY}"
    about = {"os", "arch", "runtime", "runtime-version", "lang", "package-version"}
    assert not {f"x-stainless-{name}" for name in about} & set(sent)
    assert not {"openai-organization", "openai-project"} & set(sent)


def test_without_a_key_none_is_taken_from_elsewhere(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-service")
    made = OpenAIEngine(server.url)
    said(made)
    made.close()
    assert all("another" not in headers["authorization"] for headers in server.headers)


def test_no_proxy_before_a_loopback_address(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    made = OpenAIEngine(server.url)
    assert said(made)
    made.close()


def test_redirects_are_not_followed(server: FakeServer, engine: OpenAIEngine) -> None:
    with fake_server() as elsewhere:
        server.hook = lambda body: RedirectResponse(f"{elsewhere.url}/chat/completions")
        with pytest.raises(EngineUnavailable, match="elsewhere"):
            said(engine)
        assert not elsewhere.bodies


def test_fields_the_server_refuses_are_left_out_from_then_on(server: FakeServer, engine: OpenAIEngine) -> None:
    def picky(body: dict[str, Any]) -> Response | None:
        for name in ("chat_template_kwargs", "seed"):
            if name in body:
                return error(400, f"Unrecognized request argument supplied: {name}")
        if "max_tokens" in body:
            return error(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        body["max_tokens"] = body["max_completion_tokens"]
        return None

    server.hook = picky
    assert said(engine)
    count = len(server.bodies)
    assert count == 4
    assert said(engine)
    assert len(server.bodies) == count + 1


def test_a_fastapi_refusal_names_the_field_not_the_echoed_input(server: FakeServer, engine: OpenAIEngine) -> None:
    def strict(body: dict[str, Any]) -> Response | None:
        if "seed" not in body:
            return None
        detail = [{"loc": ["body", "seed"], "msg": "extra fields not permitted", "input": {"top_p": 1, "temperature": 1}}]
        return JSONResponse({"detail": detail}, status_code=422)

    server.hook = strict
    assert said(engine)
    assert "seed" not in server.bodies[-1]
    assert {"top_p", "temperature"} <= set(server.bodies[-1])


# ---------------------------------------------------------------- trouble under way


def test_busy_then_well(server: FakeServer, engine: OpenAIEngine) -> None:
    answers = [error(429, "slow down", **{"retry-after-ms": "1"}), error(503, "loading", **{"retry-after-ms": "1"})]
    server.hook = lambda body: answers.pop(0) if answers else None
    assert said(engine)
    assert len(server.bodies) == 3


@pytest.mark.parametrize(("status", "words"), [(429, "busy"), (500, "HTTP 500"), (404, "no model 'fake'"), (400, "HTTP 400")])
def test_an_error_status(server: FakeServer, status: int, words: str) -> None:
    made = OpenAIEngine(server.url, max_retries=0)
    server.hook = lambda body: error(status, "said the server")
    with pytest.raises(EngineError, match=words) as caught:
        said(made)
    assert "said the server" in str(caught.value)
    assert caught.value.retryable == (status in (429, 500))
    made.close()


def test_a_connection_that_breaks_in_the_middle(server: FakeServer, engine: OpenAIEngine) -> None:
    server.drop_after = 2
    with pytest.raises(EngineUnavailable, match=r"lost|reach") as caught:
        said(engine)
    assert caught.value.retryable


def test_a_stream_that_just_stops(server: FakeServer, engine: OpenAIEngine) -> None:
    server.hook = lambda body: Response(
        'data: {"id":"1","object":"chat.completion.chunk","created":0,"model":"m",'
        '"choices":[{"index":0,"delta":{"content":"half a sen"},"finish_reason":null}]}\n\n',
        media_type="text/event-stream",
    )
    pieces = engine.stream(ASK)
    assert next(pieces) == "half a sen"
    with pytest.raises(EngineUnavailable, match="middle of the reply"):
        next(pieces)


def test_an_error_inside_the_stream(server: FakeServer, engine: OpenAIEngine) -> None:
    server.hook = lambda body: Response('data: {"error": {"message": "CUDA died"}}\n\n', media_type="text/event-stream")
    with pytest.raises(EngineError, match="CUDA died"):
        said(engine)


def test_a_hanging_server_is_left_at_the_deadline(server: FakeServer, engine: OpenAIEngine) -> None:
    server.delay = 60
    with pytest.raises(EngineTimeout):
        said(engine, ChatRequest(ASK.messages, timeout=0.2))
    with pytest.raises(EngineTimeout):
        engine.complete_json(ChatRequest(ASK.messages, timeout=0.0), SCHEMA)


def test_cancelling_hangs_up_so_that_the_server_can_stop(server: FakeServer, engine: OpenAIEngine) -> None:
    server.delay = 60
    assert list(engine.stream(ASK, lambda: bool(server.bodies))) == []
    while not server.disconnects:  # the suite's time-out is the only clock here
        time.sleep(0.01)


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 300 tokens. However, you requested 900 tokens; reduce max_tokens",
        "the request exceeds the available context size, try increasing it",
        "input length and `max_tokens` exceed context limit: the prompt is too long",
    ],
)
def test_overflow_in_many_words(server: FakeServer, engine: OpenAIEngine, words: str) -> None:
    server.hook = lambda body: error(400, words)
    with pytest.raises(ContextOverflow):
        said(engine)


def test_thoughts_are_hidden(server: FakeServer, engine: OpenAIEngine) -> None:
    server.words = ["<th", "ink>the reference says", " softmax</thi", "nk>\n\n", "你", "好"]
    assert list(engine.stream(ASK)) == ["你", "好"]
    assert server.bodies[-1]["chat_template_kwargs"] == {"enable_thinking": False, "thinking": False}


# ---------------------------------------------------------------- choices


def test_choices_from_listed_tokens(server: FakeServer, engine: OpenAIEngine) -> None:
    server.logprobs = {" yes": 0.5, "y": 0.1, "no": 0.2, "perhaps": 0.1}
    assert engine.score_choices(CHOOSE) == [pytest.approx((0.75, 0.25))] * 2
    body = server.bodies[-1]
    assert (body["logprobs"], body["top_logprobs"], body["max_tokens"]) == (True, 20, 1)
    assert body["messages"][-1] == {"role": "user", "content": "Wrong?"}


def test_a_server_without_probabilities_is_asked_once(server: FakeServer, engine: OpenAIEngine) -> None:
    assert engine.score_choices(CHOOSE) is None
    count = len(server.bodies)
    assert count == 1
    assert engine.score_choices(CHOOSE) is None
    assert len(server.bodies) == count


def test_a_server_that_allows_few_alternatives(server: FakeServer, engine: OpenAIEngine) -> None:
    def few(body: dict[str, Any]) -> Response | None:
        return error(400, "top_logprobs must be at most 5") if body.get("top_logprobs", 0) > 5 else None

    server.hook, server.logprobs = few, {"yes": 0.9, "no": 0.1}
    assert engine.score_choices(CHOOSE) == [pytest.approx((0.9, 0.1))] * 2
    assert [body["top_logprobs"] for body in server.bodies] == [20, 5, 5]


def test_a_server_that_refuses_probabilities(server: FakeServer, engine: OpenAIEngine) -> None:
    server.hook = lambda body: error(400, "logprobs is not supported") if "logprobs" in body else None
    assert engine.score_choices(CHOOSE) is None
    assert said(engine)


def test_an_unclear_list_is_not_held_against_the_server(server: FakeServer, engine: OpenAIEngine) -> None:
    server.logprobs = {"hm": 0.9, "well": 0.1}
    assert engine.score_choices(CHOOSE) is None
    server.logprobs = {"yes": 0.9, "no": 0.1}
    assert engine.score_choices(CHOOSE) is not None


# ---------------------------------------------------------------- JSON


def test_json_by_schema_where_the_server_can(server: FakeServer, engine: OpenAIEngine) -> None:
    server.words = ['{"ok": true}']
    assert engine.complete_json(ASK, SCHEMA) == ({"ok": True}, '{"ok": true}')
    assert server.bodies[-1]["response_format"]["json_schema"]["schema"] == SCHEMA


def test_json_falls_back_step_by_step_and_remembers(server: FakeServer, engine: OpenAIEngine) -> None:
    server.hook = lambda body: error(400, "response_format is not supported") if "response_format" in body else None
    server.words = ['Sure:\n```json\n{"ok": false}\n```']
    assert engine.complete_json(ASK, SCHEMA)[0] == {"ok": False}
    assert [body.get("response_format", {}).get("type") for body in server.bodies] == ["json_schema", "json_object", None]
    engine.complete_json(ASK, SCHEMA)
    assert len(server.bodies) == 4


def test_json_is_asked_again_once_with_the_error(server: FakeServer, engine: OpenAIEngine) -> None:
    def second(body: dict[str, Any]) -> None:
        server.words = ['{"ok": true}'] if "must be boolean" in body["messages"][-1]["content"] else ['{"ok": "yes"}']

    server.hook = second
    assert engine.complete_json(ASK, SCHEMA)[0] == {"ok": True}
    server.hook = None
    server.words = ["no idea"]
    with pytest.raises(EngineError, match="no complete JSON") as caught:
        engine.complete_json(ASK, SCHEMA)
    assert caught.value.retryable


# ---------------------------------------------------------------- a real server


@pytest.mark.slow
def test_transformers_serve_with_a_tiny_model(tmp_path: Path) -> None:
    model = build_tiny_model(tmp_path / "tiny")
    with transformers_serve(model, tmp_path) as url:
        with pytest.raises(EngineUnavailable, match="--model"):
            OpenAIEngine(url)
        engine = OpenAIEngine(url, model=str(model))
        whole = said(engine)
        assert whole
        assert said(engine) == whole
        stop = whole[len(whole) // 2 :][:2]
        assert said(engine, replace(ASK, stop=(stop,))) == whole[: whole.index(stop)]
        heard: list[str] = []
        for piece in engine.stream(ASK, lambda: bool(heard)):
            heard.append(piece)  # noqa: PERF402 - the reply is cancelled by what has been heard
        assert "".join(heard) != whole
        assert engine.score_choices(CHOOSE) is None  # this server takes the question and leaves out the answer
        with pytest.raises(EngineError, match="usable JSON"):  # random weights
            engine.complete_json(ASK, SCHEMA)
        engine.close()
        with pytest.raises(EngineError, match="pinned"):
            OpenAIEngine(url, model="another")
