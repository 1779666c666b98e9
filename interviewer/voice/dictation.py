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
from pathlib import Path

from interviewer.domain.errors import InterviewerError, VoiceError
from interviewer.domain.questions import Lang
from interviewer.domain.transcript import Speech
from interviewer.voice.audio import RATE, read_wav
from interviewer.voice.glossary import Glossary
from interviewer.voice.recogniser import Recogniser, load_recogniser
from interviewer.voice.slot import Finds, Slot, VoiceStatus
from interviewer.voice.transcript import Transcript, joined_speech, transcript
from interviewer.voice.worker import Job, Worker

log = logging.getLogger(__name__)

#: Spoken answers that are remembered until they are sent; the oldest go first.
_KEPT = 256
#: Seconds a recording may take: some for the model to get going, and so many for each second of sound. A recogniser that suits
#: the machine needs less than one.
_BASE, _PER_SECOND = 30.0, 4.0


class Dictation:
    """Thread-safe."""

    def __init__(
        self, find: Finds, glossary: Callable[[], Glossary], load: Callable[[Path, str], Recogniser] = load_recogniser
    ) -> None:
        def prepared(folder: Path, name: str) -> Recogniser:
            recogniser = load(folder, name)
            glossary()  # now, so that the first recording doesn't wait for it
            return recogniser

        self._slot = Slot("recogniser", find, prepared)
        self._glossary = glossary
        self._worker: Worker[Transcript] = Worker()
        self._lock = threading.Lock()
        self._spoken: OrderedDict[str, Speech] = OrderedDict()

    @property
    def status(self) -> VoiceStatus:
        return self._slot.status

    def use(self, name: str, download: bool = False) -> None:
        """Load the recogniser `name` (a folder or a hub name) in the background; an empty name switches recognition off, and
        stops a download. The old one is let go at once."""
        self._slot.use(name, download)

    def close(self) -> None:
        self.use("")
        self._worker.close()

    def begin(self, wav: bytes, lang: Lang) -> Job[Transcript]:
        """Have a recording recognised. Raises VoiceError: no recogniser is ready, or too many recordings wait.

        Everything else that can go wrong comes with the result.
        """
        recogniser = self._slot.model
        if recogniser is None:
            raise VoiceError("none", "no speech recogniser is ready")

        def work(job: Job[Transcript]) -> Transcript:
            samples = read_wav(wav)
            seconds = len(samples) / RATE
            job.begin(_BASE + _PER_SECOND * seconds)
            glossary = self._glossary()
            try:
                words = recogniser.hear(samples, lang, glossary.expected, job.should_stop)
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
