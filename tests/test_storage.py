"""The store's contract, on SQLite in memory, SQLite in a file, and PostgreSQL where INTERVIEWER_TEST_POSTGRES names one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from interviewer.domain.assessment import (
    Assessment,
    Evidence,
    GraderInfo,
    MisconceptionFound,
    PointAssessment,
    Status,
    Verdict,
)
from interviewer.domain.errors import ConfigError, SessionError, StorageError
from interviewer.domain.questions import LocalText
from interviewer.domain.transcript import HeardWord, Provenance, Setup, Speaker, Speech, Turn, TurnKind
from interviewer.ports import Store
from interviewer.storage import open_store
from interviewer.storage.tables import metadata

POSTGRES = os.environ.get("INTERVIEWER_TEST_POSTGRES", "")
T0 = datetime(2026, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
GRADER = GraderInfo("g", "1", "m", "p@1")


@pytest.fixture(params=["memory", "file", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "postgres" and not POSTGRES:
        pytest.skip("INTERVIEWER_TEST_POSTGRES names no database")
    urls = {"memory": "sqlite://", "file": f"sqlite:///{tmp_path / 'deep' / 'a.db'}", "postgres": POSTGRES}
    opened = open_store(urls[request.param])
    yield opened
    for info in opened.list():
        opened.delete(info.id)
    opened.close()


def turn(number: int, kind: TurnKind = TurnKind.ANSWER, **more: object) -> Turn:
    speaker = Speaker.CANDIDATE if kind is TurnKind.ANSWER else Speaker.INTERVIEWER
    return Turn(number, speaker, kind, f"说的话 {number} 🙂", T0 + timedelta(seconds=number), "q1", **more)  # type: ignore[arg-type]


def assessment(question: str, score: float) -> Assessment:
    answer = "student 学 teacher"
    point = PointAssessment("p", "点", 3.0, Verdict.PARTLY, 0.5, 0.5, Evidence.of(answer, 0, 7))
    wrong = MisconceptionFound(LocalText("信", "b"), LocalText("正", "c"), Evidence.of(answer, 8, 9))
    return Assessment(question, Status.GRADED, None, score, score - 5, score + 5, (point,), GRADER, ("echo",), (wrong,), "raw")


def test_what_goes_in_comes_out(store: Store) -> None:
    setup = Setup("en", "real", ("a", "b"), 3, 7, 20, False, 1, 42)
    sid = store.create(setup, "built-in", T0)
    said = [
        turn(1, TurnKind.ASK, provenance=Provenance("e", "m", "p@1", 3, ("x", "y"), "leak")),
        turn(
            2,
            key_point_id="k",
            detail="d",
            speech=Speech(4.5, (HeardWord("说的", 0.2, 0.6, 0.9), HeardWord("话", 1.0, 1.2)), "r"),
        ),
    ]
    for one in said:
        store.add_turn(sid, one)
    store.add_assessment(sid, 2, assessment("q1", 60), T0)
    said.append(turn(60, TurnKind.CLOSE))
    store.add_turn(sid, said[-1])
    kept = store.load(sid)
    assert kept.turns == tuple(said)
    assert kept.assessments == (assessment("q1", 60),)
    assert kept.graded_turns == {"q1": 2}
    assert kept.info.setup == setup
    assert (kept.info.status, kept.info.questions_asked, kept.info.score) == ("finished", 1, 60)
    assert kept.info.created_at == T0
    assert kept.info.updated_at == T0 + timedelta(minutes=1)


def test_the_newest_assessment_counts_and_the_history_keeps_all(store: Store) -> None:
    sid = store.create(Setup(), "x", T0)
    for number, (question, score) in enumerate([("q1", 20.0), ("q2", 50.0), ("q1", 80.0)], 1):
        store.add_assessment(sid, number, assessment(question, score), T0)
    store.add_assessment(sid, 4, Assessment.ungraded("q3", "why", GRADER), T0)
    kept = store.load(sid)
    assert [a.score for a in kept.assessments] == [80, 50, None]
    assert kept.info.score == 65
    assert [(n, a.score) for n, a in store.history(sid)] == [(1, 20), (2, 50), (3, 80), (4, None)]


def test_lists_are_newest_first_and_limited(store: Store) -> None:
    ids = [store.create(Setup(), "x", T0 + timedelta(days=day)) for day in range(3)]
    store.add_turn(ids[0], turn(1, TurnKind.CLOSE))
    assert [info.id for info in store.list(2)] == [ids[2], ids[1]]
    assert [info.id for info in store.list(status="finished")] == [ids[0]]


def test_unknown_and_repeated_things_are_said_clearly(store: Store) -> None:
    sid = store.create(Setup(), "x", T0)
    store.add_turn(sid, turn(1))
    with pytest.raises(SessionError, match="somewhere else"):
        store.add_turn(sid, turn(1))
    for call in (
        lambda: store.load("no"),
        lambda: store.add_turn("no", turn(1)),
        lambda: store.add_assessment("no", 1, assessment("q", 1), T0),
        lambda: store.delete("no"),
    ):
        with pytest.raises(SessionError, match="no interview"):
            call()
    assert len(store.load(sid).turns) == 1


def test_deleting_leaves_nothing(store: Store) -> None:
    sid = store.create(Setup(), "x", T0)
    store.add_turn(sid, turn(1))
    store.add_assessment(sid, 1, assessment("q1", 5), T0)
    store.delete(sid)
    assert store.list() == []
    assert store.history(sid) == []


def test_migrations_and_tables_agree(tmp_path: Path) -> None:
    """What the migrations build is what the code declares, so neither can drift."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    url = f"sqlite:///{tmp_path / 'm.db'}"
    open_store(url).close()
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    open_store(url).close()  # a second time nothing is left to do


def test_a_database_that_cannot_be_opened_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "junk.db").write_bytes(b"this is no database at all" * 100)
    for url in (f"sqlite:///{tmp_path / 'junk.db'}", "nonsense://x", f"sqlite:///{tmp_path / 'junk.db' / 'below.db'}"):
        with pytest.raises(ConfigError, match=r"can't be opened: [^\n]+$"):
            open_store(url)


def test_kill_9_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'k.db'}"
    program = f"""
import os, signal
from datetime import UTC, datetime
from interviewer.domain.transcript import Setup, Speaker, Turn, TurnKind
from interviewer.storage import open_store
store = open_store({url!r})
sid = store.create(Setup(), "x", datetime.now(UTC))
for n in range(1, 51):
    store.add_turn(sid, Turn(n, Speaker.CANDIDATE, TurnKind.ANSWER, "text", datetime.now(UTC), "q"))
print(sid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    store = open_store(url)
    assert len(store.load(done.stdout.strip()).turns) == 50
    store.close()


def test_a_database_that_stays_locked_is_said_in_one_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'l.db'}"
    store = open_store(url)
    sid = store.create(Setup(), "x", T0)
    with store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=50")
    other = sa.create_engine(url)
    with other.connect() as holder:
        holder.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match=r"can't be used: database is locked$"):
            store.add_turn(sid, turn(1))
        holder.exec_driver_sql("ROLLBACK")
    store.add_turn(sid, turn(1))
    other.dispose()
    store.close()
