"""How much a stretch of an answer shares with a key point's phrasings, counted plainly: words and adjacent pairs by rarity.

The features of `features` demote what the question says and look for signs of denial; these don't, and say more of how fully a
point was told. Measures only: no threshold, no verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from interviewer.grading.compiled import CompiledQuestion
from interviewer.grading.vocabulary import Units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: A stretch that weighs less is taken to weigh this much, or one odd word would be all that is left over of a fragment.
_LEAST_MASS = 12.0
_TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Overlap:
    """[windows, points] each. `left_…` are shares of the stretch that its nearest right phrasing lacks: those that only the
    point's wrong phrasings use, and those that only other right ones do."""

    cover: Floats  # 0–1, how much of the nearest right phrasing was said
    ahead: Floats  # −1…1, cosine to the nearest right phrasing, less that of the nearest other point
    left_wrong: Floats  # 0–1
    left_right: Floats  # 0–1


def overlap(compiled: CompiledQuestion, units: Sequence[Units]) -> Overlap:
    """The overlaps of stretches with each point. Concepts don't count here: their names' words do."""
    compiled = compiled.narrowed(units)
    weights, phrases = compiled.plain_weights, compiled.presence.astype(float)
    present, mass, length = _present(compiled, units)
    cover = (present * weights) @ phrases.T / (compiled.plain_mass + _TINY)
    cosine = (present * weights**2) @ phrases.T / (compiled.plain_length + _TINY) / (length + _TINY)[:, None]
    shape = (len(units), len(compiled.question.key_points))
    out = Overlap(np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape))
    near = np.zeros(shape)
    for p in range(shape[1]):
        right, wrong = compiled.rows(p, True), compiled.rows(p, False)
        out.cover[:, p], near[:, p] = cover[:, right].max(axis=1), cosine[:, right].max(axis=1)
        by_right = phrases[right].max(axis=0)
        by_wrong = phrases[wrong].max(axis=0) if wrong else np.zeros_like(by_right)
        left = present * (1 - phrases[np.asarray(right)[cover[:, right].argmax(axis=1)]])
        out.left_wrong[:, p] = left @ (weights * by_wrong * (1 - by_right)) / mass
        out.left_right[:, p] = left @ (weights * by_right * (1 - by_wrong)) / mass
    for p in range(shape[1]):
        others = np.delete(near, p, axis=1)
        out.ahead[:, p] = near[:, p] - (others.max(axis=1) if others.size else 0.0)
    return out


def _present(compiled: CompiledQuestion, units: Sequence[Units]) -> tuple[Floats, Floats, Floats]:
    """[windows, units] 0/1, and [windows] the weight and the Euclidean length of all that was said, known or not."""
    weigh = compiled.vocabulary.weight
    present = np.zeros((len(units), len(compiled.columns)))
    mass, length = np.zeros(len(units)), np.zeros(len(units))
    for row, one in enumerate(units):
        for unit in one.all:
            if (column := compiled.columns.get(unit)) is not None:
                present[row, column] = 1.0
            if not unit.startswith("§"):
                mass[row] += weigh(unit)
                length[row] += weigh(unit) ** 2
    return present, np.maximum(mass, _LEAST_MASS), np.sqrt(length)
