"""The arithmetic of agreement, on examples small enough to be worked out by hand, and its weighted form against repetition."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evals import measures
from evals.measures import NAN, Estimate, estimate, once


def one(values: np.ndarray) -> float:
    return float(values[0])


# ---------------------------------------------------------------- figures by hand


def test_ranks_share_the_mean_of_ties() -> None:
    assert measures.ranks([30, 10, 20, 20]) == [4, 1, 2.5, 2.5]
    assert measures.ranks([]) == []


def test_correlations() -> None:
    """Deviations −1, 0, 1 against −1, −1, 2: r = 3 / √(2·6). Ranks 1, 2, 3 against 1.5, 1.5, 3: ρ = 1.5 / √(2·1.5)."""
    assert measures.pearson([1, 2, 3], [0, 0, 3]) == pytest.approx(3 / 12**0.5)
    assert measures.spearman([1, 2, 3], [0, 0, 3]) == pytest.approx(1.5 / 3**0.5)
    assert measures.spearman([1, 2, 30], [3, 2, 1]) == pytest.approx(-1)


@pytest.mark.parametrize(("x", "y"), [([1, 2], [1, 2]), ([5, 5, 5], [1, 2, 3]), ([1, 2, 3], [0.1, 0.1, 0.1]), ([], [])])
def test_no_correlation_of_too_little_or_of_a_constant(x: list[float], y: list[float]) -> None:
    assert math.isnan(measures.pearson(x, y))
    assert math.isnan(measures.spearman(x, y))


def test_auc_counts_ties_half() -> None:
    """Pairs: 3>1, 3>2, 2>1 are right, 2=2 is half: 3.5 of 4."""
    assert measures.auc([3, 2], [1, 2]) == pytest.approx(3.5 / 4)
    assert math.isnan(measures.auc([], [1]))
    assert math.isnan(measures.auc([1], []))


def test_precision_recall_and_f1() -> None:
    """Of three called a, two are; of four a, two were found: F1 = 2·2 / 7."""
    found = measures.prf([c == "a" for c in "aaaabb"], [c == "a" for c in "aabbab"], measures.once(6))
    assert [one(value) for value in found] == pytest.approx([2 / 3, 2 / 4, 4 / 7])
    never = measures.prf([False] * 2, [False] * 2, measures.once(2))
    assert all(math.isnan(one(value)) for value in never)


def test_quadratic_kappa() -> None:
    """Classes 0, 0, 2, 2 against 0, 1, 2, 1: squared distances 0+1+0+1 = 2. By chance: the margins (½, 0, ½) and (¼, ½, ¼) give
    a mean of ½·(½·1 + ¼·4) + ½·(¼·4 + ½·1) = 1.5, over four rows 6. κ = 1 − 2/6."""
    assert one(measures.quadratic_kappa([0, 0, 2, 2], [0, 1, 2, 1], 3, once(4))) == pytest.approx(1 - 2 / 6)
    assert one(measures.quadratic_kappa([0, 1, 2], [0, 1, 2], 3, once(3))) == 1
    assert math.isnan(one(measures.quadratic_kappa([1, 1], [1, 1], 3, once(2))))


def test_calibration_error_and_the_bins_behind_it() -> None:
    """Two bins: said .2 and .4 (mean .3), one of two came true (gap .2); said .9, true (gap .1). ECE = 2/3·.2 + 1/3·.1."""
    p, y = [0.2, 0.4, 0.9], [1, 0, 1]
    assert one(measures.calibration_error(p, y, once(3), bins=2)) == pytest.approx(0.5 / 3)
    first, second = measures.reliability(p, y, once(3), bins=2)
    assert (first[0], first[1].value, first[2]) == (pytest.approx(0.3), 0.5, 2)
    assert (second[0], second[1].value, second[2]) == (pytest.approx(0.9), 1.0, 1)
    assert one(measures.calibration_error([0.0, 1.0], [0, 1], once(2))) == 0


def test_pairs_of_one_question_in_the_right_order() -> None:
    """Question a: labels 0, 50, 55; pairs (0, 50) right, (0, 55) tied, (50, 55) too near to count. Question b: turned round."""
    rows, hits = measures.ordered_pairs(["a", "a", "a", "b", "b"], [0, 50, 55, 10, 90], [5, 9, 5, 8, 7], least=10)
    assert rows.tolist() == [0, 0, 3]
    assert hits.tolist() == [1, 0.5, 0]
    assert one(measures.share(hits, once(5)[:, rows])) == 0.5


def test_quantiles() -> None:
    values = [40, 10, 30, 20]
    assert [one(measures.quantile(values, q, once(4))) for q in (0.5, 0.95, 0.25)] == [20, 40, 10]
    assert math.isnan(one(measures.quantile([], 0.5, once(0))))


# ---------------------------------------------------------------- weights and intervals


def test_a_weight_is_a_repetition() -> None:
    """Every figure of weighted rows equals that of the rows written out as often as they weigh."""
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, 6, 40), rng.integers(0, 6, 40)
    w = measures.question_weights(rng.integers(0, 9, 40), times=3)
    figures = [
        lambda a, b, w: measures.correlation(a, b, w),
        lambda a, b, w: measures.rank_correlation(a, b, w),
        lambda a, b, w: measures.separation(a, b > 2, w),
        lambda a, b, w: measures.quadratic_kappa(a, b, 6, w),
        lambda a, b, w: measures.calibration_error(a / 6, b > 2, w),
        lambda a, b, w: measures.prf(a > 3, b > 3, w)[2],
        lambda a, b, w: measures.share(a, w),
        lambda a, b, w: measures.quantile(a, 0.9, w),
    ]
    for sample in range(4):
        written = np.repeat(np.arange(40), w[sample].astype(int))
        for figure in figures:
            whole = one(figure(x[written], y[written], once(len(written))))
            assert figure(x, y, w)[sample] == pytest.approx(whole)


def test_questions_are_drawn_whole_and_the_data_itself_comes_first() -> None:
    w = measures.question_weights(["a", "a", "b", "c"], times=50)
    assert w.shape == (51, 4)
    assert w[0].tolist() == [1, 1, 1, 1]
    assert (w[:, 0] == w[:, 1]).all()
    assert (w[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert len({tuple(sample) for sample in w.tolist()}) > 5
    assert (w == measures.question_weights(["a", "a", "b", "c"], times=50)).all()


def test_one_question_gives_no_interval() -> None:
    w = measures.question_weights(["a", "a"])
    assert w.shape == (1, 2)
    assert estimate(measures.share([1, 2], w))[0] == 1.5
    assert math.isnan(estimate(measures.share([1, 2], w)).low)


def test_the_interval_is_the_middle_of_the_samples() -> None:
    values = np.array([50.0, *range(101), NAN])
    assert estimate(values) == Estimate(50.0, 2.5, 97.5)
    assert math.isnan(estimate(np.array([NAN, 1.0])).value)


def test_an_interval_of_any_figure() -> None:
    """Two groups of mean 1.5 and 3: the resamples are those two and their mix."""
    assert measures.interval({"a": [1.0, 2.0], "b": [3.0]}, lambda rows: sum(rows) / len(rows)) == (1.5, 3.0)
    assert all(map(math.isnan, measures.interval({}, lambda rows: 1.0)))
