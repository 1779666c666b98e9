"""The store on any SQL database that SQLAlchemy speaks; SQLite by default, PostgreSQL where people share one.

Each method is one transaction that has committed when it returns. Knows nothing of how interviews go.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.engine import Connection, Engine, RowMapping, make_url
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from interviewer.domain.assessment import Assessment
from interviewer.domain.errors import ConfigError, SessionError, StorageError
from interviewer.domain.text import storable
from interviewer.domain.transcript import Provenance, SessionInfo, SessionStatus, Setup, Speaker, Speech, Turn, TurnKind
from interviewer.ports import StoredSession
from interviewer.storage.tables import assessments, confidences, sessions, turns

_SETUP = TypeAdapter(Setup)
_PROVENANCE = TypeAdapter(Provenance)
_SPEECH = TypeAdapter(Speech)
_ASSESSMENT = TypeAdapter(Assessment)


class SqlStore:
    """A `Store`. Safe to use from several threads; several processes may share one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, setup: Setup, interviewer: str, at: datetime) -> str:
        session_id = secrets.token_hex(16)  # begins with no dash: ids are typed on command lines
        row = {"id": session_id, "setup": _SETUP.dump_python(setup, mode="json"), "status": "running"}
        row |= {"interviewer": interviewer, "created_at": at, "updated_at": at, "questions_asked": 0}
        with self.transaction() as db:
            db.execute(sessions.insert().values(**row))
        return session_id

    def add_turn(self, session_id: str, turn: Turn) -> None:
        row = {
            "session_id": session_id,
            "number": turn.number,
            "speaker": turn.speaker.value,
            "kind": turn.kind.value,
            "text": storable(turn.text),
            "at": turn.at,
            "question_id": turn.question_id,
            "key_point_id": turn.key_point_id,
            "detail": turn.detail,
            "provenance": _PROVENANCE.dump_python(turn.provenance, mode="json") if turn.provenance else None,
            "speech": _clean(_SPEECH.dump_python(turn.speech, mode="json")) if turn.speech else None,
        }
        changed: dict[str, Any] = {}
        if turn.kind is TurnKind.ASK:
            changed["questions_asked"] = sessions.c.questions_asked + 1
        if turn.kind is TurnKind.CLOSE:
            changed["status"] = "finished"
        with self.transaction() as db:
            self._touch(db, session_id, turn.at, **changed)
            try:
                db.execute(turns.insert().values(**row))
            except IntegrityError as error:
                raise SessionError("this interview was continued somewhere else; reload it") from error

    def add_assessment(self, session_id: str, turn_number: int, assessment: Assessment, at: datetime) -> None:
        row = {
            "session_id": session_id,
            "turn_number": turn_number,
            "question_id": assessment.question_id,
            "at": at,
            "status": assessment.status.value,
            "score": assessment.score,
            "payload": _clean(_ASSESSMENT.dump_python(assessment, mode="json")),
        }
        with self.transaction() as db:
            self._touch(db, session_id, at)
            db.execute(assessments.insert().values(**row))
            scores = [score for score in self._newest_scores(db, session_id).values() if score is not None]
            self._touch(db, session_id, at, score=sum(scores) / len(scores) if scores else None)

    def load(self, session_id: str) -> StoredSession:
        with self.transaction() as db:
            head = db.execute(sa.select(sessions).where(sessions.c.id == session_id)).mappings().one_or_none()
            if head is None:
                raise SessionError(f"there is no interview {session_id!r}")
            said = (
                db.execute(sa.select(turns).where(turns.c.session_id == session_id).order_by(turns.c.number)).mappings().all()
            )
            kept = self._assessments(db, session_id)
        newest: dict[str, tuple[int, Assessment]] = {}
        retried = {row["number"] for row in said if row["kind"] == TurnKind.RETRY.value}
        for number, assessment in kept:
            if number in retried:
                continue
            newest[assessment.question_id] = (number, assessment)  # a dict keeps the order of first insertion
        return StoredSession(
            _info(head),
            tuple(map(_turn, said)),
            tuple(assessment for _, assessment in newest.values()),
            {question_id: number for question_id, (number, _) in newest.items()},
        )

    def history(self, session_id: str) -> list[tuple[int, Assessment]]:
        with self.transaction() as db:
            return self._assessments(db, session_id)

    def delete(self, session_id: str) -> None:
        with self.transaction() as db:
            db.execute(assessments.delete().where(assessments.c.session_id == session_id))
            db.execute(confidences.delete().where(confidences.c.session_id == session_id))
            db.execute(turns.delete().where(turns.c.session_id == session_id))
            if db.execute(sessions.delete().where(sessions.c.id == session_id)).rowcount == 0:
                raise SessionError(f"there is no interview {session_id!r}")

    def compact(self) -> None:
        """Rewrite an SQLite file without what was deleted. Other databases see to that themselves. Raises StorageError."""
        if self._engine.dialect.name != "sqlite":
            return
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
                db.exec_driver_sql("VACUUM")
                db.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        except OperationalError as error:
            raise StorageError(f"the database can't be used: {str(error.orig).splitlines()[0]}") from error

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction, committed at the end; also for the other keepers in this package. Raises StorageError."""
        try:
            with self._engine.begin() as db:
                yield db
        except OperationalError as error:  # locked for too long, disk full, server gone
            raise StorageError(f"the database can't be used: {str(error.orig).splitlines()[0]}") from error

    @staticmethod
    def _touch(db: Connection, session_id: str, at: datetime, **values: Any) -> None:
        done = db.execute(sessions.update().where(sessions.c.id == session_id).values(updated_at=at, **values))
        if done.rowcount == 0:
            raise SessionError(f"there is no interview {session_id!r}")

    @staticmethod
    def _newest_scores(db: Connection, session_id: str) -> dict[str, float | None]:
        """The newest score of each question: later rows replace earlier ones. A retry's is no score of the interview."""
        own = assessments.c.session_id == session_id
        retried = sa.select(turns.c.number).where(turns.c.session_id == session_id, turns.c.kind == TurnKind.RETRY.value)
        query = sa.select(assessments.c.question_id, assessments.c.score)
        query = query.where(own, assessments.c.turn_number.not_in(retried))
        return {row.question_id: row.score for row in db.execute(query.order_by(assessments.c.id))}

    @staticmethod
    def _assessments(db: Connection, session_id: str) -> list[tuple[int, Assessment]]:
        query = sa.select(assessments.c.turn_number, assessments.c.payload).where(assessments.c.session_id == session_id)
        return [
            (number, _ASSESSMENT.validate_python(payload)) for number, payload in db.execute(query.order_by(assessments.c.id))
        ]

    # Last in the class: below it `list` no longer names the type.
    def list(self, limit: int = 100, status: SessionStatus | None = None) -> list[SessionInfo]:
        query = sa.select(sessions).order_by(sessions.c.created_at.desc(), sessions.c.id).limit(limit)
        if status is not None:
            query = query.where(sessions.c.status == status)
        with self.transaction() as db:
            return [_info(row) for row in db.execute(query).mappings()]


