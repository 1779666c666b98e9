"""The loudspeaker's end: which voice is loaded for each language, sentences in, sound out.

Each voice loads in the background and can be exchanged. Sentences wait for one worker and are said in the order they came; what
nobody waits for any more is not said. Knows no pages, no interviews, and not where models come from.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from interviewer.domain.errors import InterviewerError, VoiceError
from interviewer.domain.questions import LANGS, Lang
from interviewer.voice.slot import Finds, Slot, VoiceStatus
from interviewer.voice.synthesiser import LONGEST_SENTENCE, Synthesiser, load_synthesiser
from interviewer.voice.worker import Job, Worker

log = logging.getLogger(__name__)

#: Seconds a sentence may take: some for the model to get going, and so many for each character. Somebody waits for every one,
#: and the browser's own voice is there at once.
_BASE, _PER_CHARACTER = 6.0, 0.1
#: The most bytes of sound that are kept for the next time the same sentence is said: four minutes at 22 kHz.
_KEPT = 12_000_000


class Reading:
    """Thread-safe."""

    def __init__(self, find: Finds, load: Callable[[Path, str, Lang], Synthesiser] = load_synthesiser) -> None:
        def loader(lang: Lang) -> Callable[[Path, str], Synthesiser]:
            return lambda folder, name: load(folder, name, lang)

        self._slots = {lang: Slot(f"voice-{lang}", find, loader(lang)) for lang in LANGS}
        self._worker: Worker[bytes] = Worker("voice", grace=0.0)
        self._lock = threading.Lock()
        self._sounds: OrderedDict[tuple[Synthesiser, str], bytes] = OrderedDict()  # the oldest first
        self._size = 0

    def status(self, lang: Lang) -> VoiceStatus:
        return self._slots[lang].status

    def use(self, lang: Lang, name: str, download: bool = False) -> None:
        """Load the voice `name` (a folder or a hub name) for sentences of `lang`; an empty name leaves them to the browser."""
        self._slots[lang].use(name, download)
        with self._lock:
            self._sounds.clear()
            self._size = 0

    def close(self) -> None:
        for lang in LANGS:
            self.use(lang, "")
        self._worker.close()

    def begin(self, text: str, lang: Lang) -> Job[bytes]:
        """Have a sentence said; the result is a WAV. Raises VoiceError: no voice is ready, it is too long, or too many wait.

        Everything else that can go wrong comes with the result.
        """
        voice = self._slots[lang].model
        if voice is None:
            raise VoiceError("none", "no voice of that language is ready")
        if len(text) > LONGEST_SENTENCE:
            raise VoiceError("too-long", f"a sentence may have {LONGEST_SENTENCE} characters")
        known = self._known(voice, text)
        if known is not None:
            done: Job[bytes] = Job()
            done.future.set_result(known)
            return done

        def work(job: Job[bytes]) -> bytes:
            known = self._known(voice, text)  # another page may have asked for it meanwhile
            if known is not None:
                return known
            job.begin(_BASE + _PER_CHARACTER * len(text))
            try:
                sound = voice.say(text)
            except InterviewerError:
                raise
            except Exception as error:  # of the model's own libraries, out of memory among them; the worker goes on
                log.exception("the voice %s failed on a sentence of %d characters", voice.name, len(text))
                raise VoiceError("failed", f"{voice.name} failed: {error}") from error
            self._keep(voice, text, sound)
            return sound

        return self._worker.submit(work)

    def _known(self, voice: Synthesiser, text: str) -> bytes | None:
        with self._lock:
            sound = self._sounds.get((voice, text))
            if sound is not None:
                self._sounds.move_to_end((voice, text))
            return sound

    def _keep(self, voice: Synthesiser, text: str, sound: bytes) -> None:
        with self._lock:
            if voice not in (slot.model for slot in self._slots.values()) or (voice, text) in self._sounds:
                return  # it was exchanged while it spoke
            self._sounds[voice, text] = sound
            self._size += len(sound)
            while self._size > _KEPT:
                self._size -= len(self._sounds.popitem(last=False)[1])
