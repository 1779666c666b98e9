"""The review schedule: an FSRS card for every key point that was ever judged, rated once an interview.

The scheduling is py-fsrs's, with two choices of ours. Nothing is due within minutes, as in its default learning steps: an
interview is a sitting, and what was missed in one comes back tomorrow. And intervals aren't fuzzed: there are no piles of cards
made on one day to spread, and the same answers should always give the same schedule. Knows nothing of questions or grades.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from interviewer.domain.review import Card, PointRating, Recall
from interviewer.storage.sql import SqlStore
from interviewer.storage.tables import reviews

if TYPE_CHECKING:
    from fsrs import Scheduler

#: The chance of recall at which a point is due again: FSRS's own default, a fair price for some weeks of preparation.
RETENTION = 0.9


@cache
def _scheduler() -> Scheduler:
    from fsrs import Scheduler

    return Scheduler(desired_retention=RETENTION, learning_steps=(), relearning_steps=(), enable_fuzzing=False)


class SqlReviews:
    """The cards in a store's database."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    def rate(self, session_id: str, ratings: Sequence[PointRating], at: datetime) -> None:
        """Take in what an interview showed. A point that this interview has rated before keeps that rating, so an interview
        that is replayed, reloaded or opened twice counts once. `at` is when it was answered."""
        if not ratings:
            return
        try:
            self._rate(session_id, ratings, at)
        except IntegrityError:  # another process made the same cards this moment; now they are there to be seen
            self._rate(session_id, ratings, at)

    def due(self, until: datetime) -> list[Card]:
        """What is due by then, most overdue first."""
        return self._where(reviews.c.due <= until)

    def all(self) -> list[Card]:
        """Every card, by when it is due."""
        return self._where(sa.true())

    def _where(self, condition: sa.ColumnElement[bool]) -> list[Card]:
        query = sa.select(reviews).where(condition).order_by(reviews.c.due, reviews.c.question_id, reviews.c.key_point_id)
        with self._store.transaction() as db:
            return [_card(row) for row in db.execute(query).mappings()]

    def _rate(self, session_id: str, ratings: Iterable[PointRating], at: datetime) -> None:
        with self._store.transaction() as db:
            for rating in ratings:
                key = {"question_id": rating.question_id, "key_point_id": rating.point_id}
                kept = db.execute(sa.select(reviews.c.card).filter_by(**key)).scalar()
                if kept is None:
                    db.execute(reviews.insert().values(**key, **_rated(None, session_id, rating.recall, at)))
                elif session_id not in kept["ratings"]:
                    _update(db, key, _rated(kept, session_id, rating.recall, at))


def _update(db: Connection, key: Mapping[str, str], values: Mapping[str, Any]) -> None:
    db.execute(reviews.update().filter_by(**key).values(**values))


def _rated(kept: Mapping[str, Any] | None, session_id: str, recall: Recall, at: datetime) -> dict[str, Any]:
    """The card's row after one more rating. Beside what its library writes, the card holds the rating each interview gave."""
    import fsrs

    at = at.astimezone(UTC)
    # Cards have numbers in the library; ours are known by question and point. Left out, it would be the time of day.
    card = fsrs.Card.from_dict(kept) if kept else fsrs.Card(card_id=0, due=at)  # type: ignore[arg-type]
    if card.last_review is not None:
        at = max(at, card.last_review)  # an interview left open for weeks doesn't turn the schedule's clock back
    card, _ = _scheduler().review_card(card, fsrs.Rating(int(recall)), at)
    ratings = {**(kept["ratings"] if kept else {}), session_id: int(recall)}
    return {"card": {**card.to_dict(), "ratings": ratings}, "due": card.due, "updated_at": at}


def _card(row: RowMapping) -> Card:
    kept = row["card"]
    return Card(
        row["question_id"],
        row["key_point_id"],
        row["due"],
        row["updated_at"],
        float(kept["stability"]),
        float(kept["difficulty"]),
        tuple(Recall(rating) for rating in kept["ratings"].values()),
    )
