"""The figures of a grader: its scores, verdicts and probabilities against labels, each with a 95 % interval by question.

A second reader's labels go through the same arithmetic; what two careful people reach is the ceiling for any grader. Knows the
rows and `measures`; not how anything is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evals import measures
from evals.graded import Graded
from evals.labelled import VERDICTS, Labelled
from evals.measures import NAN, Estimate, estimate
from interviewer.domain.assessment import Verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

#: Resamples of questions behind each interval.
RESAMPLES = 400
#: Two answers to a question whose labels differ by less (of 100) have no right order.
APART = 10.0
#: What an answer that says nothing may score at most.
NOTHING_SCORES = 25.0
#: Classes of the overall score for its kappa: ten points each, 100 with the last.
_CLASSES = 10
_LABEL_OF = {verdict: label for label, verdict in VERDICTS.items()}


@dataclass(frozen=True, slots=True)
class Sheet:
    """Columns: one entry per answer, and (`of` onwards) one per key point of each. `of` numbers the point's answer.

    Labels and what is said of points are 2, 1, 0, −1; probabilities, bands and times are NaN where there are none.
    """

    rows: tuple[Labelled, ...]
    label: Floats
    score: Floats
    low: Floats
    high: Floats
    ms: Floats
    of: Ints
    truth: Ints
    said: Ints
    probability: Floats

    @property
    def questions(self) -> list[str]:
        """Each answer's question."""
        return [row.question.id for row in self.rows]


def sheet_of(graded: Sequence[Graded]) -> Sheet:
    """What a grader said."""
    points = [(n, g.row.labels[p.point_id], p) for n, g in enumerate(graded) for p in g.assessment.points]
    return Sheet(
        tuple(g.row for g in graded),
        np.array([g.row.overall for g in graded], dtype=float),
        np.array([g.score for g in graded], dtype=float),
        np.array([g.assessment.low for g in graded], dtype=float),
        np.array([g.assessment.high for g in graded], dtype=float),
        np.array([g.ms for g in graded], dtype=float),
        np.array([n for n, _, _ in points], dtype=np.int64),
        np.array([label for _, label, _ in points], dtype=np.int64),
        np.array([_LABEL_OF[p.verdict] for _, _, p in points], dtype=np.int64),
        np.array([p.probability for _, _, p in points], dtype=float),
    )


def sheet_of_second(rows: Iterable[Labelled]) -> Sheet:
    """What the second reader said, of the rows that have one."""
    read = [(row, row.second) for row in rows if row.second]
    points = [(n, row.labels[p], second.labels[p]) for n, (row, second) in enumerate(read) for p in row.labels]
    nothing = np.full(len(read), NAN)
    return Sheet(
        tuple(row for row, _ in read),
        np.array([row.overall for row, _ in read], dtype=float),
        np.array([second.overall for _, second in read], dtype=float),
        nothing,
        nothing,
        nothing,
        np.array([n for n, _, _ in points], dtype=np.int64),
        np.array([label for _, label, _ in points], dtype=np.int64),
        np.array([said for _, _, said in points], dtype=np.int64),
        np.full(len(points), NAN),
    )


def part(sheet: Sheet, keep: Callable[[Labelled], bool]) -> Sheet:
    """The answers that `keep` holds for, with their points."""
    kept = np.array([keep(row) for row in sheet.rows], dtype=bool)
    points = kept[sheet.of] if len(sheet.of) else np.zeros(0, dtype=bool)
    return Sheet(
        tuple(row for row, k in zip(sheet.rows, kept, strict=True) if k),
        sheet.label[kept],
        sheet.score[kept],
        sheet.low[kept],
        sheet.high[kept],
        sheet.ms[kept],
        (np.cumsum(kept) - 1)[sheet.of[points]],
        sheet.truth[points],
        sheet.said[points],
        sheet.probability[points],
    )


def figures_of(sheet: Sheet, resamples: int = RESAMPLES) -> dict[str, Estimate]:
    """Every figure that the sheet can give; those it can't give are NaN."""
    if not sheet.rows:
        return {}
    weights = measures.question_weights(sheet.questions, resamples)
    return _of_scores(sheet, weights) | _of_points(sheet, weights[:, sheet.of]) | _of_special_rows(sheet, weights)


