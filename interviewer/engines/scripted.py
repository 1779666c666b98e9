"""An engine that follows a script: tests, demonstrations and evaluations without a model, with every kind of trouble on demand.

Held to the same contract tests as the real engines. Knows nothing of interviews.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from interviewer.domain.errors import ContextOverflow, EngineError, EngineUnavailable
from interviewer.engines.json_reply import ask_for_json
from interviewer.engines.streams import Deadline, visible
from interviewer.ports import ChatRequest, ChoiceRequest, EngineInfo

_POLL = 0.005


@dataclass(frozen=True, slots=True)
class Reply:
    """One scripted reply: `text` in pieces of `piece` characters with `delay` seconds before each, then `fail` or a hang.

    `hang` waits after the text until the call is cancelled, closed or out of time.
    """

    text: str = ""
    piece: int = 4
    delay: float = 0.0
    fail: EngineError | None = None
    hang: bool = False


#: Says what comes next, from the request. Must not block.
Rule = Callable[[ChatRequest], Reply | str]
#: Weights of the choices for one ending (any positive scale), in the order of `request.choices`; None means "can't tell".
Scorer = Callable[[ChoiceRequest, str], Sequence[float] | None]


class ScriptedEngine:
    """Replays `replies` in order (then raises EngineError), or asks a rule for each; scores from a table or a function.

    A table maps a piece of an ending's text to its weights; the first key found in the ending wins. Keeps `requests`
    and `choice_requests` as they came, for tests to look at.
    """

    def __init__(
        self,
        replies: Iterable[Reply | str] | Rule = (),
        *,
        scores: Mapping[str, Sequence[float]] | Scorer | None = None,
        context_tokens: int = 0,
        model: str = "script",
    ) -> None:
        self._info = EngineInfo(name="scripted", model=model, context_tokens=context_tokens)
        self._rule = replies if callable(replies) else None
        self._replies = iter(()) if callable(replies) else iter(tuple(replies))
        self._scores = scores
        self._lock = threading.Lock()
        self._closed = False
        self.requests: list[ChatRequest] = []
        self.choice_requests: list[ChoiceRequest] = []

    @property
    def info(self) -> EngineInfo:
        return self._info

    def stream(self, request: ChatRequest, cancelled: Callable[[], bool] = lambda: False) -> Iterator[str]:
        self._check_fits(request)
        reply = self._next(request)
        pieces = self._pieces(reply, cancelled, Deadline(request.timeout))
        yield from visible(islice(pieces, request.max_tokens), request.stop)  # a piece counts as a token

    def score_choices(self, request: ChoiceRequest) -> list[tuple[float, ...]] | None:
        with self._lock:
            self._check_open()
            self.choice_requests.append(request)
        rows: list[tuple[float, ...]] = []
        for ending in request.endings:
            weights = self._weights(request, ending)
            if weights is None:
                return None
            if len(weights) != len(request.choices) or min(weights) < 0 or sum(weights) <= 0:
                raise ValueError(f"the script gives weights {weights} for the choices {request.choices}")
            rows.append(tuple(weight / sum(weights) for weight in weights))
        return rows

    def complete_json(self, request: ChatRequest, schema: Mapping[str, Any]) -> tuple[Any, str]:
        return ask_for_json(lambda asked: "".join(self.stream(asked)), request, schema)

    def close(self) -> None:
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise EngineUnavailable("the scripted engine has been closed")

    def _check_fits(self, request: ChatRequest) -> None:
        """A script has no tokenizer: a character of the prompt counts as a token."""
        size, window = sum(len(message.content) for message in request.messages), self._info.context_tokens
        if window and size + request.max_tokens > window:
            raise ContextOverflow(f"the prompt has {size} tokens and the reply may take {request.max_tokens}: over {window}")

    def _next(self, request: ChatRequest) -> Reply:
        with self._lock:
            self._check_open()
            self.requests.append(request)
            given = self._rule(request) if self._rule else next(self._replies, None)
        if given is None:
            raise EngineError(f"the script is over: nothing is left for request {len(self.requests)}")
        return Reply(given) if isinstance(given, str) else given

    def _pieces(self, reply: Reply, cancelled: Callable[[], bool], deadline: Deadline) -> Iterator[str]:
        for start in range(0, len(reply.text), max(1, reply.piece)):
            if not self._wait(reply.delay, cancelled, deadline):
                return
            yield reply.text[start : start + max(1, reply.piece)]
        if reply.fail is not None:
            raise reply.fail
        if reply.hang:
            self._wait(float("inf"), cancelled, deadline)

    def _wait(self, seconds: float, cancelled: Callable[[], bool], deadline: Deadline) -> bool:
        """Whether to go on after `seconds`. Raises EngineTimeout."""
        until = time.monotonic() + seconds
        while True:
            if cancelled():
                return False
            self._check_open()
            deadline.check()
            left = until - time.monotonic()
            if left <= 0:
                return True
            time.sleep(min(_POLL, left))

    def _weights(self, request: ChoiceRequest, ending: str) -> Sequence[float] | None:
        if self._scores is None or callable(self._scores):
            return self._scores(request, ending) if self._scores else None
        return next((weights for key, weights in self._scores.items() if key in ending), None)
