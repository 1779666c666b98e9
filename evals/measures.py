"""Agreement between what was said and what is true: correlations, AUC, F1, kappa, calibration error, intervals by question.

Plain arithmetic on numbers; knows nothing of answers or graders. Every figure is written once, for weighted rows: `weights` is
[samples, rows], and a row of weight 2 counts as if it stood there twice. The first sample is the data itself and the others
resamples of whole questions (`question_weights`), so a figure and its interval come out of one pass. A figure that the data
can't give is NaN, never a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

NAN = float("nan")
T = TypeVar("T")
#: Equal-width bins of probability, 0–1, for the calibration error and the reliability plot.
RELIABILITY_BINS = 10


class Estimate(NamedTuple):
    """A figure with its 95 % interval; NaN where the data can't give it."""

    value: float
    low: float = NAN
    high: float = NAN


# ---------------------------------------------------------------- samples


def question_weights(groups: ArrayLike, times: int = 400, seed: int = 0) -> Floats:
    """[1 + times, rows]: ones, then how often each row's group (its question) was drawn in that resample.

    With fewer than two groups there is nothing to resample: [1, rows], and so no interval.
    """
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2:
        return once(len(index))
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=times)
    weights: Floats = np.vstack([np.ones(len(index)), drawn[:, index]]).astype(float)
    return weights


def estimate(values: Floats) -> Estimate:
    """A figure of every sample as the figure of the first and the middle 95 % of the others."""
    kept = values[1:][np.isfinite(values[1:])]
    if not len(kept) or not np.isfinite(values[0]):
        return Estimate(float(values[0]))
    low, high = np.percentile(kept, [2.5, 97.5])
    return Estimate(float(values[0]), float(low), float(high))


def once(rows: int) -> Floats:
    """The weights of the data as it is: [1, rows]."""
    return np.ones((1, rows))


# ---------------------------------------------------------------- figures of weighted rows, [samples] each


def share(values: ArrayLike, weights: Floats) -> Floats:
    """Weighted mean."""
    total = weights.sum(axis=1)
    return _divided(weights @ np.asarray(values, dtype=float), total)


def correlation(x: ArrayLike, y: ArrayLike, weights: Floats) -> Floats:
    """Pearson's r, −1…1; NaN below three rows or where one side doesn't vary."""
    a, b = (np.broadcast_to(np.asarray(v, dtype=float), weights.shape) for v in (x, y))
    total = weights.sum(axis=1, keepdims=True)
    if weights.shape[1] < 3:
        return np.full(len(weights), NAN)
    with np.errstate(invalid="ignore", divide="ignore"):
        da, db = (v - (weights * v).sum(axis=1, keepdims=True) / total for v in (a, b))
        saa, sbb, sab = (np.einsum("sr,sr,sr->s", weights, p, q) for p, q in ((da, da), (db, db), (da, db)))
        flat = (saa <= 1e-12 * (1 + np.abs(a).max() ** 2)) | (sbb <= 1e-12 * (1 + np.abs(b).max() ** 2))
        result: Floats = np.where(flat, NAN, sab / np.sqrt(saa * sbb))
    return result


def weighted_ranks(values: ArrayLike, weights: Floats) -> Floats:
    """[samples, rows]: ranks from 1 as if rows stood there as often as they weigh; equal values share the mean of theirs."""
    order, starts, group = _sorted_groups(np.asarray(values, dtype=float))
    sizes = np.add.reduceat(weights[:, order], starts, axis=1)
    ranked = np.cumsum(sizes, axis=1) - sizes + (sizes + 1) / 2
    out: Floats = np.empty_like(weights)
    out[:, order] = ranked[:, group]
    return out


def rank_correlation(x: ArrayLike, y: ArrayLike, weights: Floats) -> Floats:
    """Spearman's ρ, −1…1."""
    if weights.shape[1] < 3:
        return np.full(len(weights), NAN)
    return correlation(weighted_ranks(x, weights), weighted_ranks(y, weights), weights)


def separation(values: ArrayLike, positive: ArrayLike, weights: Floats) -> Floats:
    """AUC: the chance that a positive row's value is above a negative one's, ties counting half."""
    numbers, truth = np.asarray(values, dtype=float), np.asarray(positive, dtype=bool)
    if not len(numbers):
        return np.full(len(weights), NAN)
    order, starts, _ = _sorted_groups(numbers)
    above, below = (np.add.reduceat((weights * side)[:, order], starts, axis=1) for side in (truth, ~truth))
    lower = np.cumsum(below, axis=1) - below
    return _divided((above * (lower + below / 2)).sum(axis=1), above.sum(axis=1) * below.sum(axis=1))


