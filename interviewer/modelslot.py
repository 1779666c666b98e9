"""The model that was asked for: loaded in the background, watched once it is there, and how it is doing in people's words.

Knows settings and engines. Who talks or judges while the model can't is decided in `wiring`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from interviewer.config import Settings
from interviewer.domain.errors import EngineError, EngineOutOfMemory, InterviewerError
from interviewer.engines import load_engine
from interviewer.engines.breaker import Trouble
from interviewer.engines.download import Progress
from interviewer.engines.in_use import InUse
from interviewer.engines.memory import is_out_of_memory
from interviewer.engines.watch import WatchedEngine

log = logging.getLogger(__name__)

#: `resting`: left alone after trouble, the built-in interviewer asks and grades. `talking`: it asks, but can't judge for now.
EngineState = Literal["none", "loading", "ready", "failed", "resting", "talking"]

#: Seconds until a server that could not be reached is tried again: it may still be loading its model.
TRY_AGAIN = 20.0
#: Seconds that a model which is exchanged has for what it is saying or judging.
LEAVE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """How the model is doing. `name` is the model asked for, `detail` a sentence for people, in English; `cause` the same as
    one machine word where there is one: a `breaker.Cause`, or `again` for a model that could not be loaded yet."""

    state: EngineState
    name: str = ""
    detail: str = ""
    cause: str = ""


class ModelSlot:
    """The model, once it has loaded. What can't be reached is tried again every `TRY_AGAIN` seconds."""

    def __init__(self, settings: Settings, first: Callable[[], None] = lambda: None) -> None:
        """`first` runs before anything is loaded: another model may have to make room."""
        self._settings = settings
        self._first = first
        self._tried = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._in_use: InUse | None = None
        self.engine: WatchedEngine | None = None
        self._status = EngineStatus("none") if settings.engine == "builtin" else EngineStatus("loading", self._asked_for)
        if settings.engine == "builtin":
            self._tried.set()
        else:
            threading.Thread(target=self._load, name="model-loader", daemon=True).start()

    @property
    def status(self) -> EngineStatus:
        """As of now; the trouble a model is in shows until it has worked again."""
        status, engine = self._status, self.engine
        if engine is None or status.state != "ready":
            return status
        health = engine.health
        if health.talking is not None:
            return _in_trouble(status, "resting", health.talking)
        return _in_trouble(status, "talking", health.judging) if health.judging is not None else status

    def wait(self, timeout: float | None = None) -> EngineStatus:
        """The status once a first try to load it has ended either way, or after `timeout` seconds."""
        self._tried.wait(timeout)
        return self.status

    def retire(self, timeout: float = LEAVE_SECONDS) -> None:
        """Make way for another model: nothing new is begun, what is under way may end, then its memory is free."""
        self._closing.set()
        self._tried.wait(timeout)
        with self._lock:
            engine = self._in_use
        if engine is not None:
            engine.leave(timeout)

    def close(self) -> None:
        with self._lock:
            self._closing.set()
            if self.engine is not None:
                self.engine.close()

    @property
    def _asked_for(self) -> str:
        return self._settings.model or self._settings.base_url

    def _load(self) -> None:
        self._first()
        while not self._closing.is_set() and self._try_to_load():
            self._tried.set()
            if self._closing.wait(TRY_AGAIN):
                return
        self._tried.set()

    def _try_to_load(self) -> bool:
        """Whether it is worth another try later."""
        try:
            engine = load_engine(
                self._settings,
                allow_download=self._settings.download,
                on_progress=self._downloading,
                cancelled=self._closing.is_set,
            )
        except InterviewerError as error:
            again = isinstance(error, EngineError) and error.retryable
            cause = "again" if again else "memory" if isinstance(error, EngineOutOfMemory) else ""
            self._status = EngineStatus("failed", self._asked_for, str(error), cause)
            return again
        except Exception as error:
            log.exception("loading %s failed", self._asked_for)
            cause = "memory" if is_out_of_memory(error) else ""
            self._status = EngineStatus("failed", self._asked_for, f"{type(error).__name__}: {error}".splitlines()[0], cause)
            return False
        with self._lock:
            if self._closing.is_set():
                engine.close()
            else:
                self._in_use = InUse(engine)
                self.engine = WatchedEngine(self._in_use)
                self._status = EngineStatus("ready", engine.info.model, engine.info.device)
        return False

    def _downloading(self, progress: Progress) -> None:
        self._status = EngineStatus("loading", self._asked_for, f"downloading, {progress}")


def _in_trouble(status: EngineStatus, state: EngineState, trouble: Trouble) -> EngineStatus:
    return replace(status, state=state, detail=trouble.line, cause=trouble.cause.value)
