"""What a report says, as values. `build` computes them from the record of an interview; nothing here grades anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from interviewer.domain.assessment import Assessment, MisconceptionFound, PointAssessment, Verdict
from interviewer.domain.delivery import Delivery
from interviewer.domain.disputes import Dispute
from interviewer.domain.practice import Hinted, PointChange, Retry
from interviewer.domain.questions import Lang, LocalText, Passage, Reading
from interviewer.domain.transcript import SessionInfo, Turn

_NOTHING = LocalText()


@dataclass(frozen=True, slots=True)
class Again:
    """A question's further answers, oldest first: none of them counts. `best` is the best of their scores, 0–100, None when
    none was graded; `gained` are the points that one of them made better than the first answer."""

    answers: tuple[Retry, ...]
    best: float | None
    gained: tuple[PointChange, ...]


@dataclass(frozen=True, slots=True)
class QuestionResult:
    """One question that was asked. `answer` is what the evidence spans count in; `why` is why it ended, None while it runs.

    `reference`, `text` and `topic` come from the bank as it is now; a question that has left it keeps its asked wording.
    """

    question_id: str
    topic: str
    level: int
    text: LocalText
    answer: str
    assessment: Assessment | None
    hints: int
    follow_ups: int
    why: str | None
    reference: LocalText
    #: Works to read on it, from the bank.
    reading: tuple[Reading, ...] = ()
    #: Statements of the key points in both languages, by point id, where the bank has them.
    statements: Mapping[str, LocalText] = field(default_factory=dict)
    #: How it was said; None where nothing was answered.
    delivery: Delivery | None = None
    #: How sure the candidate was before seeing the grade, in percent; None where that wasn't asked.
    confidence: int | None = None
    #: What its hints cost, and what answering it again came to; None where there was none of it.
    hinted: Hinted | None = None
    again: Again | None = None
    #: What the candidate filed against its reference from this interview, oldest first.
    disputes: tuple[Dispute, ...] = ()

    def statement(self, point_id: str, lang: Lang) -> str:
        """A judged point's claim in `lang`; as it was judged where the bank no longer has it. KeyError for any other point."""
        known = self.statements.get(point_id, _NOTHING).get(lang)
        return known or {p.point_id: p.statement for p in self._judged()}[point_id]

    def _judged(self) -> Iterator[PointAssessment]:
        """The points of all answers, those of the first last."""
        further = [retry.assessment for retry in self.again.answers] if self.again else []
        for assessment in (*further, self.assessment):
            yield from assessment.points if assessment else ()

    @property
    def score(self) -> float | None:
        return self.assessment.score if self.assessment and self.assessment.graded else None


@dataclass(frozen=True, slots=True)
class TopicScore:
    """Mean score 0–100 over a topic's graded questions (None when none was), with how many were asked."""

    topic: str
    title: LocalText
    score: float | None
    questions: int


@dataclass(frozen=True, slots=True)
class StudyPoint:
    """A key point worth learning next: it was missing, said in part or said wrongly, or its question was passed over, which
    is what `answered` tells apart (the verdict is then `missing`).

    `probe` asks for the point without naming it, `excerpt` is where the reference answer makes it, `said` what the candidate
    said of it, and `passages` are what else the library has on it, best first.
    """

    question_id: str
    question: LocalText
    point_id: str
    statement: LocalText
    verdict: Verdict
    weight: float
    answered: bool = True
    topic: str = ""
    probe: LocalText = _NOTHING
    excerpt: LocalText = _NOTHING
    said: str = ""
    misconceptions: tuple[MisconceptionFound, ...] = ()
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True)
class Sureness:
    """How sure the candidate was of one answer, in percent, beside what it scored, 0–100. `number` counts from 1."""

    number: int
    question_id: str
    percent: int
    score: float

    @property
    def gap(self) -> float:
        """Points by which the candidate expected too much; negative for too little."""
        return self.percent - self.score


@dataclass(frozen=True, slots=True)
class Report:
    """A session at a glance. `score`, `low`, `high` are means over graded questions, 0–100, None when none was graded;
    `minutes` leaves out absences, as the interview's clock does."""

    session: SessionInfo
    minutes: float
    score: float | None
    low: float | None
    high: float | None
    questions: tuple[QuestionResult, ...]
    topics: tuple[TopicScore, ...]
    study_next: tuple[StudyPoint, ...]
    turns: tuple[Turn, ...]
    #: All of them, of which `study_next` are the first.
    weak_points: tuple[StudyPoint, ...] = ()
    #: Confident and wrong first.
    sureness: tuple[Sureness, ...] = ()

    @property
    def graded(self) -> int:
        """Questions with a score."""
        return sum(q.score is not None for q in self.questions)

    @property
    def ungraded(self) -> int:
        """Questions that were answered but could not be graded."""
        return sum(q.assessment is not None and not q.assessment.graded for q in self.questions)

    @property
    def skipped(self) -> int:
        """Questions without any answer to grade."""
        return sum(q.assessment is None for q in self.questions)
