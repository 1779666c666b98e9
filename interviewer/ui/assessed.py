"""An assessed question as the feedback panel and the report show it. Pure: values in, values out; markup is in templates/."""

from __future__ import annotations

from dataclasses import dataclass

from interviewer.domain.assessment import Assessment, PointAssessment, Verdict
from interviewer.domain.delivery import Delivery, SpokenPiece
from interviewer.domain.questions import Lang, Question, Reading
from interviewer.report.delivery import DeliveryText, delivery_text
from interviewer.report.study import excerpt
from interviewer.report.words import SIGNS, end_word, flag_word, word
from interviewer.ui.marking import Piece, highlighted
from interviewer.ui.words import Words


@dataclass(frozen=True, slots=True)
class PointView:
    id: str
    verdict: str
    icon: str
    word: str
    statement: str
    quote: str
    #: Where the reference makes a point that was not made, or not wholly.
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """How a question was answered, apart from what was said: in words, and as it was heard where it was spoken."""

    text: DeliveryText
    transcript: tuple[SpokenPiece, ...]


@dataclass(frozen=True, slots=True)
class MisconceptionView:
    belief: str
    correction: str
    quote: str


@dataclass(frozen=True, slots=True)
class QuestionView:
    """One question that is over. Numbers are rounded, 0–100; `score` is None when there is none, and `status` then says why."""

    number: int
    text: str
    topic: str
    why: str
    score: int | None
    low: int | None
    high: int | None
    status: str
    answer: tuple[Piece, ...]
    points: tuple[PointView, ...]
    misconceptions: tuple[MisconceptionView, ...]
    flags: tuple[str, ...]
    reference: str
    reading: tuple[Reading, ...] = ()
    delivery: DeliveryView | None = None
    question_id: str = ""


def question_view(
    number: int,
    question: Question | None,
    topic: str,
    answer: str,
    assessment: Assessment | None,
    why: str | None,
    lang: Lang,
    words: Words,
    delivery: Delivery | None = None,
) -> QuestionView:
    """`lang` is the interview's language, for the texts of the bank; `words` are the interface's."""
    graded = assessment is not None and assessment.graded
    return QuestionView(
        number=number,
        text=question.text.get(lang) if question else "",
        topic=topic,
        why=end_word(why, words.lang),
        score=_rounded(assessment.score) if assessment and graded else None,
        low=_rounded(assessment.low) if assessment and graded else None,
        high=_rounded(assessment.high) if assessment and graded else None,
        status=_status(assessment, words),
        answer=highlighted(answer, assessment),
        points=tuple(_point(p, question, lang, words) for p in assessment.points) if assessment else (),
        misconceptions=tuple(
            MisconceptionView(m.belief.get(lang), m.correction.get(lang), m.evidence.text) for m in assessment.misconceptions
        )
        if assessment
        else (),
        flags=tuple(flag_word(flag, words.lang) for flag in assessment.flags) if assessment else (),
        reference=question.reference.get(lang) if question else "",
        reading=question.reading if question else (),
        question_id=question.id if question else "",
        delivery=DeliveryView(delivery_text(delivery, words.lang), delivery.transcript) if delivery else None,
    )


def _point(point: PointAssessment, question: Question | None, lang: Lang, words: Words) -> PointView:
    known = next((k for k in question.key_points if k.id == point.point_id), None) if question else None
    return PointView(
        id=point.point_id,
        verdict=point.verdict.value,
        icon=SIGNS[point.verdict],
        word=word(point.verdict.value, words.lang),
        statement=known.statement.get(lang) if known else point.statement,
        quote=point.evidence.text if point.evidence else "",
        excerpt=excerpt(question.reference, known.statement).get(lang)
        if question and known and point.verdict is not Verdict.COVERED
        else "",
    )


def _status(assessment: Assessment | None, words: Words) -> str:
    if assessment is None:
        return words("unanswered")
    return "" if assessment.graded else words("ungraded", reason=words.problem(assessment.reason or ""))


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)
