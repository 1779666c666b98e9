"""Objections to the bank as values: what somebody holds against a reference, and what became of it. Knows of no database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

#: `accepted`: the objection was right, and the bank follows it; `rejected`: the bank stays as it is.
DisputeStatus = Literal["open", "accepted", "rejected"]


@dataclass(frozen=True, slots=True)
class Dispute:
    """One objection. Without a key point it is about the question as a whole. Times are UTC; `settled_at` is None while it is
    open, and for those that were settled before the time was kept."""

    id: int
    question_id: str
    key_point_id: str | None
    session_id: str | None
    text: str
    answer: str
    status: DisputeStatus
    at: datetime
    settled_at: datetime | None = None


def standing(disputes: Iterable[Dispute]) -> dict[str, dict[str, DisputeStatus]]:
    """How objections stand, by question and point ("" for a question as a whole). `disputes` come oldest first: the newest on a
    point is the one that speaks for it."""
    stand: dict[str, dict[str, DisputeStatus]] = {}
    for dispute in disputes:
        stand.setdefault(dispute.question_id, {})[dispute.key_point_id or ""] = dispute.status
    return stand
