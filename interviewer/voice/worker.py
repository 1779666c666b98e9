"""One thread that does a speech model's work piece by piece, each within its time: recordings to recognise, sentences to say.

A model call can't be killed: it is asked to stop where it can be, and whoever waits is released when even that is overdue.
Knows nothing of models: it runs what it is given.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Queue
from typing import Generic, TypeVar

from interviewer.domain.errors import VoiceError

#: Pieces that may wait behind the running one; more people than that need another machine.
WAITING = 4
#: Seconds after which a call that doesn't stop when told to is given up.
_GRACE = 20.0
T = TypeVar("T")


class Job(Generic[T]):
    """One piece of work on its way. `future` has its result or a VoiceError."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, grace: float = _GRACE) -> None:
        self.future: Future[T] = Future()
        self._clock, self._grace = clock, grace
        self._stopped = threading.Event()
        self._until = float("inf")

    def cancel(self) -> None:
        """The person doesn't want it any more."""
        self._stopped.set()

    def begin(self, seconds: float) -> None:
        """Its turn has come; the clock runs, and it has so many seconds."""
        self._until = self._clock() + seconds

    def should_stop(self) -> bool:
        return self._stopped.is_set() or self._clock() > self._until

    @property
    def given_up(self) -> bool:
        """Whether the model didn't even stop when it was told to."""
        return self._clock() > self._until + self._grace

    def why_stopped(self) -> VoiceError:
        if self._stopped.is_set():
            return VoiceError("stopped", "it was stopped")
        return VoiceError("timeout", "it took too long")


class Worker(Generic[T]):
    """Starts its thread, called `name`, with the first piece. `grace`: seconds a call has to stop once its time is over."""

    def __init__(self, name: str = "recogniser", clock: Callable[[], float] = time.monotonic, grace: float = _GRACE) -> None:
        self._name, self._clock, self._grace = name, clock, grace
        self._waiting: Queue[tuple[Job[T], Callable[[Job[T]], T]] | None] = Queue()
        self._lock = threading.Lock()
        self._pending = 0
        self._thread: threading.Thread | None = None

    def submit(self, work: Callable[[Job[T]], T]) -> Job[T]:
        """Queue it. Raises VoiceError when too many are waiting."""
        job: Job[T] = Job(self._clock, self._grace)
        with self._lock:
            if self._pending > WAITING:
                raise VoiceError("busy", f"too many are waiting for the {self._name}")
            self._pending += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        self._waiting.put((job, work))
        return job

    def close(self) -> None:
        """End the thread after what it is doing."""
        self._waiting.put(None)

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            job, work = item
            try:
                if job.should_stop():  # nobody waits for it any more
                    raise job.why_stopped()
                result = work(job)
            except Exception as error:
                stopped = isinstance(error, VoiceError) and error.kind == "stopped"
                job.future.set_exception(job.why_stopped() if stopped else error)
            else:
                job.future.set_result(result)
            finally:
                with self._lock:
                    self._pending -= 1
