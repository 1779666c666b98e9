"""The queue of disputes on the question bank's page: the open ones to be settled, below them what became of the others.

Settling only records a decision; a point is changed in the question's form, which each dispute leads to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import gradio as gr

from interviewer.domain.disputes import Dispute
from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import Bank, Question
from interviewer.ui.html import render
from interviewer.ui.room import warn
from interviewer.ui.words import Words
from interviewer.wiring import Parts

#: Settled disputes that are listed; older ones are only counted.
SETTLED = 50


@dataclass(frozen=True, slots=True)
class DisputeRow:
    """An objection with what it is about; `question` is None when that is no longer in the bank, `settled` empty while the
    dispute is open and where it was settled before that was noted."""

    dispute: Dispute
    question: Question | None
    point: str
    when: str
    settled: str


def dispute_rows(disputes: Iterable[Dispute], bank: Bank, words: Words) -> list[DisputeRow]:
    """The disputes in their order."""
    rows = []
    for dispute in disputes:
        question = bank.get(dispute.question_id)
        points = question.key_points if question else ()
        statement = next((p.statement.get(words.lang) for p in points if p.id == dispute.key_point_id), "")
        rows.append(DisputeRow(dispute, question, statement, _when(dispute.at), _when(dispute.settled_at)))
    return rows


def _when(at: datetime | None) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M") if at else ""


class DisputeQueue:
    """Shows the queue and settles what is in it. `version` gives every text a new number, so that the page acts on it."""

    def __init__(self, parts: Parts, words: Words, version: Callable[[], int]) -> None:
        self._parts, self._words, self._version = parts, words, version

    def html(self, focus: bool = False) -> str:
        """The queue as it is now; `focus` puts the keyboard where it begins."""
        kept, bank, words = self._parts.disputes, self._parts.bank, self._words
        settled = kept.settled()
        return render(
            "bank_disputes",
            words,
            rows=dispute_rows(kept.open(), bank, words),
            settled=dispute_rows(settled[:SETTLED], bank, words),
            settled_n=len(settled),
            focus=focus,
            version=self._version(),
        )

    def settle(self, dispute: Any, accepted: bool) -> str:
        """Record the decision on a dispute, given as its number, and return the queue without it. Raises ValueError for what is
        no number; somebody else having been quicker is told, and the queue shows what they decided."""
        try:
            self._parts.disputes.resolve(int(str(dispute)), "accepted" if accepted else "rejected", datetime.now(UTC))
            gr.Info(self._words("bank_resolved"), duration=3, title=self._words("title"))
        except InterviewerError as error:
            warn(self._words, self._words.problem(str(error)))
        return self.html(focus=True)
