"""Keeps what an engine replied to a piece of work, and gives it again later in place of the engine.

Scores of choices and JSON replies only: what people are told is in the transcript already.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from interviewer.domain.errors import ContextOverflow, EngineError, EngineOutOfMemory, EngineTimeout, EngineUnavailable
from interviewer.ports import ChatRequest, ChoiceRequest, Engine, EngineInfo

_ERRORS = {kind.__name__: kind for kind in (ContextOverflow, EngineError, EngineOutOfMemory, EngineTimeout, EngineUnavailable)}


class RecordingEngine:
    """Passes everything on to `inner`. Returns exactly what it records: probabilities are cut to six digits that count."""

    def __init__(self, inner: Engine) -> None:
        self._inner = inner
        self._here = threading.local()

    @property
    def info(self) -> EngineInfo:
        return self._inner.info

    @contextmanager
    def recording(self) -> Iterator[list[str]]:
        """The replies to calls that this thread makes inside, one JSON value each, growing as they come."""
        replies: list[str] = []
        self._here.replies = replies
        try:
            yield replies
        finally:
            del self._here.replies

    def stream(self, request: ChatRequest, cancelled: Callable[[], bool] = lambda: False) -> Iterator[str]:
        return self._inner.stream(request, cancelled)

    def score_choices(self, request: ChoiceRequest) -> list[tuple[float, ...]] | None:
        with self._errors_kept():
            scored = self._inner.score_choices(request)
        rows = None if scored is None else [tuple(float(f"{share:.6g}") for share in row) for row in scored]
        self._keep({"choices": rows})
        return rows

    def complete_json(self, request: ChatRequest, schema: Mapping[str, Any]) -> tuple[Any, str]:
        with self._errors_kept():
            value, raw = self._inner.complete_json(request, schema)
        self._keep({"json": value, "raw": raw})
        return value, raw

    def close(self) -> None:
        self._inner.close()

    @contextmanager
    def _errors_kept(self) -> Iterator[None]:
        try:
            yield
        except EngineError as error:
            self._keep({"error": type(error).__name__, "message": str(error)})
            raise

    def _keep(self, reply: Mapping[str, Any]) -> None:
        replies = getattr(self._here, "replies", None)
        if replies is not None:
            replies.append(json.dumps(reply, ensure_ascii=False))


class ReplayingEngine:
    """Gives recorded replies in their order, whatever it is asked. Raises the errors that were recorded, and EngineError when
    it is asked for something else or for more."""

    def __init__(self, info: EngineInfo, replies: Sequence[str]) -> None:
        self._info = info
        self._replies = iter([json.loads(reply) for reply in replies])

    @property
    def info(self) -> EngineInfo:
        return self._info

    def stream(self, request: ChatRequest, cancelled: Callable[[], bool] = lambda: False) -> Iterator[str]:  # noqa: ARG002
        raise EngineError("what was said is in the transcript; it is not recorded a second time")

    def score_choices(self, request: ChoiceRequest) -> list[tuple[float, ...]] | None:  # noqa: ARG002
        rows = self._next("choices")["choices"]
        return None if rows is None else [tuple(row) for row in rows]

    def complete_json(self, request: ChatRequest, schema: Mapping[str, Any]) -> tuple[Any, str]:  # noqa: ARG002
        reply = self._next("json")
        return reply["json"], reply["raw"]

    def close(self) -> None:
        """Nothing to free."""

    def _next(self, kind: str) -> Mapping[str, Any]:
        reply: Mapping[str, Any] = next(self._replies, {})
        if "error" in reply:
            raise _ERRORS.get(reply["error"], EngineError)(reply["message"])
        if kind not in reply:
            raise EngineError("the grader now asks for what was not asked for then")
        return reply
