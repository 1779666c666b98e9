"""All interviews at a glance, in a query each: what was asked and when, who spoke, and what was made of the answers.

Reads only. A list of a hundred interviews, or the charts over them, must not load every transcript there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from interviewer.domain.assessment import Verdict
from interviewer.domain.review import Answered
from interviewer.domain.transcript import Speaker, TurnKind
from interviewer.storage.sql import SqlStore
from interviewer.storage.tables import assessments, confidences, sessions, turns

#: Turns whose assessment counts.
_ANSWERS = (TurnKind.ANSWER.value, TurnKind.DONT_KNOW.value)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question put to the candidate. `wording` is which of its wordings was used, 0 the first."""

    session_id: str
    question_id: str
    text: str
    at: datetime
    wording: int = 0


class SqlArchive:
    """Views over a store's database."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    def asked(self) -> list[Asked]:
        """Every question that was asked, oldest first."""
        query = (
            sa.select(turns.c.session_id, turns.c.question_id, turns.c.text, turns.c.at)
            .where(turns.c.kind == TurnKind.ASK.value, turns.c.question_id.is_not(None))
            .order_by(turns.c.at, turns.c.session_id, turns.c.number)
        )
        with self._store.transaction() as db:
            plans = {row.id: row.setup.get("plan") or () for row in db.execute(sa.select(sessions.c.id, sessions.c.setup))}
            rows = db.execute(query).all()
        wordings = {(sid, entry["question_id"]): entry["wording"] for sid, plan in plans.items() for entry in plan}
        return [Asked(*row, wording=wordings.get((row.session_id, row.question_id), 0)) for row in rows]

    def speakers(self) -> dict[str, str]:
        """The models that spoke in each interview, by its id; interviews that the built-in interviewer held alone are left
        out. Names are joined in the order in which they first spoke."""
        model = turns.c.provenance["model"].as_string()
        query = sa.select(turns.c.session_id, model.label("model")).where(
            turns.c.speaker == Speaker.INTERVIEWER.value, model.is_not(None)
        )
        found: dict[str, dict[str, None]] = {}
        with self._store.transaction() as db:
            for row in db.execute(query.order_by(turns.c.session_id, turns.c.number)):
                found.setdefault(row.session_id, {})[row.model] = None
        return {session_id: ", ".join(names) for session_id, names in found.items()}

    def answers(self) -> list[Answered]:
        """What was made of each question's answer in each interview, oldest first. Left out is what isn't settled or not
        to be seen yet: the question that is under way in a running interview, and all of a real one that is running. Whatever
        else was judged, such as a further try once the question was over, doesn't count either."""
        judged = sa.and_(turns.c.session_id == assessments.c.session_id, turns.c.number == assessments.c.turn_number)
        newest = (
            sa.select(sa.func.max(assessments.c.id))
            .join(turns, judged)
            .where(turns.c.kind.in_(_ANSWERS))
            .group_by(assessments.c.session_id, assessments.c.question_id)
        )
        columns = (assessments.c.session_id, assessments.c.question_id, assessments.c.at, assessments.c.score)
        sure = sa.and_(
            confidences.c.session_id == assessments.c.session_id, confidences.c.question_id == assessments.c.question_id
        )
        query = (
            sa.select(*columns, confidences.c.percent, assessments.c.payload, sessions.c.setup, sessions.c.status)
            .join(sessions, sessions.c.id == assessments.c.session_id)
            .outerjoin(confidences, sure)
            .where(assessments.c.id.in_(newest))
            .order_by(assessments.c.at, assessments.c.id)
        )
        asked = (
            sa.select(turns.c.session_id, turns.c.question_id)
            .join(sessions, sessions.c.id == turns.c.session_id)
            .where(turns.c.kind == TurnKind.ASK.value, sessions.c.status == "running")
            .order_by(turns.c.session_id, turns.c.number)
        )
        with self._store.transaction() as db:
            under_way = {row.session_id: row.question_id for row in db.execute(asked)}  # the last one asked stays
            rows = db.execute(query).all()
        return [
            Answered(*row[:5], {point["point_id"]: Verdict(point["verdict"]) for point in row.payload["points"]})
            for row in rows
            if row.session_id not in under_way
            or (row.setup["mode"] == "practice" and under_way[row.session_id] != row.question_id)
        ]
