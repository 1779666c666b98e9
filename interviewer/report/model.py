"""What a report says, as values. `build` computes them from the record of an interview; nothing here grades anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from interviewer.domain.assessment import Assessment, MisconceptionFound, PointAssessment, Verdict
from interviewer.domain.delivery import Delivery
from interviewer.domain.questions import Lang, LocalText, Passage, Reading
from interviewer.domain.transcript import SessionInfo, Turn

_NOTHING = LocalText()


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

    def statement(self, point: PointAssessment, lang: Lang) -> str:
        """A judged point's claim in `lang`; as it was judged where the bank no longer has it."""
        return self.statements.get(point.point_id, LocalText()).get(lang) or point.statement

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
