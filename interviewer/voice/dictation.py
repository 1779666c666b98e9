"""The microphone's other end: which recogniser is loaded, recordings in, transcripts out, and how each answer was spoken.

The recogniser loads in the background and can be exchanged. Recordings live in memory until they are recognised, and nowhere
else. Knows no pages, and neither where models come from nor what is in the bank: both are handed in.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from interviewer.domain.errors import InterviewerError, VoiceError
from interviewer.domain.questions import Lang
from interviewer.domain.transcript import Speech
from interviewer.voice.audio import RATE, read_wav
from interviewer.voice.glossary import Glossary
from interviewer.voice.recogniser import Recogniser, load_recogniser
from interviewer.voice.transcript import Transcript, joined_speech, transcript
from interviewer.voice.worker import Hearing, Worker

log = logging.getLogger(__name__)

#: Spoken answers that are remembered until they are sent; the oldest go first.
_KEPT = 256


@dataclass(frozen=True, slots=True)
class VoiceStatus:
    """How the recogniser is doing. `name` is the model asked for, `detail` a sentence for people."""

    state: Literal["none", "loading", "ready", "failed"]
    name: str = ""
    detail: str = ""


class Finds(Protocol):
    """Gives a model's folder, fetching it only if `download`; tells how far that is, and asks whether to go on."""

    def __call__(
        self, name: str, *, download: bool, on_progress: Callable[[object], None], cancelled: Callable[[], bool]
    ) -> Path: ...


class Dictation:
    """Thread-safe."""

    def __init__(
        self, find: Finds, glossary: Callable[[], Glossary], load: Callable[[Path, str], Recogniser] = load_recogniser
    ) -> None:
        self._find, self._glossary, self._load = find, glossary, load
        self._lock = threading.Lock()
        self._choice = 0  # counts what was asked for, so that a slow load can't overtake a newer wish
        self._status = VoiceStatus("none")
        self._recogniser: Recogniser | None = None
        self._worker = Worker()
        self._spoken: OrderedDict[str, Speech] = OrderedDict()

    @property
    def status(self) -> VoiceStatus:
        return self._status

    def use(self, name: str, download: bool = False) -> None:
        """Load the recogniser `name` (a folder or a hub name) in the background; an empty name switches recognition off, and
        stops a download. The old one is let go at once."""
        with self._lock:
            self._choice += 1
            self._recogniser = None
            self._status = VoiceStatus("loading", name) if name else VoiceStatus("none")
            choice = self._choice
        if name:
            threading.Thread(target=self._prepare, args=(choice, name, download), name="recogniser-loader", daemon=True).start()

    def close(self) -> None:
        self.use("")
        self._worker.close()

    def begin(self, wav: bytes, lang: Lang) -> Hearing:
        """Have a recording recognised. Raises VoiceError: no recogniser is ready, or too many recordings wait.

        Everything else that can go wrong comes with the result.
        """
        recogniser = self._recogniser
        if recogniser is None:
            raise VoiceError("none", "no speech recogniser is ready")

        def work(hearing: Hearing) -> Transcript:
            samples = read_wav(wav)
            seconds = len(samples) / RATE
            hearing.begin(seconds)
            glossary = self._glossary()
            try:
                words = recogniser.hear(samples, lang, glossary.expected, hearing.should_stop)
            except InterviewerError:
                raise
            except Exception as error:  # of the model's own libraries; what was said is no reason to end the worker
                log.exception("%s failed on a recording of %.1f s", recogniser.name, seconds)
                raise VoiceError("failed", f"{recogniser.name} failed: {error}") from error
            return transcript(words, seconds, recogniser.name, glossary)

        return self._worker.submit(work)

    def keep(self, speech: Speech) -> str:
        """Remember how something was spoken until the answer is sent. Returns a name for it."""
        name = secrets.token_urlsafe(12)
        with self._lock:
            self._spoken[name] = speech
            while len(self._spoken) > _KEPT:
                self._spoken.popitem(last=False)
        return name

    def speech(self, names: Iterable[str]) -> Speech | None:
        """The recordings of those names as one; unknown names count for nothing. Asking twice gives the same."""
        with self._lock:
            known = [self._spoken[name] for name in dict.fromkeys(names) if name in self._spoken]
        return joined_speech(known)

    def _prepare(self, choice: int, name: str, download: bool) -> None:
        def told(progress: object) -> None:
            self._settle(choice, VoiceStatus("loading", name, str(progress)))

        try:
            folder = self._find(name, download=download, on_progress=told, cancelled=lambda: choice != self._choice)
            recogniser = self._load(folder, name)
            self._glossary()  # now, so that the first recording doesn't wait for it
        except InterviewerError as error:
            self._settle(choice, VoiceStatus("failed", name, str(error)))
        except Exception as error:
            log.exception("loading the recogniser %s failed", name)
            self._settle(choice, VoiceStatus("failed", name, f"{type(error).__name__}: {error}"))
        else:
            self._settle(choice, VoiceStatus("ready", name), recogniser)

    def _settle(self, choice: int, status: VoiceStatus, recogniser: Recogniser | None = None) -> None:
        with self._lock:
            if choice == self._choice:
                self._status, self._recogniser = status, recogniser
