"""From what single stretches of an answer say to beliefs on key points, the answer read as a whole.

Per point: is it addressed, is what is said of it right, and is it said in full? Three additive models (a sum of one curve per
number, like a logistic regression with bent lines) whose curves are text in `judgement.json`, fitted by
`evals/fit_judgement.py` on labelled dev answers. Curves may only rise or only fall where sense demands it. Knows no text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from interviewer.grading.calibration import Knowledge, sigmoid
from interviewer.grading.overlap import Overlap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_FILE = Path(__file__).with_name("judgement.json")

#: One row of numbers per key point. Each can only grow when something is added to an answer, so that one more right sentence
#: hardly ever lowers a score by displacing another: what speaks for the candidate and what speaks against stand apart.
NUMBERS = (
    "about",  # log-odds that the sentence most about the point is about it
    "stated",  # log of the best chance of a sentence to be about the point and on its right side
    "denied",  # log of the best chance of a sentence to be about the point and on its wrong side
    "sounds_right",  # log of the best chance of a sentence to be about the point and to sound right
    "sounds_wrong",  # log of the best chance of a sentence to be about the point and to sound wrong
    "others_stated",  # mean over the other points of the chance in `stated`
    "others_denied",  # the same of `denied`
    "others_right",  # the same of `sounds_right`
    "others_wrong",  # the same of `sounds_wrong`
    "answer_worst",  # log-odds that the stretch about anything that sounds wrongest is a wrong claim
    "cover",  # most of a right phrasing that a stretch says
    "ahead",  # most by which a sentence is nearer to the point's right phrasings than to any other point's
    "left_wrong",  # most of a sentence's words that only the point's wrong phrasings use, by the chance that it is about it
    "left_right",  # the same of words that only further right phrasings use
)
_AT = {name: i for i, name in enumerate(NUMBERS)}
#: A stretch with a smaller chance than this to be about any point is padding.
_RELEVANT = 0.25
_LEAST = 1e-4
#: Stands for the worst claim where no stretch is about anything.
_NO_CLAIM = -4.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the stretches of one answer say. [w] windows, [p] points; log-odds, but for the overlap."""

    about: Floats  # [w, p]
    right: Floats  # [w, p]
    sentence_of: Sequence[int]  # [w]
    claims: Floats  # [w] that the sentence, or the stretch itself of a long one, is a wrong claim
    overlap: Overlap  # [w, p] each

    def speaking(self, point: int) -> list[int]:
        """Each sentence's window that is most about the point."""
        best: dict[int, int] = {}
        for w, sentence in enumerate(self.sentence_of):
            held = best.get(sentence)
            if held is None or self.about[w, point] > self.about[held, point]:
                best[sentence] = w
        return list(best.values())


def numbers(evidence: Evidence) -> Floats:
    """[p, NUMBERS] of an answer with at least one window."""
    points = evidence.about.shape[1]
    out = np.zeros((points, len(NUMBERS)))
    for p in range(points):
        _of_point(evidence, p, out[p])
    _of_others(out)
    out[:, _AT["answer_worst"]] = _worst(evidence)
    return out


def _of_point(evidence: Evidence, p: int, out: Floats) -> None:
    chosen = evidence.speaking(p)
    about, right = evidence.about[chosen, p], evidence.right[chosen, p]
    claims = evidence.claims[chosen]
    addressed = sigmoid(about)
    out[_AT["about"]] = about.max()
    for name, side in (("stated", right), ("denied", -right), ("sounds_right", -claims), ("sounds_wrong", claims)):
        out[_AT[name]] = np.log((addressed * sigmoid(side)).max() + _LEAST)
    shared = evidence.overlap
    out[_AT["cover"]] = shared.cover[:, p].max()
    out[_AT["ahead"]] = shared.ahead[chosen, p].max()
    out[_AT["left_wrong"]] = (addressed * shared.left_wrong[chosen, p]).max()
    out[_AT["left_right"]] = (addressed * shared.left_right[chosen, p]).max()


def _of_others(out: Floats) -> None:
    count = max(1, len(out) - 1)
    for name, source in (
        ("others_stated", "stated"),
        ("others_denied", "denied"),
        ("others_right", "sounds_right"),
        ("others_wrong", "sounds_wrong"),
    ):
        chances = np.exp(out[:, _AT[source]])
        out[:, _AT[name]] = (chances.sum() - chances) / count


def _worst(evidence: Evidence) -> float:
    """The highest of the claims of stretches that are about some point."""
    relevant = sigmoid(evidence.about.max(axis=1)) >= _RELEVANT
    return float(evidence.claims[relevant].max()) if relevant.any() else _NO_CLAIM


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through (at, value) knots, flat beyond the ends."""

    at: tuple[float, ...]
    value: tuple[float, ...]

    def __call__(self, x: Floats) -> Floats:
        return np.interp(x, self.at, self.value)


@dataclass(frozen=True, slots=True)
class Additive:
    """Log-odds: `bias` plus one curve per number."""

    bias: float
    curves: Mapping[str, Curve]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From `{"bias", "curves": {name: {"at": […], "value": […]}}}`."""
        return cls(data["bias"], {n: Curve(tuple(c["at"]), tuple(c["value"])) for n, c in data["curves"].items()})

    def chance(self, rows: Floats) -> Floats:
        """[p, NUMBERS] → [p] chances, 0–1."""
        total = np.full(len(rows), self.bias)
        for name, curve in self.curves.items():
            total += curve(rows[:, _AT[name]])
        return sigmoid(total)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Chances that a point is addressed; that what is said of it is right, if so; and that it is said in full, if right."""

    addressed: Additive
    right: Additive
    full: Additive

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(*(Additive.from_json(data[name]) for name in ("addressed", "right", "full")))

    def chances(self, rows: Floats) -> Floats:
        """[p, NUMBERS] → [p, 4]: stated, touched, stated wrongly, absent; each row sums to 1."""
        addressed, right, full = (model.chance(rows) for model in (self.addressed, self.right, self.full))
        parts = (addressed * right * full, addressed * right * (1 - full), addressed * (1 - right), 1 - addressed)
        return np.stack(parts, axis=1)


@cache
def load_judgement(knowledge: Knowledge) -> Judgement:
    """The fitted models for points of that kind."""
    return Judgement.from_json(json.loads(_FILE.read_text(encoding="utf-8"))["models"][knowledge])
