"""What to practise next and how it has been going: from the kept answers and review cards to a sitting and to an overview.

The place where the record, the bank and the clock come together; the deciding is `dialogue.planning`'s, the counting
`report.progress`'s. Holds no interview and grades nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from interviewer.dialogue.planning import Record, due_points, plan_sitting
from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import Bank, Lang
from interviewer.domain.review import Card, end_of_day
from interviewer.domain.transcript import Setup
from interviewer.ports import Clock
from interviewer.report.progress import Overview, overview
from interviewer.storage.archive import SqlArchive
from interviewer.storage.reviews import SqlReviews

#: A sitting small enough for every day.
MINUTES = 10


class Coach:
    """One person's progress; this program keeps one person's interviews."""

    def __init__(
        self,
        reviews: SqlReviews,
        archive: SqlArchive,
        bank: Callable[[], Bank],
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self._reviews, self._archive, self._bank, self._clock = reviews, archive, bank, clock

    def due(self) -> list[Card]:
        """The points due today, most overdue first. Points that have left the bank are not."""
        return due_points(self._bank(), self._reviews.due(end_of_day(self._clock())))

    def sitting(self, lang: Lang) -> Setup:
        """Ten minutes of practice in `lang`. The same day and the same record give the same one. Raises InterviewerError when
        the bank is empty."""
        asked = self._archive.asked()
        # Put in again at each asking, so that the dictionary's order is that of the latest one.
        last_wording: dict[str, int] = {}
        for question in asked:
            last_wording.pop(question.question_id, None)
            last_wording[question.question_id] = question.wording
        record = Record(self.due(), self._archive.answers(), last_wording)
        # What was asked so far is part of the seed: a second sitting on one day brings other questions.
        seed = f"{self._clock().astimezone().date()}/{len(asked)}"
        plan = plan_sitting(self._bank(), record, MINUTES, seed)
        if not plan:
            raise InterviewerError("the question bank is empty")
        return Setup(lang, "practice", questions=len(plan), minutes=MINUTES, follow_ups=1, plan=plan)

    def overview(self) -> Overview:
        """Progress over everything that was kept and may be shown."""
        answers, cards = self._archive.answers(), self._reviews.all()
        return overview(answers, cards, self._bank(), self._clock().astimezone().date())
