"""What practising adds to a graded question: what its hints cost, and how a second answer compares with the first.

Pure functions of what was said and judged. The content score is never changed here: a hint's cost is a second figure beside it,
and a question's first answer is the one that counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from interviewer.domain.assessment import Assessment, Verdict
from interviewer.domain.questions import KeyPoint
from interviewer.domain.transcript import Turn, TurnKind

#: Share of a point's credit that each hint on it takes from whatever is said of it afterwards, and the least that is left.
HINT_COST = 0.25
LEAST_LEFT = 0.25
#: From a point said wrongly to one said whole.
_RANK = {Verdict.CONTRADICTED: 0, Verdict.MISSING: 1, Verdict.PARTLY: 2, Verdict.COVERED: 3}


def rungs(point: KeyPoint) -> int:
    """How many hints there are on a point; without any of its own it has one, made of its terms or of the question's points."""
    return len(point.hints) or 1


def share_left(hints: int) -> float:
    """The share, 0–1, of a point that still counts when it is said after so many hints on it."""
    return max(LEAST_LEFT, 1 - HINT_COST * hints)


@dataclass(frozen=True, slots=True)
class Hinted:
    """A question's score, 0–100, with what was said only after a hint counted less, and the hints given by point id."""

    score: float
    hints: Mapping[str, int]


def hinted(question_id: str, turns: Iterable[Turn], history: Mapping[int, Assessment]) -> Hinted | None:
    """What the hints on a question cost; None when there were none or nothing was graded.

    `history` holds every assessment by the number of the turn it judged. Each gain in a point's credit counts by the hints on
    that point before it, so that what was known already keeps its full worth.
    """
    given: dict[str, int] = {}
    gained: dict[str, float] = {}
    counted: dict[str, float] = {}
    last: Assessment | None = None
    for turn in turns:
        if turn.question_id != question_id or turn.kind is TurnKind.RETRY:
            continue
        if turn.kind is TurnKind.HINT and turn.key_point_id:
            given[turn.key_point_id] = given.get(turn.key_point_id, 0) + 1
        judged = history.get(turn.number)
        if judged is None or not judged.graded:
            continue
        last = judged
        for point in judged.points:
            before, kept = gained.get(point.point_id, 0.0), counted.get(point.point_id, 0.0)
            gain = point.credit - before
            kept = kept + gain * share_left(given.get(point.point_id, 0)) if gain >= 0 else kept * point.credit / before
            gained[point.point_id], counted[point.point_id] = point.credit, kept
    if last is None or last.score is None or not given:
        return None
    whole = sum(p.weight * p.credit for p in last.points)
    left = sum(p.weight * counted[p.point_id] for p in last.points)
    return Hinted(last.score * left / whole if whole else last.score, given)


@dataclass(frozen=True, slots=True)
class Retry:
    """A question answered again: the turn it was said in, and what was made of it (None while it isn't graded yet)."""

    turn: int
    answer: str
    assessment: Assessment | None


def retries(question_id: str, turns: Iterable[Turn], history: Mapping[int, Assessment]) -> tuple[Retry, ...]:
    """Every further answer to a question, oldest first."""
    return tuple(
        Retry(turn.number, turn.text, history.get(turn.number))
        for turn in turns
        if turn.kind is TurnKind.RETRY and turn.question_id == question_id
    )


class Change(StrEnum):
    """What became of a point from one answer to another."""

    GAINED = "gained"
    LOST = "lost"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class PointChange:
    """One point in two answers."""

    point_id: str
    before: Verdict
    after: Verdict

    @property
    def change(self) -> Change:
        if self.before is self.after:
            return Change.SAME
        return Change.GAINED if _RANK[self.after] > _RANK[self.before] else Change.LOST


def changes(first: Assessment, second: Assessment) -> tuple[PointChange, ...]:
    """Point by point, in the first answer's order; points that only one of them was judged on (the bank has changed) are left
    out."""
    after = {p.point_id: p.verdict for p in second.points}
    return tuple(PointChange(p.point_id, p.verdict, after[p.point_id]) for p in first.points if p.point_id in after)


def gains(first: Assessment | None, again: Iterable[Retry]) -> tuple[PointChange, ...]:
    """The points that a further answer made better than the first, each with the best that became of it, in the first answer's
    order. Where nothing was answered at first every point made is one; beside an answer that wasn't graded none can be told."""
    best: dict[str, Verdict] = {}
    for point in (p for retry in again if retry.assessment for p in retry.assessment.points):
        best[point.point_id] = max(best.get(point.point_id, point.verdict), point.verdict, key=_RANK.__getitem__)
    before = {p.point_id: p.verdict for p in first.points} if first else dict.fromkeys(best, Verdict.MISSING)
    found = (PointChange(point_id, verdict, best[point_id]) for point_id, verdict in before.items() if point_id in best)
    return tuple(change for change in found if change.change is Change.GAINED)


def best_score(first: Assessment | None, again: Sequence[Retry]) -> float | None:
    """The best score of all answers to a question, 0–100; None when none was graded."""
    judged = [first, *(retry.assessment for retry in again)]
    return max((a.score for a in judged if a is not None and a.score is not None), default=None)
