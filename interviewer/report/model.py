"""What a report says, computed from the stored turns and assessments. Never grades anything again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import fmean

from interviewer.domain.assessment import Assessment, PointAssessment, Verdict
from interviewer.domain.questions import Bank, Lang, LocalText, Reading
from interviewer.domain.transcript import SessionInfo, Turn, TurnKind, active_seconds, answer_text
from interviewer.ports import StoredSession

#: How many points to study next are listed: more is a wall nobody reads.
STUDY_POINTS = 6
#: Ways in which a question ends unanswered because of the candidate, not of the clock.
_PASSED_OVER = frozenset({"skipped", "silence", "off-track"})


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
    is what `answered` tells apart (the verdict is then `missing`)."""

    question_id: str
    question: LocalText
    point_id: str
    statement: LocalText
    verdict: Verdict
    weight: float
    answered: bool = True


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


def build_report(stored: StoredSession, bank: Bank) -> Report:
    """The report of a session as it stands, running or finished."""
    assessments = {a.question_id: a for a in stored.assessments}
    asked = [turn for turn in stored.turns if turn.kind is TurnKind.ASK and turn.question_id]
    questions = tuple(_result(turn, stored.turns, assessments.get(turn.question_id or ""), bank) for turn in asked)
    graded = [a for q in questions if (a := q.assessment) and a.graded]
    return Report(
        session=replace(stored.info, interviewer=_interviewer(stored)),
        minutes=sum(active_seconds(a.at, b.at) for a, b in pairwise(stored.turns)) / 60,
        score=fmean(a.score or 0.0 for a in graded) if graded else None,
        low=fmean(a.low or 0.0 for a in graded) if graded else None,
        high=fmean(a.high or 0.0 for a in graded) if graded else None,
        questions=questions,
        topics=_topics(questions, bank),
        study_next=_study_next(questions, bank),
        turns=stored.turns,
    )


def _interviewer(stored: StoredSession) -> str:
    """Who spoke: the models that did, though the built-in interviewer may have begun while one was loading."""
    models = dict.fromkeys(turn.provenance.model for turn in stored.turns if turn.provenance and turn.provenance.model)
    return ", ".join(name for name in models if name) or stored.info.interviewer


def _result(ask: Turn, turns: tuple[Turn, ...], assessment: Assessment | None, bank: Bank) -> QuestionResult:
    question_id = ask.question_id or ""
    question = bank.get(question_id)
    about = [turn for turn in turns if turn.question_id == question_id]
    after = [turn for turn in turns if turn.number > ask.number and turn.kind in (TurnKind.ASK, TurnKind.CLOSE)]
    return QuestionResult(
        question_id=question_id,
        topic=question.topic if question else "",
        level=question.level if question else 0,
        text=question.text if question else LocalText(zh=ask.text, en=ask.text),
        answer=answer_text(turns, question_id),
        assessment=assessment,
        hints=sum(turn.kind is TurnKind.HINT for turn in about),
        follow_ups=sum(turn.kind is TurnKind.FOLLOW_UP for turn in about),
        why=(after[0].detail or "").rpartition("/")[2] if after else None,
        reference=question.reference if question else LocalText(),
        reading=question.reading if question else (),
        statements={p.id: p.statement for p in question.key_points} if question else {},
    )


def _topics(questions: tuple[QuestionResult, ...], bank: Bank) -> tuple[TopicScore, ...]:
    grouped: dict[str, list[QuestionResult]] = {}
    for result in questions:
        grouped.setdefault(result.topic, []).append(result)
    out = []
    for topic, results in grouped.items():
        scores = [r.score for r in results if r.score is not None]
        title = bank.topics.get(topic, LocalText(zh=topic, en=topic))
        out.append(TopicScore(topic, title, fmean(scores) if scores else None, len(results)))
    return tuple(out)


def _study_next(questions: tuple[QuestionResult, ...], bank: Bank) -> tuple[StudyPoint, ...]:
    """Said wrongly first, then missing, then those of questions passed over, then partly; heavier points first."""
    order = [(Verdict.CONTRADICTED, True), (Verdict.MISSING, True), (Verdict.MISSING, False), (Verdict.PARTLY, True)]
    points = []
    for result in questions:
        points += _judged_points(result) if result.assessment else _unheard_points(result, bank)
    points = [point for point in points if (point.verdict, point.answered) in order]
    points.sort(key=lambda p: (order.index((p.verdict, p.answered)), -p.weight))
    return tuple(points[:STUDY_POINTS])


def _judged_points(result: QuestionResult) -> list[StudyPoint]:
    points = []
    for point in result.assessment.points if result.assessment else ():
        statement = result.statements.get(point.point_id, LocalText(point.statement, point.statement))
        points.append(StudyPoint(result.question_id, result.text, point.point_id, statement, point.verdict, point.weight))
    return points


def _unheard_points(result: QuestionResult, bank: Bank) -> list[StudyPoint]:
    """Every point of a question the candidate passed over; none of one that the end of the interview cut off."""
    question = bank.get(result.question_id)
    if question is None or result.why not in _PASSED_OVER:
        return []
    return [
        StudyPoint(question.id, question.text, point.id, point.statement, Verdict.MISSING, point.weight, answered=False)
        for point in question.key_points
    ]
