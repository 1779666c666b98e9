"""Labelled answers with what a grader made of them: all of them graded, and some once more to see whether it repeats itself."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evals.labelled import Labelled
from evals.progress import Ticker
from interviewer.domain.assessment import Assessment
from interviewer.ports import Grader, GradingItem

if TYPE_CHECKING:
    from evals.assessment_cache import AssessmentCache
    from evals.core import Progress


@dataclass(frozen=True, slots=True)
class Graded:
    """An answer with its assessment, which has a score, and the time that took (ms)."""

    row: Labelled
    assessment: Assessment
    ms: float

    @property
    def score(self) -> float:
        assert self.assessment.score is not None
        return self.assessment.score


@dataclass(frozen=True, slots=True)
class Retest:
    """Answers graded a second time, in another order and together: by how much scores (0–100) and probabilities (0–1) moved."""

    answers: int
    mean: float
    worst: float
    worst_probability: float


def timed(grader: Grader, item: GradingItem, cache: AssessmentCache | None) -> tuple[Assessment, float, bool]:
    """The assessment, the milliseconds it takes, and whether it was made just now."""
    kept = cache.get(item) if cache else None
    if kept:
        return kept[0], kept[1], False
    started = time.perf_counter()
    assessment = grader.grade(item)
    ms = 1000 * (time.perf_counter() - started)
    if cache:
        cache.put(item, assessment, ms)
    return assessment, ms, True


def grade_all(
    rows: Sequence[Labelled],
    grader: Grader,
    progress: Progress,
    cache: AssessmentCache | None = None,
    what: str = "grading",
) -> tuple[list[Graded], list[Assessment]]:
    """(graded ones, the assessments of the others)."""
    graded, ungraded = [], []
    ticker = Ticker(what, len(rows), progress)
    for row in rows:
        assessment, ms, made = timed(grader, GradingItem(row.question, row.answer), cache)
        if assessment.graded:
            graded.append(Graded(row, assessment, ms))
        else:
            ungraded.append(assessment)
        ticker.step(made)
    ticker.finish()
    return graded, ungraded


def grade_again(graded: Sequence[Graded], grader: Grader, count: int, seed: int = 0) -> Retest | None:
    """`count` answers once more, never out of a cache; None without any. What now can't be graded moved by all it had."""
    sample = random.Random(seed).sample(list(graded), min(count, len(graded)))
    if not sample:
        return None
    again = grader.grade_many([GradingItem(g.row.question, g.row.answer) for g in sample])
    moved = [abs((a.score or 0.0) - g.score) for g, a in zip(sample, again, strict=True)]
    chances = [
        abs(now.probability - before.probability)
        for g, a in zip(sample, again, strict=True)
        for before, now in zip(g.assessment.points, a.points, strict=a.graded)
    ]
    return Retest(len(sample), sum(moved) / len(moved), max(moved), max(chances, default=0.0))
