"""The tables, as SQLAlchemy Core. Migrations in `migrations/versions` bring a database to this shape; nothing else does."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import JSON, Column, DateTime, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData()


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC times on every database; SQLite keeps no zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


sessions = Table(
    "sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("setup", JSON, nullable=False),
    Column("status", String(16), nullable=False),
    Column("interviewer", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("questions_asked", Integer, nullable=False, default=0),
    Column("score", Float),
    Index("ix_sessions_created_at", "created_at"),
)

turns = Table(
    "turns",
    metadata,
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("speaker", String(16), nullable=False),
    Column("kind", String(24), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("question_id", Text),
    Column("key_point_id", Text),
    Column("detail", Text),
    Column("provenance", JSON),
    Column("speech", JSON),
)

assessments = Table(
    "assessments",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("turn_number", Integer, nullable=False),
    Column("question_id", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("status", String(16), nullable=False),
    Column("score", Float),
    Column("payload", JSON, nullable=False),
    Index("ix_assessments_session", "session_id", "id"),
)

#: How sure the candidate was of an answer before seeing its grade, in percent.
confidences = Table(
    "confidences",
    metadata,
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("question_id", Text, primary_key=True),
    Column("percent", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

#: "The reference is wrong": what people hold against the bank. It outlives the interview it came from.
disputes = Table(
    "disputes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("session_id", Text),
    Column("question_id", Text, nullable=False),
    Column("key_point_id", Text),
    Column("text", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("settled_at", UtcDateTime),
    Index("ix_disputes_status", "status", "at"),
)

#: The review schedule: one FSRS card a key point, as its library writes it. `due` is repeated for sorting in SQL.
reviews = Table(
    "reviews",
    metadata,
    Column("question_id", Text, primary_key=True),
    Column("key_point_id", Text, primary_key=True),
    Column("card", JSON, nullable=False),
    Column("due", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_reviews_due", "due"),
)
