"""One speech model that loads in the background and can be exchanged while others go on asking for it.

Knows neither where models come from nor what they are for: both are handed in.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeVar

from interviewer.domain.errors import InterviewerError

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class VoiceStatus:
    """How a speech model is doing. `name` is the model asked for, `detail` a sentence for people."""

    state: Literal["none", "loading", "ready", "failed"]
    name: str = ""
    detail: str = ""


class Finds(Protocol):
    """Gives a model's folder, fetching it only if `download`; tells how far that is, and asks whether to go on."""

    def __call__(
        self, name: str, *, download: bool, on_progress: Callable[[object], None], cancelled: Callable[[], bool]
    ) -> Path: ...


class Slot(Generic[T]):
    """Thread-safe. `what` names the model in logs; `load` gets its folder and its name."""

    def __init__(self, what: str, find: Finds, load: Callable[[Path, str], T]) -> None:
        self._what, self._find, self._load = what, find, load
        self._lock = threading.Lock()
        self._choice = 0  # counts what was asked for, so that a slow load can't overtake a newer wish
        self._status = VoiceStatus("none")
        self._model: T | None = None

    @property
    def status(self) -> VoiceStatus:
        return self._status

    @property
    def model(self) -> T | None:
        """What is loaded; None before it is, and after it failed."""
        return self._model

    def use(self, name: str, download: bool = False) -> None:
        """Load the model `name` (a folder or a hub name) in the background; an empty name leaves the slot empty, and stops a
        download. The old one is let go at once."""
        with self._lock:
            self._choice += 1
            self._model = None
            self._status = VoiceStatus("loading", name) if name else VoiceStatus("none")
            choice = self._choice
        if name:
            args = (choice, name, download)
            threading.Thread(target=self._prepare, args=args, name=f"{self._what}-loader", daemon=True).start()

    def _prepare(self, choice: int, name: str, download: bool) -> None:
        def told(progress: object) -> None:
            self._settle(choice, VoiceStatus("loading", name, str(progress)))

        try:
            folder = self._find(name, download=download, on_progress=told, cancelled=lambda: choice != self._choice)
            model = self._load(folder, name)
        except InterviewerError as error:
            self._settle(choice, VoiceStatus("failed", name, str(error)))
        except Exception as error:
            log.exception("loading the %s %s failed", self._what, name)
            self._settle(choice, VoiceStatus("failed", name, f"{type(error).__name__}: {error}"))
        else:
            self._settle(choice, VoiceStatus("ready", name), model)

    def _settle(self, choice: int, status: VoiceStatus, model: T | None = None) -> None:
        with self._lock:
            if choice == self._choice:
                self._status, self._model = status, model
