"""All that the database holds, at once: read out as plain values, and erased for good.

Goes by the tables themselves, so that one added later is neither forgotten in an export nor left behind.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from interviewer.storage.sql import SqlStore
from interviewer.storage.tables import metadata, sessions

#: A session's own tables name it in this column and can't be without it.
_OF_SESSION = [table for table in metadata.sorted_tables if any(c.name == "session_id" and c.foreign_keys for c in table.c)]
_BESIDE = [table for table in metadata.sorted_tables if table not in _OF_SESSION and table is not sessions]


def session_ids(store: SqlStore) -> list[str]:
    """Every interview, oldest first."""
    with store.transaction() as db:
        return list(db.execute(sa.select(sessions.c.id).order_by(sessions.c.created_at, sessions.c.id)).scalars())


def session(store: SqlStore, session_id: str) -> dict[str, Any] | None:
    """An interview's row and, by table, the rows that belong to it; None when it is gone."""
    with store.transaction() as db:
        row = db.execute(sa.select(sessions).where(sessions.c.id == session_id)).mappings().one_or_none()
        if row is None:
            return None
        told: dict[str, Any] = dict(row)
        for table in _OF_SESSION:
            query = sa.select(table).where(table.c.session_id == session_id).order_by(*table.primary_key)
            told[table.name] = [dict(item) for item in db.execute(query).mappings()]
        return told


def beside_sessions(store: SqlStore) -> dict[str, list[dict[str, Any]]]:
    """The rows of the other tables, by table."""
    with store.transaction() as db:
        return {table.name: [dict(row) for row in db.execute(sa.select(table)).mappings()] for table in _BESIDE}


def erase(store: SqlStore) -> None:
    """Delete every row, all in one transaction, and have the database let go of the space: SQLite leaves deleted texts in its
    file until it is rewritten. Raises StorageError."""
    with store.transaction() as db:
        for table in reversed(metadata.sorted_tables):
            db.execute(table.delete())
    store.compact()
