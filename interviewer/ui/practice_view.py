"""What practising adds to a question in the feedback panel: how sure the candidate was, what hints cost, a second answer beside
the first, and what they object to. Pure: values in, values out; markup is in templates/feedback.html and assessment.html."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from interviewer.domain.disputes import Dispute, DisputeStatus, standing
from interviewer.domain.practice import Change, PointChange, Retry, best_score, changes
from interviewer.domain.questions import Bank, Question
from interviewer.domain.transcript import answer_text
from interviewer.report.words import SIGNS, hints_word, word
from interviewer.session import QuestionClosed
from interviewer.ui.assessed import QuestionView, question_view
from interviewer.ui.live import Snapshot
from interviewer.ui.words import Words

#: How sure one can be, in percent. Four steps: finer ones are guessed, and take longer.
SURE = (25, 50, 75, 100)
_SIGNS = {Change.GAINED: "+", Change.LOST: "−", Change.SAME: "="}


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One point in the first answer and in a further one: each with sign and word, and `change` for the style sheet."""

    point_id: str
    change: str
    sign: str
    word: str
    statement: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class AgainView:
    """The newest further answer to a question. `summary` sets its score beside the first, `rows` its points."""

    summary: str
    best: str
    rows: tuple[ChangeView, ...]
    view: QuestionView


@dataclass(frozen=True, slots=True)
class PracticeView:
    """What stands with one closed question. While `waiting` nothing of its assessment may be shown. `disputed` says what became
    of the candidate's objections, by point, "" for the question as a whole."""

    question_id: str
    waiting: bool
    sure: str
    hinted: str
    again: AgainView | None
    disputed: Mapping[str, DisputeStatus]


def practice_views(
    snapshot: Snapshot, bank: Bank, words: Words, disputes: Iterable[Dispute] = ()
) -> Mapping[int, PracticeView]:
    """By the question's place in the interview, from 1. Empty for a real interview that is running."""
    if not snapshot.shows_grades:
        return {}
    stand = standing(disputes)
    return {
        number: PracticeView(
            question_id=closed.question_id,
            waiting=closed.question_id == snapshot.waiting,
            sure=_sure(snapshot, closed.question_id, words),
            hinted=hints_word(closed.hinted, closed.assessment.score if closed.assessment else None, words.lang),
            again=_again(closed, number, bank.get(closed.question_id), snapshot, words),
            disputed=stand.get(closed.question_id, {}),
        )
        for number, closed in enumerate(snapshot.closed, start=1)
    }


def _sure(snapshot: Snapshot, question_id: str, words: Words) -> str:
    percent = snapshot.sure.get(question_id)
    return "" if percent is None else words("sure_said", percent=percent)


def _again(
    closed: QuestionClosed, number: int, question: Question | None, snapshot: Snapshot, words: Words
) -> AgainView | None:
    if not closed.retries:
        return None
    newest = closed.retries[-1]
    first = closed.assessment
    best = best_score(first, closed.retries)
    compared = changes(first, newest.assessment) if first and newest.assessment else ()
    lang = snapshot.setup.lang
    statements = {p.id: p.statement.get(lang) for p in question.key_points} if question else {}
    statements = {p.point_id: p.statement for p in first.points} | statements if first else statements
    return AgainView(
        summary=_summary(closed, newest, answer_text(snapshot.turns, closed.question_id), words),
        best="" if best is None else words("again_best", score=round(best)),
        rows=tuple(change_view(change, statements[change.point_id], words) for change in compared),
        view=question_view(number, question, "", newest.answer, newest.assessment, None, lang, words),
    )


def _summary(closed: QuestionClosed, newest: Retry, answer: str, words: Words) -> str:
    before = closed.assessment.score if closed.assessment else None
    after = newest.assessment.score if newest.assessment else None
    if after is None:
        return words("again_ungraded", n=len(closed.retries))
    if before is None or not answer:
        return words("again_score", n=len(closed.retries), score=round(after))
    return words("again_scores", n=len(closed.retries), score=round(after), first=round(before))


def change_view(change: PointChange, statement: str, words: Words) -> ChangeView:
    """What became of one point, in words."""
    return ChangeView(
        point_id=change.point_id,
        change=change.change.value,
        sign=_SIGNS[change.change],
        word=word(f"change.{change.change.value}", words.lang),
        statement=statement,
        before=f"{SIGNS[change.before]} {word(change.before.value, words.lang)}",
        after=f"{SIGNS[change.after]} {word(change.after.value, words.lang)}",
    )