def prf(truth: ArrayLike, said: ArrayLike, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1 of one label, given which rows have it and which are said to."""
    there, claimed = np.asarray(truth, dtype=float), np.asarray(said, dtype=float)
    hit, n_there, n_claimed = weights @ (there * claimed), weights @ there, weights @ claimed
    return _divided(hit, n_claimed), _divided(hit, n_there), _divided(2 * hit, n_there + n_claimed)


def quadratic_kappa(x: ArrayLike, y: ArrayLike, classes: int, weights: Floats) -> Floats:
    """Cohen's κ with squared distances between classes 0 … classes−1: 1 is agreement, 0 what chance gives."""
    a, b = np.asarray(x, dtype=int), np.asarray(y, dtype=int)
    eye = np.eye(classes)
    left, right = weights @ eye[a], weights @ eye[b]
    observed = weights @ ((a - b) ** 2).astype(float)
    distance = (np.arange(classes)[:, None] - np.arange(classes)) ** 2
    expected = np.einsum("si,ij,sj->s", left, distance.astype(float), right)
    return 1 - _divided(observed * weights.sum(axis=1), expected)


def calibration_error(probability: ArrayLike, happened: ArrayLike, weights: Floats, bins: int = RELIABILITY_BINS) -> Floats:
    """ECE, 0–1: how far, on average over equal-width bins, the stated probability is from how often it came true."""
    said, true, count = _binned(probability, happened, weights, bins)
    return _divided(np.abs(said - true).sum(axis=1), count.sum(axis=1))


def reliability(
    probability: ArrayLike, happened: ArrayLike, weights: Floats, bins: int = RELIABILITY_BINS
) -> list[tuple[float, Estimate, int]]:
    """For each bin that is not empty: mean probability, how often it came true, and rows in it (of the first sample)."""
    said, true, count = _binned(probability, happened, weights, bins)
    frequency = _divided(true, count)
    return [
        (float(said[0, b] / count[0, b]), estimate(frequency[:, b]), int(count[0, b])) for b in range(bins) if count[0, b] > 0
    ]


def quantile(values: ArrayLike, q: float, weights: Floats) -> Floats:
    """The smallest value that at least a share `q` of the rows does not exceed."""
    numbers = np.asarray(values, dtype=float)
    if not len(numbers):
        return np.full(len(weights), NAN)
    order = np.argsort(numbers, kind="stable")
    reached = np.cumsum(weights[:, order], axis=1)
    result: Floats = numbers[order][np.argmax(reached >= q * reached[:, -1:] - 1e-9, axis=1)]
    return result


def ordered_pairs(groups: ArrayLike, truth: ArrayLike, said: ArrayLike, least: float) -> tuple[Ints, Floats]:
    """Pairs of one group whose truths differ by `least` or more: (row of the first; 1 if said in that order, ½ if tied, 0)."""
    index, true, value = np.asarray(groups), np.asarray(truth, dtype=float), np.asarray(said, dtype=float)
    firsts: list[int] = []
    hits: list[float] = []
    for name in np.unique(index):
        rows = np.flatnonzero(index == name)
        for n, i in enumerate(rows):
            for j in rows[n + 1 :]:
                if abs(true[i] - true[j]) >= least:
                    firsts.append(int(i))
                    hits.append(0.5 + 0.5 * float(np.sign(true[i] - true[j]) * np.sign(value[i] - value[j])))
    return np.array(firsts, dtype=np.int64), np.array(hits)


def _binned(probability: ArrayLike, happened: ArrayLike, weights: Floats, bins: int) -> tuple[Floats, Floats, Floats]:
    """[samples, bins] each: sum of probabilities, of what happened, and of weights."""
    p, y = np.asarray(probability, dtype=float), np.asarray(happened, dtype=float)
    inside = np.eye(bins)[np.clip((p * bins).astype(int), 0, bins - 1)]
    return weights @ (inside * p[:, None]), weights @ (inside * y[:, None]), weights @ inside


def _sorted_groups(values: Floats) -> tuple[Ints, Ints, Ints]:
    """The order of values, where runs of equal ones start in it, and the number of its run for every place in it."""
    order = np.argsort(values, kind="stable")
    new = np.diff(values[order], prepend=np.inf) != 0
    return order, np.flatnonzero(new), np.cumsum(new) - 1


def _divided(part: Floats, whole: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Floats = np.where(whole != 0, part / whole, NAN)
    return result


# ---------------------------------------------------------------- the same for plain lists


def _plain(figure: Callable[..., Floats], *columns: Sequence[Any]) -> float:
    if len({len(column) for column in columns}) > 1:
        raise ValueError("columns of different lengths")
    return float(figure(*columns, once(len(columns[0])))[0])


def ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share the mean of theirs."""
    return [float(r) for r in weighted_ranks(values, once(len(values)))[0]] if len(values) else []


def pearson(x: Sequence[float], y: Sequence[float]) -> float:
    """Linear correlation, −1…1."""
    return _plain(correlation, x, y)


def spearman(x: Sequence[float], y: Sequence[float]) -> float:
    """Rank correlation, −1…1."""
    return _plain(rank_correlation, x, y)


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Chance that a positive ranks above a negative (ties count half), 0–1."""
    return _plain(separation, [*positive, *negative], [True] * len(positive) + [False] * len(negative))


def interval(groups: Mapping[str, Sequence[T]], figure: Callable[[list[T]], float], times: int = 500) -> tuple[float, float]:
    """95 % interval of any figure from resampling whole groups (questions), seeded. For figures of weighted rows, `estimate`
    is much faster."""
    rng = np.random.default_rng(0)
    names = sorted(groups)
    drawn = rng.integers(len(names), size=(times, len(names))) if names else np.empty((0, 0), dtype=int)
    values = np.array([NAN, *(figure([row for n in sample for row in groups[names[n]]]) for sample in drawn)])
    values[0] = 0.0  # the place of the figure itself, which is not asked for here
    return estimate(values)[1:]
