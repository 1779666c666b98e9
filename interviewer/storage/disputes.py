"""What people hold against the bank: "the reference is wrong", until someone has looked at it, and what became of it.

A dispute outlives the interview it came from, so it keeps the answer it is about. Knows nothing of whether it is right.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping

from interviewer.domain.disputes import Dispute
from interviewer.domain.errors import StorageError
from interviewer.domain.text import storable
from interviewer.storage.sql import SqlStore
from interviewer.storage.tables import disputes

#: Characters of an objection that are kept: what is wrong and where it is written, not an essay.
LONGEST_OBJECTION = 2_000


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

    def settled(self) -> list[Dispute]:
        """What somebody has decided on, the newest decision first."""
        newest = (disputes.c.settled_at.desc().nulls_last(), disputes.c.at.desc(), disputes.c.id.desc())
        return self._where(disputes.c.status != "open", *newest)

    def of_session(self, session_id: str) -> list[Dispute]:
        """What was filed from one interview, whatever became of it, oldest first."""
        return self._where(disputes.c.session_id == session_id)

    def resolve(self, dispute_id: int, status: Literal["accepted", "rejected"], at: datetime) -> None:
        """Say what became of it. A decision stands: raises StorageError when there is no such dispute, or not any more."""
        mine = sa.and_(disputes.c.id == dispute_id, disputes.c.status == "open")
        with self._store.transaction() as db:
            done = db.execute(disputes.update().where(mine).values(status=status, settled_at=at))
        if done.rowcount == 0:
            raise StorageError("this dispute was settled before, or is no longer there")

    def _where(self, condition: sa.ColumnElement[bool], *order: sa.ColumnElement[Any]) -> list[Dispute]:
        query = sa.select(disputes).where(condition).order_by(*(order or (disputes.c.at, disputes.c.id)))
        with self._store.transaction() as db:
            return [_dispute(row) for row in db.execute(query).mappings()]


def _dispute(row: RowMapping) -> Dispute:
    return Dispute(**row)
