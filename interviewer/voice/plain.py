"""Hears with any other speech model that transformers' own pipeline runs (wav2vec2, moonshine …).

Words with times where the pipeline gives them, never confidences, and no prompt. One piece at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from interviewer.domain.errors import VoiceError
from interviewer.domain.questions import Lang
from interviewer.domain.transcript import HeardWord
from interviewer.voice.audio import RATE

if TYPE_CHECKING:
    from interviewer.voice.audio import Samples


class Plain:
    """A loaded model. `device` and `dtype` are torch's. Not for several threads at once."""

    def __init__(self, folder: Path, device: str, dtype: str) -> None:
        from transformers import pipeline

        self._hear = pipeline("automatic-speech-recognition", model=str(folder), device=device, dtype=dtype)

    @property
    def knows_times(self) -> bool:
        """Models that label every frame know when each word was said; others don't."""
        return self._hear.type in ("ctc", "ctc_with_lm")

    def hear(
        self,
        samples: Samples,
        lang: Lang,  # noqa: ARG002
        terms: Iterable[str],  # noqa: ARG002
        stop: Callable[[], bool],
    ) -> list[HeardWord]:
        """The words of one piece, times counted from its start. Without word times: one entry, the whole piece.

        The model is told neither language nor terms, since such models take none. It can't be stopped halfway.
        """
        heard = self._hear(
            {"raw": samples, "sampling_rate": RATE}, **({"return_timestamps": "word"} if self.knows_times else {})
        )
        if stop():
            raise VoiceError("stopped", "recognition was stopped")
        if self.knows_times:
            return [
                HeardWord(chunk["text"], *map(float, chunk["timestamp"])) for chunk in heard["chunks"] if chunk["text"].strip()
            ]
        text = heard["text"].strip()
        return [HeardWord(text, 0.0, len(samples) / RATE)] if text else []
