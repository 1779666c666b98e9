"""What people hold against the bank: "the reference is wrong", until someone has looked at it.

A dispute outlives the interview it came from, so it keeps the answer it is about. Knows nothing of whether it is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping

from interviewer.domain.errors import StorageError
from interviewer.domain.text import storable
from interviewer.storage.sql import SqlStore
from interviewer.storage.tables import disputes

#: `accepted`: the bank was changed; `rejected`: it stays as it is.
DisputeStatus = Literal["open", "accepted", "rejected"]
#: Characters of an objection that are kept: what is wrong and where it is written, not an essay.
LONGEST_OBJECTION = 2_000


@dataclass(frozen=True, slots=True)
class Dispute:
    """One objection. Without a key point it is about the question as a whole. `at` is UTC."""

    id: int
    question_id: str
    key_point_id: str | None
    session_id: str | None
    text: str
    answer: str
    status: DisputeStatus
    at: datetime


class SqlDisputes:
    """The disputes in a store's database."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    def file(
        self, question_id: str, key_point_id: str | None, session_id: str | None, text: str, answer: str, at: datetime
    ) -> int:
        """Keep an objection and return its id. Saying the very same thing again (a second click) files nothing new."""
        about = {"question_id": question_id, "key_point_id": key_point_id, "session_id": session_id}
        about["text"] = storable(text).strip()[:LONGEST_OBJECTION]
        same = [disputes.c[name].is_not_distinct_from(value) for name, value in about.items()]
        with self._store.transaction() as db:
            known = db.execute(sa.select(disputes.c.id).where(*same, disputes.c.status == "open")).scalar()
            if known is not None:
                return int(known)
            row = {**about, "answer": storable(answer), "status": "open", "at": at}
            inserted = db.execute(disputes.insert().values(**row)).inserted_primary_key
            assert inserted is not None
            return int(inserted[0])

    def open(self) -> list[Dispute]:
        """What nobody has looked at yet, oldest first."""
        return self._where(disputes.c.status == "open")

    def of_session(self, session_id: str) -> list[Dispute]:
        """What was filed from one interview, whatever became of it, oldest first."""
        return self._where(disputes.c.session_id == session_id)

    def resolve(self, dispute_id: int, status: DisputeStatus) -> None:
        """Say what became of it. Raises StorageError when there is no such dispute."""
        with self._store.transaction() as db:
            done = db.execute(disputes.update().where(disputes.c.id == dispute_id).values(status=status))
        if done.rowcount == 0:
            raise StorageError(f"there is no dispute {dispute_id}")

    def _where(self, condition: sa.ColumnElement[bool]) -> list[Dispute]:
        query = sa.select(disputes).where(condition).order_by(disputes.c.at, disputes.c.id)
        with self._store.transaction() as db:
            return [_dispute(row) for row in db.execute(query).mappings()]


def _dispute(row: RowMapping) -> Dispute:
    return Dispute(**row)
