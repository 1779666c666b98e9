"""Reports put together from what different parts know: the record, the bank, how answers were said, how sure the candidate was,
and what the library has on what they missed.

Each of them is looked up here, because the parts themselves know nothing of one another. Nothing is graded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from interviewer.dialogue.planned import as_planned
from interviewer.domain.disputes import Dispute
from interviewer.domain.questions import Bank, Lang, Passage
from interviewer.ports import Retriever, Store
from interviewer.report import Report, StudyPoint, build_report
from interviewer.voice.delivery import measure

log = logging.getLogger(__name__)

#: Passages looked through for each point to study, and the most that are shown.
HITS, SHOWN = 40, 2
#: The least share of the best hit's score, which is the point itself, that a passage must have. By eye on a hundred points of
#: the bank: below it a passage only sounds alike, and about a fifth of the points have one above it.
NEARNESS: dict[Lang, float] = {"zh": 0.35, "en": 0.5}


class Reports:
    """Makes the reports of one installation. For a session's id `confidences` gives percent by question id, and `disputes` what
    was filed against the bank from it, oldest first."""

    def __init__(
        self,
        store: Store,
        bank: Callable[[], Bank],
        retriever: Callable[[], Retriever],
        confidences: Callable[[str], Mapping[str, int]],
        disputes: Callable[[str], Sequence[Dispute]] = lambda _: (),
    ) -> None:
        self._store, self._bank, self._retriever = store, bank, retriever
        self._confidences, self._disputes = confidences, disputes

    def report(self, session_id: str) -> Report:
        """The report as of now. Raises SessionError."""
        stored = self._store.load(session_id)
        asked = dict.fromkeys(turn.question_id for turn in stored.turns if turn.question_id)
        measured = {question_id: measure(stored.turns, question_id) for question_id in asked}
        deliveries = {question_id: delivery for question_id, delivery in measured.items() if delivery}
        bank = as_planned(self._bank(), stored.info.setup.plan)
        history = dict(self._store.history(session_id))
        return build_report(stored, bank, deliveries, self._confidences(session_id), history, self._disputes(session_id))

    def full_report(self, session_id: str) -> Report:
        """The report with passages on what to study next, which takes a search for each point. Raises SessionError."""
        report = self.report(session_id)
        lang = report.session.setup.lang
        study = tuple(replace(point, passages=self._on(point, lang)) for point in report.study_next)
        return replace(report, study_next=study, weak_points=(*study, *report.weak_points[len(study) :]))

    def _on(self, point: StudyPoint, lang: Lang) -> tuple[Passage, ...]:
        """What else the library has on a point: documents, and other questions' references in the interview's language. What
        its own question has is in the report already. Nothing when there is no usable index."""
        try:
            hits = self._retriever().search(point.statement.get(lang), HITS)
        except Exception:
            log.exception("no passages on %s", point.point_id)
            return ()
        near = [hit.passage for hit in hits if hit.score >= NEARNESS[lang] * hits[0].score]
        others = [passage for passage in near if passage.question_id != point.question_id]
        worth_reading = [p for p in others if p.question_id is None or f"#reference.{lang}" in p.source]
        once = {passage.question_id or passage.id: passage for passage in reversed(worth_reading)}
        return tuple(reversed(once.values()))[:SHOWN]
