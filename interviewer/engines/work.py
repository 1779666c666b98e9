"""One call in a thread of its own, which the caller can stop waiting for. Knows nothing of engines."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Work(Generic[T]):
    """Runs `call`, which gets a function to put pieces out with. `came_back` is told when it is over, however late.

    The thread is a daemon: what never comes back must not keep the program from ending.
    """

    def __init__(self, call: Callable[[Callable[[Any], None]], T], came_back: Callable[[Work[T]], None]) -> None:
        self._call, self._came_back = call, came_back
        self._out: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._result: T
        self._error: BaseException | None = None
        self._over = threading.Event()
        threading.Thread(target=self._run, name="engine-call", daemon=True).start()

    @property
    def over(self) -> bool:
        """Whether the thread has come back."""
        return self._over.is_set()

    def wait(self, seconds: float) -> None:
        """Until the thread comes back, at most so long."""
        self._over.wait(seconds)

    def next(self, seconds: float) -> Any:
        """The next piece; None when it has ended well. Raises queue.Empty when nothing came in time, and what it raised."""
        piece = self._out.get(timeout=seconds)
        if piece is None and self._error is not None:
            raise self._error
        return piece

    def ended(self, seconds: float) -> bool:
        """Whether a call that puts nothing out has ended well, waiting at most so long. Raises what it raised."""
        try:
            return self.next(seconds) is None
        except queue.Empty:
            return False

    @property
    def result(self) -> T:
        """What the call returned; only once it has ended well."""
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._call(self._out.put)
        except BaseException as error:  # whatever it is, it belongs to the caller
            self._error = error
        self._over.set()
        self._out.put(None)
        self._came_back(self)
