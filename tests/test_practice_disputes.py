"""Objections to the bank: kept once, with the answer they are about, until someone has looked at them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from interviewer.domain.errors import StorageError
from interviewer.domain.transcript import Setup
from interviewer.storage import SqlStore, open_store
from interviewer.storage.disputes import LONGEST_OBJECTION, SqlDisputes

T0 = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.fixture
def store() -> Iterator[SqlStore]:
    opened = open_store("sqlite://")
    yield opened
    opened.close()


def test_what_is_filed_stands_in_the_queue_oldest_first(store: SqlStore) -> None:
    kept = SqlDisputes(store)
    later = kept.file("q2", None, "s", "第二条 🙂", "回答", T0 + timedelta(days=1))
    first = kept.file("q1", "p1", None, " RoPE rotates \x00queries too ", "answer", T0)
    assert [d.id for d in kept.open()] == [first, later]
    assert (kept.open()[0].text, kept.open()[0].key_point_id, kept.open()[0].at) == ("RoPE rotates \ufffdqueries too", "p1", T0)
    assert [d.question_id for d in kept.of_session("s")] == ["q2"]


def test_saying_the_same_again_files_nothing_new_until_it_was_looked_at(store: SqlStore) -> None:
    kept = SqlDisputes(store)
    first = kept.file("q1", None, "s", "wrong", "a", T0)
    assert kept.file("q1", None, "s", "wrong ", "a", T0) == first
    assert kept.file("q1", "p1", "s", "wrong", "a", T0) != first
    kept.resolve(first, "rejected", T0)
    assert [d.key_point_id for d in kept.open()] == ["p1"]
    assert [d.status for d in kept.of_session("s")] == ["rejected", "open"]
    assert kept.file("q1", None, "s", "wrong", "a", T0) != first


def test_a_decision_stands_and_the_newest_one_is_told_first(store: SqlStore) -> None:
    kept = SqlDisputes(store)
    ids = [kept.file(f"q{n}", None, "s", "wrong", "a", T0 + timedelta(hours=n)) for n in range(3)]
    assert kept.settled() == []
    kept.resolve(ids[2], "accepted", T0 + timedelta(days=1))
    kept.resolve(ids[0], "rejected", T0 + timedelta(days=2))
    for gone in (ids[0], 99):
        with pytest.raises(StorageError, match="settled before"):
            kept.resolve(gone, "accepted", T0 + timedelta(days=3))
    told = [(d.question_id, d.status, d.settled_at) for d in kept.settled()]
    assert told == [("q0", "rejected", T0 + timedelta(days=2)), ("q2", "accepted", T0 + timedelta(days=1))]
    assert [d.settled_at for d in kept.open()] == [None]


def test_disputes_settled_before_the_time_was_kept_come_last(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    open_store(url).close()
    engine = sa.create_engine(url)
    config = Config()
    config.set_main_option("script_location", "interviewer.storage:migrations")
    config.set_main_option("path_separator", "os")
    with engine.begin() as db:  # as a program of before would have left it
        config.attributes["connection"] = db
        command.downgrade(config, "0002")
        row = {"question_id": "old", "text": "x", "answer": "", "status": "accepted", "at": T0.replace(tzinfo=None)}
        db.execute(sa.Table("disputes", sa.MetaData(), autoload_with=db).insert().values(**row))
    engine.dispose()
    store = open_store(url)
    kept = SqlDisputes(store)
    kept.resolve(kept.file("new", None, None, "y", "", T0), "rejected", T0)
    assert [(d.question_id, d.settled_at) for d in kept.settled()] == [("new", T0), ("old", None)]
    store.close()


def test_an_objection_is_cut_to_its_limit_and_outlives_its_interview(store: SqlStore) -> None:
    session = store.create(Setup(), "built-in", T0)
    kept = SqlDisputes(store)
    kept.file("q1", None, session, "x" * 10_000, "a", T0)
    store.delete(session)
    assert [len(d.text) for d in kept.open()] == [LONGEST_OBJECTION]
