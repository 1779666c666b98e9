"""What to study: the points that were not made, with what the reference says of each and what the candidate said instead.

Knows nothing of retrieval; passages from the library are added by whoever has one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from math import fsum

from interviewer.domain.assessment import MisconceptionFound, PointAssessment, Verdict
from interviewer.domain.questions import LANGS, Bank, Lang, LocalText, Passage, Question
from interviewer.domain.text import sentences, terms_for_search
from interviewer.report.model import QuestionResult, StudyPoint

#: Said wrongly first, then missing, then those of questions passed over, then partly; heavier points first.
_ORDER = [(Verdict.CONTRADICTED, True), (Verdict.MISSING, True), (Verdict.MISSING, False), (Verdict.PARTLY, True)]
#: Ways in which a question ends unanswered because of the candidate, not of the clock.
_PASSED_OVER = frozenset({"skipped", "silence", "off-track"})
#: A sentence of the reference must share this much with a point's statement to be shown as the place where it is made.
_LEAST_SHARED = 0.12
#: Two languages tell the same this far apart at most, as a share of the whole.
_NEAR = 0.15
#: Characters of a passage in which no sentence stands out.
_BEGINNING = 160


def weak_points(questions: Sequence[QuestionResult], bank: Bank) -> tuple[StudyPoint, ...]:
    """Every point worth learning, the most urgent first."""
    points: list[StudyPoint] = []
    for result in questions:
        points += _judged(result, bank) if result.assessment else _unheard(result, bank)
    points = [point for point in points if (point.verdict, point.answered) in _ORDER]
    return tuple(sorted(points, key=lambda p: (_ORDER.index((p.verdict, p.answered)), -p.weight)))


def excerpt(reference: LocalText, statement: LocalText) -> LocalText:
    """The sentence of a reference answer, in each language, that makes a point; empty where none clearly does.

    Where the words tell it in one language only, it is looked for in the other about where it stands in the first: one is
    told in the order of the other.
    """
    found: dict[Lang, str] = {lang: _closest(_in(reference, lang), _in(statement, lang)) for lang in LANGS}
    pairs: tuple[tuple[Lang, Lang], ...] = (("zh", "en"), ("en", "zh"))
    for lang, other in pairs:
        if found[other] and not found[lang]:
            place = _place(_in(reference, other), found[other])
            found[lang] = _closest(_in(reference, lang), _in(statement, lang), about=place)
    return LocalText(found["zh"], found["en"])


def closest(passage: Passage, point: StudyPoint) -> str:
    """The sentence of a passage that has most to do with a point; its beginning where none has."""
    statement = _in(point.statement, passage.lang) or point.statement.get(passage.lang)
    beginning = passage.text if len(passage.text) <= _BEGINNING else passage.text[:_BEGINNING] + "…"
    return _closest(passage.text, statement) or beginning


def passage_title(passage: Passage) -> str:
    """Where a passage comes from, for people: its question, or its document and headings."""
    path = passage.heading if passage.question_id else (passage.source, *passage.heading)
    return " › ".join(path) or passage.source


def _in(text: LocalText, lang: Lang) -> str:
    return text.zh if lang == "zh" else text.en


def _closest(reference: str, statement: str, about: float | None = None) -> str:
    """The sentence that shares most with the statement, if that is enough; or, however little, of those near the place `about`.
    A term counts by how few of the sentences hold it: what every sentence of an answer on LoRA says, such as LoRA, tells none
    of them from the others."""
    pieces = [reference[start:end] for start, end in sentences(reference)]
    held = [_held(piece) for piece in pieces]
    among = Counter(term for terms in held for term in terms)
    wanted = {term: 1 / (1 + among[term]) for term in _held(statement)}
    whole = fsum(wanted.values())  # exact: in a set's changing order rounding would decide between sentences
    if not pieces or not whole:
        return ""
    shares = [fsum(worth for term, worth in wanted.items() if term in terms) / whole for terms in held]
    if about is None:
        best = max(range(len(pieces)), key=lambda i: shares[i])
        return pieces[best].rstrip("；;") if shares[best] >= _LEAST_SHARED else ""
    away = [abs(_place(reference, piece) - about) for piece in pieces]
    near = [i for i in range(len(pieces)) if away[i] <= max(min(away), _NEAR)]
    return pieces[max(near, key=lambda i: (shares[i], -away[i]))].rstrip("；;")


def _place(text: str, piece: str) -> float:
    """Where the middle of a piece is in its text, 0–1."""
    return (text.index(piece) + len(piece) / 2) / len(text)


@lru_cache(4096)
def _held(piece: str) -> frozenset[str]:
    """A sentence's terms; remembered, since each sentence of a reference is looked at for every point of its question."""
    return frozenset(terms_for_search(piece))


def _judged(result: QuestionResult, bank: Bank) -> list[StudyPoint]:
    question = bank.get(result.question_id)
    judged = result.assessment.points if result.assessment else ()
    return [
        StudyPoint(
            result.question_id,
            result.text,
            point.point_id,
            result.statements.get(point.point_id, LocalText(point.statement, point.statement)),
            point.verdict,
            point.weight,
            topic=result.topic,
            probe=_probe(question, point.point_id),
            excerpt=excerpt(result.reference, result.statements.get(point.point_id, LocalText())),
            said=point.evidence.text if point.evidence else "",
            misconceptions=_behind(point, result),
        )
        for point in judged
        if point.verdict is not Verdict.COVERED
    ]


def _unheard(result: QuestionResult, bank: Bank) -> list[StudyPoint]:
    """Every point of a question the candidate passed over; none of one that the end of the interview cut off."""
    question = bank.get(result.question_id)
    if question is None or result.why not in _PASSED_OVER:
        return []
    return [
        StudyPoint(
            question.id,
            question.text,
            point.id,
            point.statement,
            Verdict.MISSING,
            point.weight,
            answered=False,
            topic=question.topic,
            probe=point.probe,
            excerpt=excerpt(question.reference, point.statement),
        )
        for point in question.key_points
    ]


def _probe(question: Question | None, point_id: str) -> LocalText:
    return next((p.probe for p in question.key_points if p.id == point_id), LocalText()) if question else LocalText()


def _behind(point: PointAssessment, result: QuestionResult) -> tuple[MisconceptionFound, ...]:
    """The misconceptions found in the answer that have to do with this point of all: a bank keeps them by question, so each
    goes to the point whose statement shares most with its correction."""
    if result.assessment is None:
        return ()
    statements = {
        p.point_id: _terms(result.statements.get(p.point_id, LocalText(p.statement))) for p in result.assessment.points
    }
    found = []
    for misconception in result.assessment.misconceptions:
        terms = _terms(misconception.correction)
        nearest = max(statements, key=lambda point_id: len(terms & statements[point_id]), default=None)
        if nearest == point.point_id:
            found.append(misconception)
    return tuple(found)


def _terms(text: LocalText) -> frozenset[str]:
    return frozenset().union(*map(_held, text.both()))
