"""Builds an index in the background, one build at a time, and says how far it is.

Whoever asks while one is running gets another one after it: what it reads may have been too early for the change that made
them ask. Knows nothing of what is built; readers keep the old index until `build` has put the new one in place.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from interviewer.domain.errors import InterviewerError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BuildState:
    """How the newest build is doing. `done` of `total` texts are embedded, `total` 0 while that isn't known; `error` is a
    sentence for people, and empty for a fault that is in the log."""

    status: Literal["idle", "running", "done", "failed"] = "idle"
    done: int = 0
    total: int = 0
    error: str = ""


class BackgroundBuild:
    """Runs `build`, which is told where to note its progress, in a thread of its own when asked to."""

    def __init__(self, build: Callable[[Callable[[int, int], None]], None]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._wanted = False
        self._idle = threading.Event()
        self._idle.set()
        self.state = BuildState()

    def start(self) -> None:
        """Build once more, now or right after the build that is running."""
        with self._lock:
            self._wanted = True
            if not self._idle.is_set():
                return
            self._idle.clear()
            self.state = BuildState("running")
        threading.Thread(target=self._run, name="index-builder", daemon=True).start()

    def wait(self, timeout: float | None = None) -> BuildState:
        """The state once everything asked for is built, or after `timeout` seconds."""
        self._idle.wait(timeout)
        return self.state

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._wanted:
                    self._idle.set()
                    return
                self._wanted = False
                self.state = BuildState("running")
            outcome = self._outcome()
            with self._lock:
                self.state = self.state if self._wanted else outcome

    def _outcome(self) -> BuildState:
        try:
            self._build(self._note)
        except InterviewerError as error:
            return BuildState("failed", error=str(error))
        except Exception:
            log.exception("the index could not be built")
            return BuildState("failed")
        return BuildState("done")

    def _note(self, done: int, total: int) -> None:
        self.state = replace(self.state, done=done, total=total)
