"""Agreement between graders and labels: rank and linear correlation, AUC, F1 by verdict, and intervals by question.

Plain arithmetic on lists; knows nothing of answers or graders. A figure that the data can't give is NaN, never a guess.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

NAN = float("nan")
T = TypeVar("T")


def ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    out = [0.0] * len(values)
    i = 0
    while i < len(order):
        j = i
        while j + 1 < len(order) and values[order[j + 1]] == values[order[i]]:
            j += 1
        for k in order[i : j + 1]:
            out[k] = (i + j) / 2 + 1
        i = j + 1
    return out


def pearson(x: Sequence[float], y: Sequence[float]) -> float:
    """Linear correlation, −1…1."""
    n = len(x)
    if n < 3:
        return NAN
    mx, my = sum(x) / n, sum(y) / n
    sxy = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    sxx = sum((a - mx) ** 2 for a in x)
    syy = sum((b - my) ** 2 for b in y)
    return float(sxy / (sxx * syy) ** 0.5) if sxx > 0 and syy > 0 else NAN


def spearman(x: Sequence[float], y: Sequence[float]) -> float:
    """Rank correlation, −1…1."""
    return pearson(ranks(x), ranks(y))


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Chance that a positive ranks above a negative (ties count half), 0–1."""
    if not positive or not negative:
        return NAN
    r = ranks([*positive, *negative])
    n, m = len(positive), len(negative)
    return (sum(r[:n]) - n * (n + 1) / 2) / (n * m)


def mean_absolute_error(x: Sequence[float], y: Sequence[float]) -> float:
    """Same unit as the values."""
    return sum(abs(a - b) for a, b in zip(x, y, strict=True)) / len(x) if x else NAN


def precision_recall_f1(truth: Sequence[Hashable], said: Sequence[Hashable], label: Hashable) -> tuple[float, float, float]:
    """For one label, each 0–1; NaN where the label never occurs on that side."""
    hit = sum(t == label == s for t, s in zip(truth, said, strict=True))
    claimed, there = sum(s == label for s in said), sum(t == label for t in truth)
    precision = hit / claimed if claimed else NAN
    recall = hit / there if there else NAN
    f1 = 2 * hit / (claimed + there) if claimed + there else NAN
    return precision, recall, f1


def interval(groups: Mapping[str, Sequence[T]], figure: Callable[[list[T]], float], times: int = 500) -> tuple[float, float]:
    """95 % interval of a figure from resampling whole groups (questions), seeded."""
    rng = random.Random(0)
    names = sorted(groups)
    values = []
    for _ in range(times):
        sample = [row for name in rng.choices(names, k=len(names)) for row in groups[name]]
        value = figure(sample)
        if value == value:
            values.append(value)
    values.sort()
    if not values:
        return NAN, NAN
    return values[int(0.025 * len(values))], values[min(len(values) - 1, int(0.975 * len(values)))]
