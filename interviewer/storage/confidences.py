"""How sure the candidate was of each answer before seeing its grade: a percentage for a question of an interview.

Knows nothing of grades; what the two say together is worked out where reports are.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from interviewer.domain.errors import SessionError
from interviewer.storage.sql import SqlStore
from interviewer.storage.tables import confidences


class SqlConfidences:
    """The kept percentages, on the store's database."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    def put(self, session_id: str, question_id: str, percent: int, at: datetime) -> None:
        """Keep how sure the candidate is, 0–100, in place of what they said before. Raises ValueError outside that range,
        SessionError for an unknown session."""
        if not 0 <= percent <= 100:
            raise ValueError(f"{percent} is no percentage")
        key = {"session_id": session_id, "question_id": question_id}
        try:
            with self._store.transaction() as db:
                # Delete and insert in one transaction: every database knows them, unlike the dialects' upserts.
                db.execute(confidences.delete().filter_by(**key))
                db.execute(confidences.insert().values(**key, percent=percent, at=at))
        except IntegrityError as error:
            raise SessionError(f"there is no interview {session_id!r}") from error

    def of_session(self, session_id: str) -> dict[str, int]:
        """Percent by question id; empty where none was asked, and for an unknown session."""
        query = sa.select(confidences.c.question_id, confidences.c.percent).filter_by(session_id=session_id)
        with self._store.transaction() as db:
            return {row.question_id: row.percent for row in db.execute(query)}
