"""Progress over all interviews: how topics develop, how well a person knows what they know, and which points stay weak.

Folds what was graded long ago; never grades anything again, and counts nothing that was not answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import fmean

from interviewer.domain.assessment import Verdict
from interviewer.domain.questions import Bank, KeyPoint, LocalText, Question
from interviewer.domain.review import Answered, Card, Recall

#: Points that stay weak, at most as many as anybody reads.
WEAK_POINTS = 8
#: The steps in which people say how sure they are, in percent; others count with the nearest.
STEPS = (25, 50, 75, 100)
#: Answers from which something is said about over- or underconfidence, and by how many points the two must differ.
ENOUGH, TELLING = 5, 10.0


@dataclass(frozen=True, slots=True)
class Day:
    """The mean score, 0–100, of a day's graded answers. Each counts by its key points: the review of one point is no whole
    question, and reviews go where a person is weak."""

    day: date
    score: float
    answers: int


@dataclass(frozen=True, slots=True)
class TopicTrend:
    """A topic's days, oldest first; never empty."""

    topic: str
    title: LocalText
    days: tuple[Day, ...]

    @property
    def answers(self) -> int:
        return sum(day.answers for day in self.days)

    @property
    def change(self) -> float | None:
        """Points between the first day and the last; None after a single day."""
        return self.days[-1].score - self.days[0].score if len(self.days) > 1 else None


@dataclass(frozen=True, slots=True)
class Step:
    """Answers of which the candidate was that sure (percent), and their mean score."""

    percent: int
    score: float
    answers: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """Confidence against score. `gap` is mean confidence minus mean score, in points: above nought is overconfident."""

    steps: tuple[Step, ...]
    answers: int
    gap: float

    @property
    def tendency(self) -> str:
        """`over`, `under`, `fair`, or `unknown` while there are few answers."""
        if self.answers < ENOUGH:
            return "unknown"
        return "over" if self.gap > TELLING else "under" if self.gap < -TELLING else "fair"


@dataclass(frozen=True, slots=True)
class WeakPoint:
    """A key point whose newest answer did not make it. `missed` of `asked` answers didn't."""

    question: Question
    point: KeyPoint
    verdict: Verdict
    missed: int
    asked: int
    due: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it. `streak` is days in a row with an answer, up to `today` or, if there is none today yet, to yesterday."""

    today: date
    interviews: int
    answered: int
    graded: int
    days: int
    streak: int
    practised_today: bool
    trends: tuple[TopicTrend, ...]
    calibration: Calibration | None
    weakest: tuple[WeakPoint, ...]
    scheduled: int


def overview(answers: Sequence[Answered], cards: Sequence[Card], bank: Bank, today: date) -> Overview:
    """`answers` are oldest first. Days are this machine's."""
    days = {_day(answer.at) for answer in answers}
    return Overview(
        today=today,
        interviews=len({answer.session_id for answer in answers}),
        answered=len(answers),
        graded=sum(answer.score is not None for answer in answers),
        days=len(days),
        streak=_streak(days, today),
        practised_today=today in days,
        trends=_trends(answers, bank),
        calibration=calibration(answers),
        weakest=_weakest(answers, cards, bank),
        scheduled=len(cards),
    )


def calibration(answers: Iterable[Answered]) -> Calibration | None:
    """None when nobody said how sure they were of an answer that was graded."""
    pairs = [(a.percent, a.score) for a in answers if a.percent is not None and a.score is not None]
    if not pairs:
        return None
    grouped: dict[int, list[float]] = {}
    for percent, score in pairs:
        grouped.setdefault(min(STEPS, key=lambda step: abs(step - percent)), []).append(score)
    steps = tuple(Step(percent, fmean(scores), len(scores)) for percent, scores in sorted(grouped.items()))
    return Calibration(steps, len(pairs), fmean(p for p, _ in pairs) - fmean(s for _, s in pairs))


def _trends(answers: Sequence[Answered], bank: Bank) -> tuple[TopicTrend, ...]:
    """Topics as the bank orders them. Answers to questions that have left the bank have no topic any more."""
    grouped: dict[str, dict[date, list[tuple[float, int]]]] = {}
    topics = {question.id: question.topic for question in bank}
    for answer in answers:
        topic = topics.get(answer.question_id)
        if topic is not None and answer.score is not None:
            grouped.setdefault(topic, {}).setdefault(_day(answer.at), []).append((answer.score, len(answer.verdicts) or 1))
    order = list(dict.fromkeys(topics.values()))
    return tuple(
        TopicTrend(
            topic,
            bank.topics.get(topic, LocalText(topic, topic)),
            tuple(_mean_of(day, scores) for day, scores in sorted(grouped[topic].items())),
        )
        for topic in order
        if topic in grouped
    )


def _mean_of(day: date, scores: Sequence[tuple[float, int]]) -> Day:
    return Day(day, fmean((score for score, _ in scores), (points for _, points in scores)), len(scores))


def _weakest(answers: Sequence[Answered], cards: Sequence[Card], bank: Bank) -> tuple[WeakPoint, ...]:
    """Said wrongly first, then missing, then in part; among these the heavier, and those missed more often."""
    newest = {(a.question_id, point): verdict for a in answers for point, verdict in a.verdicts.items()}
    found = []
    for card in cards:
        question = bank.get(card.question_id)
        point = next((p for p in question.key_points if p.id == card.point_id), None) if question else None
        verdict = newest.get((card.question_id, card.point_id), Verdict.COVERED)
        if question is None or point is None or verdict is Verdict.COVERED or card.recalls[-1] >= Recall.GOOD:
            continue
        missed = sum(recall is Recall.AGAIN for recall in card.recalls)
        found.append(WeakPoint(question, point, verdict, missed, len(card.recalls), card.due))
    order = (Verdict.CONTRADICTED, Verdict.MISSING, Verdict.PARTLY)
    found.sort(key=lambda weak: (order.index(weak.verdict), -weak.point.weight, -weak.missed, weak.due))
    return tuple(found[:WEAK_POINTS])


def _streak(days: set[date], today: date) -> int:
    day = today if today in days else today - timedelta(days=1)
    length = 0
    while day in days:
        length += 1
        day -= timedelta(days=1)
    return length


def _day(at: datetime) -> date:
    return at.astimezone().date()
