"""Spaced review of key points: how well a point was recalled, when it is due again, and what was made of past answers.

Knows the rule from verdict to recall; the arithmetic of intervals is the scheduler's (storage/reviews.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum

from interviewer.domain.assessment import Assessment, PointAssessment, Verdict
from interviewer.domain.transcript import Turn, TurnKind

#: A grader as sure as this that a point was made may call it easy. Most covered points are far above the threshold for
#: *covered*, so without it nearly everything would be easy, and a mistaken "easy" hides a point for over a week.
SURE = 0.9


class Recall(IntEnum):
    """How well a point was recalled: FSRS's four ratings."""

    AGAIN = 1
    HARD = 2
    GOOD = 3
    EASY = 4


@dataclass(frozen=True, slots=True)
class PointRating:
    """One recall of one key point."""

    question_id: str
    point_id: str
    recall: Recall


@dataclass(frozen=True, slots=True)
class Card:
    """A key point in the review schedule. `due` and `reviewed` are UTC, `stability` is days until recall falls to 90 %,
    `difficulty` 1–10; `recalls` are all ratings, oldest first."""

    question_id: str
    point_id: str
    due: datetime
    reviewed: datetime
    stability: float
    difficulty: float
    recalls: tuple[Recall, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """What was made of one answer, in brief. `at` is UTC, `score` 0–100 or None when ungraded; `percent` is how sure the
    candidate was before seeing it, None when they didn't say. `verdicts` are by key point id."""

    session_id: str
    question_id: str
    at: datetime
    score: float | None
    percent: int | None = None
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)


def recall_of(point: PointAssessment, helps: Iterable[TurnKind] = ()) -> Recall:
    """How well a graded answer recalls a point. `helps` are the interviewer's moves that were aimed at it.

    A point made is GOOD; EASY when nobody had to ask for it and the grader is sure. One made in part is HARD, one missing or
    got wrong AGAIN. A hint takes a step off: what was half given away was half recalled.
    """
    helps = frozenset(helps)
    if point.verdict is Verdict.COVERED:
        if TurnKind.HINT in helps:
            return Recall.HARD
        return Recall.EASY if not helps and point.probability >= SURE else Recall.GOOD
    if point.verdict is Verdict.PARTLY and TurnKind.HINT not in helps:
        return Recall.HARD
    return Recall.AGAIN


def ratings_of(assessment: Assessment, turns: Iterable[Turn], asked_about: str | None = None) -> list[PointRating]:
    """The ratings a closed question gives: one for every point that was judged, none when the answer is ungraded.

    `turns` are the interview's. `asked_about` is the point that the question itself was about, in a review of a single point:
    it was asked for, so it is never EASY.
    """
    if not assessment.graded:
        return []
    helps: dict[str, set[TurnKind]] = {asked_about: {TurnKind.FOLLOW_UP}} if asked_about else {}
    for turn in turns:
        if turn.question_id == assessment.question_id and turn.kind in (TurnKind.FOLLOW_UP, TurnKind.HINT):
            helps.setdefault(turn.key_point_id or "", set()).add(turn.kind)
    return [
        PointRating(assessment.question_id, point.point_id, recall_of(point, helps.get(point.point_id, ())))
        for point in assessment.points
    ]


def end_of_day(now: datetime) -> datetime:
    """The end of the day, by this machine's clock on the wall, in which `now` lies. What falls due within it is due today: a
    point to be seen "tomorrow" should not keep people waiting for the very minute."""
    local = now.astimezone()
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None) + timedelta(days=1)
    return midnight.astimezone().astimezone(now.tzinfo)
