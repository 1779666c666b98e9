"""What can be measured between a stretch of an answer and a key point. Measures only: no threshold, no verdict.

Every feature lies in −1…1. Their order is `NAMES`; `calibration.json` weighs them by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from interviewer.grading.compiled import CompiledQuestion
from interviewer.grading.vocabulary import Units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

NAMES = (
    "match",  # how much of the nearest phrasing was said, right or wrong
    "said",  # how much of the nearest right phrasing was said
    "profile",  # how much of what was said belongs to the point's phrasings, right or wrong
    "wrong",  # how much of the nearest wrong phrasing was said
    "margin",  # said − wrong
    "tell",  # what was said, weighed by which side's phrasings use it
    "concepts",  # share of the point's concepts named
    "order",  # adjacent pairs shared with the nearest right phrasing, against words shared
    "negation_right",  # shared words that are negated on one side only, against the nearest right phrasing
    "negation_wrong",  # the same against the nearest wrong phrasing
    "opposite_right",  # opposite sides taken, against the nearest right phrasing
    "opposite_wrong",  # the same against the nearest wrong phrasing
    "swap_right",  # shared content words in reversed order, against the nearest right phrasing
    "swap_wrong",  # the same against the nearest wrong phrasing
    "rival",  # match − how much of another point's nearest phrasing was said
    "short",  # 1 for a stretch with hardly any content, falling to 0
)
_INDEX = {name: i for i, name in enumerate(NAMES)}


def window_features(compiled: CompiledQuestion, texts: Sequence[Units], left_out: frozenset[int] = frozenset()) -> Floats:
    """[windows, points, features]. Phrases in `left_out` count as unwritten: how the calibration is fitted."""
    points = len(compiled.question.key_points)
    out = np.zeros((len(texts), points, len(NAMES)), dtype=np.float32)
    if not texts or not compiled.columns:
        return out
    compiled = compiled.narrowed(texts)
    present, mass = _presence(compiled, texts)
    known = present @ compiled.word_weights  # only words of the question's: padding must not make a fragment look substantial
    match = present @ compiled.recall.T  # [windows, phrases]
    poles = np.array([t.poles for t in texts], dtype=np.float32)
    right = [[i for i in compiled.rows(p, True) if i not in left_out] for p in range(points)]
    wrong = [[i for i in compiled.rows(p, False) if i not in left_out] for p in range(points)]
    nothing = np.zeros(len(texts), dtype=np.float32)
    best = np.stack(
        [match[:, r].max(axis=1) if r else nothing for r in (a + b for a, b in zip(right, wrong, strict=True))], axis=1
    )
    for p in range(points):
        _one_point(compiled, p, texts, present, mass, match, poles, right[p], wrong[p], out[:, p])
        others = np.delete(best, p, axis=1)
        out[:, p, _INDEX["match"]] = best[:, p]
        out[:, p, _INDEX["rival"]] = best[:, p] - (others.max(axis=1) if points > 1 else nothing)
    out[:, :, _INDEX["short"]] = np.exp(-known / 8.0)[:, None]
    return out


def _presence(compiled: CompiledQuestion, texts: Sequence[Units]) -> tuple[Floats, Floats]:
    """[windows, units] 0/1, and [windows] the weight of all content words said, known to the question or not."""
    present = np.zeros((len(texts), len(compiled.columns)), dtype=np.float32)
    mass = np.zeros(len(texts), dtype=np.float32)
    for row, units in enumerate(texts):
        for unit in units.all:
            column = compiled.columns.get(unit)
            if column is not None:
                present[row, column] = 1.0
        mass[row] = sum(compiled.vocabulary.weight(w) for w in set(units.words))
    return present, mass


def _one_point(
    compiled: CompiledQuestion,
    point: int,
    texts: Sequence[Units],
    present: Floats,
    mass: Floats,
    match: Floats,
    poles: Floats,
    right: list[int],
    wrong: list[int],
    out: Floats,
) -> None:
    said_by = compiled.presence[right].mean(axis=0) if right else np.zeros(len(compiled.columns), dtype=np.float32)
    denied_by = compiled.presence[wrong].mean(axis=0) if wrong else np.zeros_like(said_by)
    word_weights = compiled.word_weights
    out[:, _INDEX["profile"]] = np.minimum(1.0, (present @ (word_weights * (said_by + denied_by > 0))) / np.maximum(mass, 4.0))
    if wrong:
        evidence = present * compiled.weights
        size = np.maximum(evidence.sum(axis=1), 6.0)
        out[:, _INDEX["tell"]] = (evidence @ (said_by - denied_by)) / size * 2.0
    concepts = compiled.groups[point]
    if concepts:
        out[:, _INDEX["concepts"]] = [sum(c in t.concepts for c in concepts) / len(concepts) for t in texts]
    for side, rows in (("right", right), ("wrong", wrong)):
        if not rows:
            continue
        nearest = np.asarray(rows)[match[:, rows].argmax(axis=1)]
        level = match[:, rows].max(axis=1)
        out[:, _INDEX["said" if side == "right" else "wrong"]] = level
        clash = (poles * compiled.poles[nearest] < 0).sum(axis=1)
        out[:, _INDEX[f"opposite_{side}"]] = np.minimum(1.0, clash / 2.0)
        # Word by word only where there is something to compare: most windows have nothing to do with most points.
        for w in np.flatnonzero(level > 0.12):
            phrase = compiled.phrases[int(nearest[w])].units
            negation, swap, order = _compare(compiled, texts[int(w)], phrase)
            out[w, _INDEX[f"negation_{side}"]] = negation
            out[w, _INDEX[f"swap_{side}"]] = swap
            if side == "right":
                out[w, _INDEX["order"]] = order
    out[:, _INDEX["margin"]] = out[:, _INDEX["said"]] - out[:, _INDEX["wrong"]] if wrong else 0.0


def _compare(compiled: CompiledQuestion, said: Units, phrase: Units) -> tuple[float, float, float]:
    """(negation mismatch, order reversal, shared pairs against shared words), each 0–1."""
    shared = said.content & phrase.content
    if not shared:
        return 0.0, 0.0, 0.0
    weigh = compiled.vocabulary.weight
    total = sum(weigh(w) for w in shared)
    clash = sum(weigh(w) for w in shared if (w in said.negated) != (w in phrase.negated))
    swap = _reversed_share(said.words, phrase.words, shared)
    pairs = len(said.pairs & phrase.pairs)
    return min(1.0, clash / max(total, 1e-6)), swap, min(1.0, pairs / len(shared))


def _reversed_share(a: Sequence[str], b: Sequence[str], shared: frozenset[str]) -> float:
    """Share of pairs of shared words that stand in the other order, 0–1; needs three shared words to say anything."""
    first = {w: i for i, w in reversed(list(enumerate(a))) if w in shared}
    second = {w: i for i, w in reversed(list(enumerate(b))) if w in shared}
    order = sorted(first, key=first.__getitem__)[:12]
    if len(order) < 3:
        return 0.0
    pairs = [(second[x], second[y]) for i, x in enumerate(order) for y in order[i + 1 :]]
    return sum(x > y for x, y in pairs) / len(pairs)
