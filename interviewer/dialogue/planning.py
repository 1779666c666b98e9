"""What to practise in ten minutes: points that are due, then questions of weak topics, then questions never asked.

A pure function of the bank and the record; decides which questions and in which form, never how an interview goes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from interviewer.dialogue.planned import wordings
from interviewer.domain.questions import Bank, Question
from interviewer.domain.review import Answered, Card
from interviewer.domain.transcript import Planned

#: Minutes that a whole question takes with its follow-up, and one about a single point: round figures for planning a short
#: sitting. The interview's clock has the last word.
WHOLE, ONE_POINT = 3.0, 1.5
#: A topic is weak when its newest answers score below this on average, the line below which most points are missing.
WEAK = 60.0
#: How many of a topic's newest answers say how strong it is, and how many questions a sitting takes from weak topics.
NEWEST, WEAK_QUESTIONS = 5, 2
#: A question answered like this, or better, is left to its review cards.
ANSWERED_WELL = 75.0


@dataclass(frozen=True, slots=True)
class Record:
    """What the person has done so far. `due` is most overdue first, `answers` oldest first; `last_wording` says how each
    question was put the last time it was asked."""

    due: Sequence[Card] = ()
    answers: Sequence[Answered] = ()
    last_wording: Mapping[str, int] | None = None


def plan_sitting(bank: Bank, record: Record, minutes: float, seed: str) -> tuple[Planned, ...]:
    """Questions for about that many minutes, at least one where the bank has any. `seed` orders what is equally good."""
    plan: list[Planned] = []
    left = minutes
    for entry in (*_reviews(bank, record), *_weak(bank, record, seed), *_new(bank, record, seed)):
        needed = ONE_POINT if entry.point_id else WHOLE
        if any(entry.question_id == other.question_id for other in plan) or (plan and needed > left):
            continue
        plan.append(entry)
        left -= needed
    return tuple(plan)


def due_points(bank: Bank, due: Sequence[Card]) -> list[Card]:
    """Those of the cards whose points the bank still has."""
    known = {(question.id, point.id) for question in bank for point in question.key_points}
    return [card for card in due if (card.question_id, card.point_id) in known]


def _reviews(bank: Bank, record: Record) -> list[Planned]:
    """A single due point is asked for by itself; of several in one question the question is asked whole."""
    by_question: dict[str, list[str]] = {}
    for card in due_points(bank, record.due):
        by_question.setdefault(card.question_id, []).append(card.point_id)
    entries = []
    for question_id, points in by_question.items():
        question = bank.get(question_id)
        assert question is not None  # due_points has looked
        alone = len(points) == 1 and len(question.key_points) > 1 and bool(question.point(points[0]).probe)
        entries.append(Planned(question_id, _next_wording(question, record), points[0] if alone else None))
    return entries


def _weak(bank: Bank, record: Record, seed: str) -> list[Planned]:
    """From the weakest topic on: what was never asked there, then what went badly."""
    scores: dict[str, list[float]] = {}
    newest: dict[str, float] = {}
    for answer in record.answers:
        question = bank.get(answer.question_id)
        if question is not None and answer.score is not None:
            scores.setdefault(question.topic, []).append(answer.score)
            newest[question.id] = answer.score
    strength = {topic: fmean(kept[-NEWEST:]) for topic, kept in scores.items()}
    pool = [q for q in bank if strength.get(q.topic, WEAK) < WEAK and newest.get(q.id, 0.0) < ANSWERED_WELL]
    pool.sort(key=lambda q: (strength[q.topic], newest.get(q.id, -1.0), q.level, _shuffle(seed, q)))
    return [Planned(q.id, _next_wording(q, record)) for q in pool[:WEAK_QUESTIONS]]


def _new(bank: Bank, record: Record, seed: str) -> list[Planned]:
    """Never asked: near the level of the person's answers, a topic at a time. When all were asked, those asked longest ago."""
    newest = [answer.score for answer in record.answers if answer.score is not None][-2 * NEWEST :]
    level = 1 + 2 * fmean(newest) / 100 if newest else 2.0
    asked = {question_id: place for place, question_id in enumerate(record.last_wording or {})}
    ranked = sorted(bank, key=lambda q: (asked.get(q.id, -1), abs(q.level - level), _shuffle(seed, q)))
    seen: dict[str, int] = {}
    rounds = []
    for question in ranked:
        rounds.append((question.id in asked, seen.get(question.topic, 0), question))
        seen[question.topic] = seen.get(question.topic, 0) + 1
    rounds.sort(key=lambda item: item[:2])  # stable: within a round as ranked
    return [Planned(question.id, _next_wording(question, record)) for _, _, question in rounds]


def _next_wording(question: Question, record: Record) -> int:
    """The wording after the one it was last asked in, so that no sentence is learnt by heart; the first for a new question."""
    last = (record.last_wording or {}).get(question.id)
    return 0 if last is None else (last + 1) % len(wordings(question))


def _shuffle(seed: str, question: Question) -> bytes:
    return hashlib.sha256(f"{seed}/{question.id}".encode()).digest()
