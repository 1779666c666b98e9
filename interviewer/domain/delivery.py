"""How an answer was delivered, as figures: apart from what it said, and never part of its score.

Values only. `voice.delivery` measures them, reports and pages show them; neither has to know the other.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from interviewer.domain.questions import Lang


class Advice(StrEnum):
    """What would help a delivery most. `keep` when nothing stands out."""

    SHORTER = "shorter"
    LONGER = "longer"
    SLOWER = "slower"
    FASTER = "faster"
    FILLERS = "fillers"
    PAUSES = "pauses"
    POINT_FIRST = "point-first"
    SIGNPOSTS = "signposts"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure beside the range in which nobody would remark on it."""

    value: float
    low: float
    high: float

    @property
    def fit(self) -> Literal["low", "fits", "high"]:
        """Where the figure lies."""
        return "low" if self.value < self.low else "high" if self.value > self.high else "fits"


@dataclass(frozen=True, slots=True)
class SpokenPiece:
    """A stretch of what was spoken: plain, a filler, or a long pause (no text, `seconds` long)."""

    text: str
    mark: Literal["", "filler", "pause"] = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one question was answered, over its `answers` utterances, `spoken` of which came through the microphone.

    `seconds` is the length of the first one: what came after it were replies to follow-ups. It is `estimated` from the text
    when that one was typed. The figures that only a recording can give are None when nothing was spoken: `pace` in Chinese
    characters or English words a minute, `fillers` in a hundred of them, `pauses` in seconds each (None too when the
    recogniser gave no times). `point_first` is None where the text doesn't tell. Exactly one piece of `advice` comes of it.
    """

    lang: Lang
    answers: int
    spoken: int
    seconds: Measure
    estimated: bool
    pace: Measure | None
    fillers: Measure | None
    pauses: tuple[float, ...] | None
    point_first: bool | None
    signposts: int
    advice: Advice
    transcript: tuple[SpokenPiece, ...] = ()

    def filler_counts(self) -> Counter[str]:
        """How often each filler was used, folded to lower case."""
        return Counter(piece.text.casefold() for piece in self.transcript if piece.mark == "filler")
