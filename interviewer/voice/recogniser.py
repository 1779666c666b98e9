"""A loaded recogniser: a recording in, words with times out. Picks the part that fits the model and the machine's device.

Knows no threads and no glossary.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from interviewer.domain.errors import VoiceError
from interviewer.domain.questions import Lang
from interviewer.domain.transcript import HeardWord
from interviewer.voice.audio import RATE, pieces

if TYPE_CHECKING:
    from interviewer.voice.audio import Samples


class Hears(Protocol):
    """A model that takes one piece of at most 30 s."""

    def hear(self, samples: Samples, lang: Lang, terms: Sequence[str], stop: Callable[[], bool]) -> list[HeardWord]: ...


class Recogniser:
    """`name` is what the person called the model. Not for several threads at once."""

    def __init__(self, name: str, model: Hears) -> None:
        self.name = name
        self._model = model

    def hear(
        self, samples: Samples, lang: Lang, terms: Sequence[str] = (), stop: Callable[[], bool] = lambda: False
    ) -> list[HeardWord]:
        """All words of a recording. Raises VoiceError: nobody spoke, or `stop()` turned true."""
        out: list[HeardWord] = []
        for start, end in pieces(samples):
            if stop():
                raise VoiceError("stopped", "recognition was stopped")
            heard = self._model.hear(samples[int(start * RATE) : int(end * RATE)], lang, terms, stop)
            out += [replace(word, start=round(start + word.start, 2), end=round(start + word.end, 2)) for word in heard]
        if not out:
            raise VoiceError("silent", "no speech was heard in the recording")
        return out


def load_recogniser(folder: Path, name: str) -> Recogniser:
    """The model in `folder`, on the best device torch has. Raises VoiceError for a model that doesn't recognise speech."""
    import torch

    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise VoiceError("failed", f"config.json of {name} can't be read: {error}") from error
    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    dtype = "float16" if device == "cuda" else "float32"
    try:
        if kind == "whisper":
            from interviewer.voice.whisper import Whisper

            return Recogniser(name, Whisper(folder, device, dtype))
        from interviewer.voice.plain import Plain

        return Recogniser(name, Plain(folder, device, dtype))
    except (ValueError, OSError, KeyError, RuntimeError, ImportError) as error:  # what loading a wrong model raises
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise VoiceError("failed", f"{name} can't be loaded as a speech recogniser: {reason}") from error
