"""How sure somebody was is kept per question, replaced when said again, and goes with its interview."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from interviewer.domain.errors import SessionError
from interviewer.domain.transcript import Setup
from interviewer.storage import open_store
from interviewer.storage.confidences import SqlConfidences
from interviewer.storage.sql import SqlStore

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture
def store() -> Iterator[SqlStore]:
    store = open_store("sqlite://")
    yield store
    store.close()


def test_the_last_word_on_each_question_is_kept(store: SqlStore) -> None:
    kept = SqlConfidences(store)
    one, other = (store.create(Setup(), "built-in", AT) for _ in range(2))
    for session, question, percent in [(one, "q1", 20), (one, "q2", 100), (other, "q1", 0), (one, "q1", 75)]:
        kept.put(session, question, percent, AT)
    assert kept.of_session(one) == {"q1": 75, "q2": 100}
    assert kept.of_session(other) == {"q1": 0}
    store.delete(one)
    assert kept.of_session(one) == {}
    assert kept.of_session(other) == {"q1": 0}


def test_what_is_no_percentage_or_no_interview_is_refused(store: SqlStore) -> None:
    kept = SqlConfidences(store)
    session = store.create(Setup(), "built-in", AT)
    for percent in (-1, 101):
        with pytest.raises(ValueError, match="no percentage"):
            kept.put(session, "q1", percent, AT)
    with pytest.raises(SessionError):
        kept.put("nobody", "q1", 50, AT)
    assert kept.of_session(session) == {}