def open_store(url: str) -> SqlStore:
    """The store at an SQLAlchemy URL, brought to the newest schema. Raises ConfigError when it can't be opened."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = _engine(url)
        _migrate(engine)
    except (SQLAlchemyError, OSError, ModuleNotFoundError) as error:
        raise ConfigError(f"the database can't be opened: {str(error).splitlines()[0]}") from error
    return SqlStore(engine)


def _engine(url: str) -> Engine:
    if make_url(url).get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True)
    memory = make_url(url).database in (None, "", ":memory:")
    engine = sa.create_engine(
        url, **({"poolclass": sa.StaticPool} if memory else {}), connect_args={"check_same_thread": False}
    )

    @sa.event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        # WAL lets pages read while an interview writes; FULL makes a committed turn survive a power cut, not only kill -9.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _migrate(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "interviewer.storage:migrations")
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def _info(row: RowMapping) -> SessionInfo:
    return SessionInfo(
        row["id"],
        _SETUP.validate_python(row["setup"]),
        row["status"],
        row["created_at"],
        row["updated_at"],
        row["interviewer"],
        row["questions_asked"],
        row["score"],
    )


def _turn(row: RowMapping) -> Turn:
    return Turn(
        row["number"],
        Speaker(row["speaker"]),
        TurnKind(row["kind"]),
        row["text"],
        row["at"],
        row["question_id"],
        row["key_point_id"],
        row["detail"],
        _PROVENANCE.validate_python(row["provenance"]) if row["provenance"] else None,
        _SPEECH.validate_python(row["speech"]) if row["speech"] else None,
    )