def _of_scores(sheet: Sheet, w: Floats) -> dict[str, Estimate]:
    score, label = sheet.score, sheet.label
    inside = (sheet.low <= label) & (label <= sheet.high)
    first, hits = measures.ordered_pairs(sheet.questions, label, score, APART)
    found = {
        "spearman": measures.rank_correlation(score, label, w),
        "pearson": measures.correlation(score, label, w),
        "qwk": measures.quadratic_kappa(_class(score), _class(label), _CLASSES, w),
        "mae": measures.share(np.abs(score - label), w),
        "bias": measures.share(score - label, w),
        "ranking_accuracy": measures.share(hits, w[:, first]),
    }
    if not np.isnan(sheet.low).any():
        found |= {"label_in_band": measures.share(inside, w), "band_width": measures.share(sheet.high - sheet.low, w)}
    if not np.isnan(sheet.ms).any():
        found |= {"ms_median": measures.quantile(sheet.ms, 0.5, w), "ms_p95": measures.quantile(sheet.ms, 0.95, w)}
    return {name: estimate(values) for name, values in found.items()}


def _of_points(sheet: Sheet, w: Floats) -> dict[str, Estimate]:
    """Figures of verdicts and probabilities; a point weighs what its answer weighs."""
    truth, said, p = sheet.truth, sheet.said, sheet.probability
    found: dict[str, Floats] = {}
    for label, verdict in VERDICTS.items():
        names = (f"{kind}_{verdict.value}" for kind in ("precision", "recall", "f1"))
        found |= dict(zip(names, measures.prf(truth == label, said == label, w), strict=True))
    each = np.array([found[f"f1_{verdict.value}"] for verdict in Verdict])
    known = np.isfinite(each)
    with np.errstate(invalid="ignore"):
        found["macro_f1"] = np.where(known, each, 0.0).sum(axis=0) / known.sum(axis=0)
    found["point_agreement"] = measures.share(truth == said, w)
    found["point_kappa"] = measures.quadratic_kappa(truth + 1, said + 1, len(VERDICTS), w)
    if not np.isnan(p).any():
        for other, name in ((-1, "auc_stated_vs_wrong"), (0, "auc_stated_vs_absent")):
            rows = np.flatnonzero((truth == 2) | (truth == other))
            found[name] = measures.separation(p[rows], truth[rows] == 2, w[:, rows])
        found["ece"] = measures.calibration_error(p, truth == 2, w)
    return {name: estimate(values) for name, values in found.items()}


def _of_special_rows(sheet: Sheet, w: Floats) -> dict[str, Estimate]:
    """Recognition errors against their clean versions, and answers that say nothing."""
    asr, clean = clean_pairs(sheet)
    empty = np.flatnonzero([row.answers_nothing for row in sheet.rows])
    moved = sheet.score[asr] - sheet.score[clean]
    return {
        "asr_drift": estimate(measures.share(moved, w[:, asr])),
        "asr_distance": estimate(measures.share(np.abs(moved), w[:, asr])),
        "nothing_at_most_25": estimate(measures.share(sheet.score[empty] <= NOTHING_SCORES, w[:, empty])),
    }


def clean_pairs(sheet: Sheet) -> tuple[Ints, Ints]:
    """Answers with recognition errors and, beside each, the clean answer it was made from, where both are there."""
    place = {row.id: n for n, row in enumerate(sheet.rows)}
    pairs = [(n, place[row.of]) for n, row in enumerate(sheet.rows) if row.of in place]
    return np.array([a for a, _ in pairs], dtype=np.int64), np.array([b for _, b in pairs], dtype=np.int64)


def reliability_of(sheet: Sheet, resamples: int = RESAMPLES) -> list[tuple[float, Estimate, int]]:
    """Per bin of P(stated): its mean, the share of points that the label says are stated, and their number."""
    if not len(sheet.of) or np.isnan(sheet.probability).any():
        return []
    weights = measures.question_weights(sheet.questions, resamples)[:, sheet.of]
    return measures.reliability(sheet.probability, sheet.truth == 2, weights)


def _class(values: Floats) -> Ints:
    return np.clip(values // (100 / _CLASSES), 0, _CLASSES - 1).astype(np.int64)
