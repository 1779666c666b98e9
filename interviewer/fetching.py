"""A model on its way from the hub: what it would cost is asked first, then it is fetched in the background, and then used.

Nothing is asked of the hub or fetched before a person says so. Knows no pages, and not what a model is for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from interviewer.domain.errors import ConfigError, InterviewerError
from interviewer.engines.download import DownloadCancelled, Offer, Progress, download_model, offer
from interviewer.engines.kinds import Kind

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fetch:
    """How it stands. `offered` waits for a yes; `detail` says what went wrong."""

    state: Literal["none", "offered", "running", "done", "stopped", "failed"] = "none"
    name: str = ""
    offer: Offer | None = None
    progress: Progress | None = None
    detail: str = ""


class Fetching:
    """Thread-safe. `use` gets the model's name once it is all there; one that isn't of the `kind` is never fetched.

    Those that share a `turn` download one after the other: two at once would each count on the same free disk.
    """

    def __init__(self, use: Callable[[str], None], turn: threading.Lock | None = None, kind: Kind = "text") -> None:
        self._use, self._kind = use, kind
        self._turn = turn or threading.Lock()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.now = Fetch()

    def ask(self, name: str) -> Offer:
        """What fetching `name` would mean; the hub is asked for its list of files, and what kind of model it is.

        Raises EngineUnavailable, also for a model of another kind; ConfigError.
        """
        self._idle_or_error()
        found = offer(name, self._kind)
        with self._lock:
            self._idle_or_error()
            self.now = Fetch("offered", name, found)
        return found

    def begin(self, name: str) -> None:
        """Fetch what was offered, from where an earlier try left off. Raises ConfigError if it wasn't."""
        with self._lock:
            self._idle_or_error()
            if self.now.state != "offered" or self.now.name != name:
                raise ConfigError(f"the size of {name} was not asked for yet")
            if not self._turn.acquire(blocking=False):
                raise ConfigError("another model is being downloaded; wait for it, or cancel it first")
            self._stop = threading.Event()
            self.now = Fetch("running", name, self.now.offer)
            self._thread = threading.Thread(target=self._fetch, args=(name, self._stop), name="model-download", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Stop, or turn the offer down. What has come is kept for the next time."""
        with self._lock:
            self._stop.set()
            if self.now.state != "running":
                self.now = Fetch()

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop and hasn't yet: a piece may take its time to come."""
        return self._stop.is_set() and self.now.state == "running"

    def forget(self) -> None:
        """Stop, and speak of it no more."""
        self.cancel()
        if self.wait(5).state != "running":
            self.now = Fetch()

    def wait(self, timeout: float | None = None) -> Fetch:
        """How it stands when it has ended, or after `timeout` seconds."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self.now

    def _idle_or_error(self) -> None:
        if self.now.state == "running":
            raise ConfigError(f"{self.now.name} is being downloaded; wait for it, or cancel it first")

    def _fetch(self, name: str, stop: threading.Event) -> None:
        end = self._fetched(name, stop)
        self._turn.release()
        self.now = end

    def _fetched(self, name: str, stop: threading.Event) -> Fetch:
        """Fetch it and put it to use. Returns how that ended."""

        def told(progress: Progress) -> None:
            self.now = Fetch("running", name, self.now.offer, progress)

        try:
            download_model(name, told, stop.is_set, self._kind)
            if stop.is_set():
                raise DownloadCancelled(f"the download of {name} was stopped")
            self._use(name)
        except DownloadCancelled:
            return Fetch("stopped", name)
        except InterviewerError as error:
            return Fetch("failed", name, detail=str(error))
        except Exception as error:
            log.exception("downloading %s failed", name)
            return Fetch("failed", name, detail=f"{type(error).__name__}: {error}".splitlines()[0])
        return Fetch("done", name)
