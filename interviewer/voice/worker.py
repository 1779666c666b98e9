"""One thread that recognises recordings one after the other, each within its time.

A model call can't be killed: it is asked to stop at every token, and whoever waits is released when even that is overdue.
Knows nothing of models: it runs what it is given.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Queue

from interviewer.domain.errors import VoiceError
from interviewer.voice.transcript import Transcript

#: Recordings that may wait behind the running one; more people than that need another machine.
WAITING = 4
#: Seconds a recording may take: some for the model to get going, and so many for each second of sound. A recogniser that suits
#: the machine needs less than one.
_BASE, _PER_SECOND = 30.0, 4.0
#: Seconds after which a call that doesn't stop when told to is given up.
_GRACE = 20.0


class Hearing:
    """One recording on its way. `future` has its transcript or a VoiceError."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.future: Future[Transcript] = Future()
        self._clock = clock
        self._stopped = threading.Event()
        self._until = float("inf")

    def cancel(self) -> None:
        """The person doesn't want it any more."""
        self._stopped.set()

    def begin(self, seconds: float) -> None:
        """Its turn has come; the clock runs, for a recording that is `seconds` long."""
        self._until = self._clock() + _BASE + _PER_SECOND * seconds

    def should_stop(self) -> bool:
        return self._stopped.is_set() or self._clock() > self._until

    @property
    def given_up(self) -> bool:
        """Whether the model didn't even stop when it was told to."""
        return self._clock() > self._until + _GRACE

    def why_stopped(self) -> VoiceError:
        if self._stopped.is_set():
            return VoiceError("stopped", "recognition was stopped")
        return VoiceError("timeout", "recognition took too long")


Work = Callable[[Hearing], Transcript]


class Worker:
    """Starts its thread with the first recording."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: Queue[tuple[Hearing, Work] | None] = Queue()
        self._lock = threading.Lock()
        self._pending = 0
        self._thread: threading.Thread | None = None

    def submit(self, work: Work) -> Hearing:
        """Queue it. Raises VoiceError when too many are waiting."""
        hearing = Hearing(self._clock)
        with self._lock:
            if self._pending > WAITING:
                raise VoiceError("busy", "too many recordings are waiting")
            self._pending += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="recogniser", daemon=True)
                self._thread.start()
        self._waiting.put((hearing, work))
        return hearing

    def close(self) -> None:
        """End the thread after what it is doing."""
        self._waiting.put(None)

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            hearing, work = item
            try:
                result = work(hearing)
            except Exception as error:
                stopped = isinstance(error, VoiceError) and error.kind == "stopped"
                hearing.future.set_exception(hearing.why_stopped() if stopped else error)
            else:
                hearing.future.set_result(result)
            finally:
                with self._lock:
                    self._pending -= 1
