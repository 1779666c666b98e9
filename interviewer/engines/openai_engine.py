"""Any OpenAI-compatible server (vLLM, SGLang, llama.cpp, Ollama, LM Studio, transformers serve) as an engine.

Sends requests to `base_url` and nowhere else: no redirects are followed, no proxy stands before a loopback address, and the
client library's headers about this machine are left out. Learns what the server can't do and stops asking for it.
The wire is in openai_client.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import closing, contextmanager
from typing import Any, TypeVar

from interviewer.domain.errors import EngineUnavailable
from interviewer.engines.choices import shares_of_listed
from interviewer.engines.json_reply import ask_for_json
from interviewer.engines.loop import BackgroundLoop
from interviewer.engines.openai_client import Refused, Server
from interviewer.engines.streams import Deadline, visible
from interviewer.engines.thinking import after_thought
from interviewer.ports import ChatRequest, ChoiceRequest, EngineInfo, Message

T = TypeVar("T")

#: Seconds to wait for the list of models when the engine is made.
CONNECT_TIMEOUT = 20.0
#: How many alternatives to ask for at the first token: the most OpenAI allows, then what smaller servers allow.
TOP_LOGPROBS = (20, 5)
#: Scoring requests under way at once; servers batch them.
PARALLEL = 8
#: Ways to hold a reply to a schema, strictest first.
JSON_MODES = ("json_schema", "json_object", "plain")


class OpenAIEngine:
    """Connects when made. With an empty `model` it takes the first the server lists. Raises EngineUnavailable."""

    def __init__(self, base_url: str, *, model: str = "", api_key: str = "", max_retries: int = 2) -> None:
        self._server = Server(base_url, model, api_key, max_retries)
        self._top_logprobs: tuple[int, ...] = TOP_LOGPROBS  # sizes still worth asking for; none left once the server told none
        self._json_modes: tuple[str, ...] = JSON_MODES
        self._loop = BackgroundLoop("openai-engine")
        try:
            self._info = self._run(self._server.connect(Deadline(CONNECT_TIMEOUT)))
        except BaseException:
            self.close()
            raise

    @property
    def info(self) -> EngineInfo:
        return self._info

    def stream(self, request: ChatRequest, cancelled: Callable[[], bool] = lambda: False) -> Iterator[str]:
        deadline = Deadline(request.timeout)

        def wanted() -> bool:
            deadline.check()
            return not cancelled()

        with closing(self._pieces(request, deadline, wanted)) as pieces:
            yield from visible(pieces, request.stop)

    def score_choices(self, request: ChoiceRequest) -> list[tuple[float, ...]] | None:
        """From the server's probabilities of the first token; None when it tells none (remembered) or can't tell them apart."""
        deadline = Deadline(request.timeout)
        while self._top_logprobs:
            size = self._top_logprobs[0]
            try:
                told = self._run(self._first_tokens(request, size, deadline))
            except Refused:
                self._top_logprobs = tuple(other for other in self._top_logprobs if other < size)
                continue
            if told is None:
                self._top_logprobs = ()
                return None
            rows = [shares_of_listed(listed, request.choices) for listed in told]
            return [row for row in rows if row is not None] if None not in rows else None
        return None

    def complete_json(self, request: ChatRequest, schema: Mapping[str, Any]) -> tuple[Any, str]:
        return ask_for_json(lambda asked: self._json_reply(asked, schema), request, schema)

    def close(self) -> None:
        self._loop.close(self._server.close)

    def _pieces(self, request: ChatRequest, deadline: Deadline, wanted: Callable[[], bool]) -> Generator[str, None, None]:
        with self._closing_said_clearly():
            yield from self._loop.iterate(self._server.stream(request, deadline), wanted)

    async def _first_tokens(self, request: ChoiceRequest, size: int, deadline: Deadline) -> list[dict[bytes, float]] | None:
        """One listing per ending. The first ending goes ahead alone: the rest find its prefix in the server's cache."""
        places = asyncio.Semaphore(PARALLEL)

        async def ask(ending: str) -> dict[bytes, float] | None:
            async with places:
                return await self._server.first_token((*request.prefix, Message("user", ending)), size, deadline)

        if not request.endings:
            return []
        first = await ask(request.endings[0])
        if first is None:
            return None
        rest = await asyncio.gather(*map(ask, request.endings[1:]))
        listed = [told for told in rest if told is not None]
        return [first, *listed] if len(listed) == len(rest) else None

    def _json_reply(self, request: ChatRequest, schema: Mapping[str, Any]) -> str:
        deadline = Deadline(request.timeout)
        while True:
            mode = self._json_modes[0]
            try:
                reply = self._run(self._server.complete(request, _response_format(mode, schema), deadline))
            except Refused:
                self._json_modes = tuple(other for other in self._json_modes if other != mode) or JSON_MODES[-1:]
            else:
                return "".join(visible([after_thought(reply)], request.stop))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        with self._closing_said_clearly():
            return self._loop.call(work)

    @contextmanager
    def _closing_said_clearly(self) -> Iterator[None]:
        try:
            yield
        except CancelledError:
            raise EngineUnavailable(f"the connection to {self._server.base_url} has been closed") from None


def _response_format(mode: str, schema: Mapping[str, Any]) -> dict[str, Any] | None:
    if mode == "json_schema":
        return {"type": mode, "json_schema": {"name": "reply", "schema": dict(schema), "strict": True}}
    return {"type": mode} if mode == "json_object" else None
