"""From what single stretches of an answer say to beliefs on key points, the answer read as a whole.

Per point: is it addressed, is what is said of it right, and is it said in full? Three additive models (a sum of one curve per
number, like a logistic regression with bent lines) whose curves are text in `judgement.json`, fitted by
`evals/fit_judgement.py` on labelled dev answers. Curves may only rise or only fall where sense demands it. Knows no text.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
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


#: What a sentence says of a point, each the most that one of its windows says: chances, but `about` and `worst` in log-odds.
_SAID = (
    "about",
    "stated",
    "denied",
    "sounds_right",
    "sounds_wrong",
    "cover",
    "ahead",
    "left_wrong",
    "left_right",
    "worst",  # the claim of the stretch about anything that sounds wrongest, −∞ without one
    "by_itself",  # that the sentence is about the point and on its right side, by whichever window
    "against_itself",  # the same of the wrong side
)
SAID_AT = {name: i for i, name in enumerate(_SAID)}
_CHANCES = ("stated", "denied", "sounds_right", "sounds_wrong")


@dataclass(frozen=True, slots=True)
class Sentences:
    """What each sentence says of each point, [s, p, _SAID]; `ids` are the numbers of the sentences. Whatever is told of several
    sentences is the most that one of them says."""

    ids: tuple[int, ...]
    said: Floats

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """From windows: for each point the one of the sentence's windows that is most about it speaks for the sentence."""
        ids = tuple(dict.fromkeys(evidence.sentence_of))
        out = np.empty((len(ids), evidence.about.shape[1], len(_SAID)))
        own = np.asarray(evidence.sentence_of)
        relevant = sigmoid(evidence.about.max(axis=1)) >= _RELEVANT
        for s, sentence in enumerate(ids):
            _of_sentence(evidence, np.flatnonzero(own == sentence), relevant, out[s])
        return cls(ids, out)

    def together(self, sentences: Collection[int]) -> Floats:
        """[p, _SAID] of some of the sentences, one at least."""
        chosen = [n for n, sentence in enumerate(self.ids) if sentence in sentences]
        most: Floats = self.said[chosen].max(axis=0)
        return most

    def each_together(self, views: Sequence[Collection[int]]) -> Floats:
        """[v, p, _SAID], the same of each choice of sentences."""
        return np.stack([self.together(view) for view in views])


def numbers(said: Floats) -> Floats:
    """[..., p, NUMBERS] from [..., p, _SAID]."""
    out = np.zeros((*said.shape[:-1], len(NUMBERS)))
    for name in ("about", "cover", "ahead", "left_wrong", "left_right"):
        out[..., _AT[name]] = said[..., SAID_AT[name]]
    count = max(1, said.shape[-2] - 1)
    for name in _CHANCES:
        chances = said[..., SAID_AT[name]] + _LEAST
        out[..., _AT[name]] = np.log(chances)
        out[..., _AT[f"others_{name.removeprefix('sounds_')}"]] = (chances.sum(axis=-1, keepdims=True) - chances) / count
    worst = said[..., SAID_AT["worst"]]
    out[..., _AT["answer_worst"]] = np.where(np.isneginf(worst), _NO_CLAIM, worst)
    return out


def _of_sentence(evidence: Evidence, windows: NDArray[np.intp], relevant: NDArray[np.bool_], out: Floats) -> None:
    columns = np.arange(out.shape[0])
    about, right = evidence.about[windows], evidence.right[windows]
    near = sigmoid(about)
    out[:, SAID_AT["by_itself"]] = (near * sigmoid(right)).max(axis=0)
    out[:, SAID_AT["against_itself"]] = (near * sigmoid(-right)).max(axis=0)
    speaking = about.argmax(axis=0)
    chosen = windows[speaking]
    about, right, addressed = about[speaking, columns], right[speaking, columns], near[speaking, columns]
    claims = evidence.claims[chosen]
    out[:, SAID_AT["about"]] = about
    for name, side in zip(_CHANCES, (right, -right, -claims, claims), strict=True):
        out[:, SAID_AT[name]] = addressed * sigmoid(side)
    shared = evidence.overlap
    out[:, SAID_AT["cover"]] = shared.cover[windows].max(axis=0)
    out[:, SAID_AT["ahead"]] = shared.ahead[chosen, columns]
    out[:, SAID_AT["left_wrong"]] = addressed * shared.left_wrong[chosen, columns]
    out[:, SAID_AT["left_right"]] = addressed * shared.left_right[chosen, columns]
    worst = evidence.claims[windows][relevant[windows]]
    out[:, SAID_AT["worst"]] = worst.max() if len(worst) else -np.inf


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
        """[..., NUMBERS] → [...] chances, 0–1."""
        total = np.full(rows.shape[:-1], self.bias)
        for name, curve in self.curves.items():
            total += curve(rows[..., _AT[name]])
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
        """[..., NUMBERS] → [..., 4]: stated, touched, stated wrongly, absent; each row sums to 1."""
        addressed, right, full = (model.chance(rows) for model in (self.addressed, self.right, self.full))
        parts = (addressed * right * full, addressed * right * (1 - full), addressed * (1 - right), 1 - addressed)
        return np.stack(parts, axis=-1)


@cache
def load_judgement(knowledge: Knowledge) -> Judgement:
    """The fitted models for points of that kind."""
    return Judgement.from_json(json.loads(_FILE.read_text(encoding="utf-8"))["models"][knowledge])
