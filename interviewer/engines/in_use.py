"""An engine that can be let go: no new calls, the ones under way end first, and only then it is closed.

Knows nothing of why it is let go, nor of what comes instead.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from interviewer.domain.errors import EngineUnavailable
from interviewer.ports import ChatRequest, ChoiceRequest, Engine, EngineInfo


class InUse:
    """The engine `inner`, with its calls counted."""

    def __init__(self, inner: Engine) -> None:
        self.inner = inner
        self._calls = 0
        self._leaving = False
        self._changed = threading.Condition()

    @property
    def info(self) -> EngineInfo:
        return self.inner.info

    def stream(self, request: ChatRequest, cancelled: Callable[[], bool] = lambda: False) -> Iterator[str]:
        with self._call():
            yield from self.inner.stream(request, cancelled)

    def score_choices(self, request: ChoiceRequest) -> list[tuple[float, ...]] | None:
        with self._call():
            return self.inner.score_choices(request)

    def complete_json(self, request: ChatRequest, schema: Mapping[str, Any]) -> tuple[Any, str]:
        with self._call():
            return self.inner.complete_json(request, schema)

    def close(self) -> None:
        """At once, whatever is under way."""
        self.inner.close()

    def leave(self, timeout: float) -> None:
        """Take no new calls, and close when the last one has ended, or after `timeout` seconds."""
        with self._changed:
            self._leaving = True
            self._changed.wait_for(lambda: not self._calls, timeout)
        self.inner.close()

    @contextmanager
    def _call(self) -> Iterator[None]:
        with self._changed:
            if self._leaving:
                raise EngineUnavailable(f"{self.info.model} has been exchanged for another interviewer")
            self._calls += 1
        try:
            yield
        finally:
            with self._changed:
                self._calls -= 1
                self._changed.notify_all()
