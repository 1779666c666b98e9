"""The interviewer's next move: a pure function of the state and the bank.

Aims follow-ups at the heaviest key point that is missing or contradicted, hands out hints one step at a time, bounds
everything a candidate can repeat, and never asks a question or a probe twice. Knows no wording and no model.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from interviewer.dialogue.choosing import choose_question
from interviewer.dialogue.state import DECLINED, EndOfInterview, EndOfQuestion, State, Thread
from interviewer.domain.assessment import Verdict
from interviewer.domain.practice import rungs
from interviewer.domain.questions import Bank, KeyPoint, Question
from interviewer.domain.transcript import TurnKind

#: An answer is enough when every essential point (the heaviest weight) is covered and this share of all weight is credited.
SUFFICIENT_CREDIT = 0.8
MAX_CLARIFICATIONS = 3
MAX_REDIRECTS = 3
MAX_DECLINED = 6
MAX_SILENCES = 3
#: With less time than this nothing new is started, neither a follow-up nor a question: the interview closes.
SECONDS_FOR_AN_ANSWER = 45.0


@dataclass(frozen=True, slots=True)
class Move:
    """What the interviewer does next. `detail` is what the turn records; `step` is a hint's rung, from 1.

    `cause` is the candidate's utterance that is being answered, for wording.
    """

    kind: TurnKind
    question_id: str | None = None
    key_point_id: str | None = None
    step: int = 0
    detail: str | None = None
    cause: TurnKind | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """What the policy may draw on: the bank, and questions the person was asked in recent interviews (asked again last)."""

    bank: Bank
    recent: frozenset[str] = field(default_factory=frozenset)


def next_move(state: State, material: Material) -> Move | None:
    """The move that is due, or None while it is the candidate's turn or the interview is over."""
    if state.closed is not None:
        return None
    if state.owed is TurnKind.END:
        return _close(state, EndOfInterview.ASKED_TO_STOP, EndOfQuestion.ENDED)
    if not state.opened:
        return Move(TurnKind.OPEN)
    if state.thread is None:
        return _ask_next(state, material, None)
    if state.owed is None:
        return None
    question = material.bank.get(state.thread.question_id)
    if question is None:  # the person removed it from the bank meanwhile
        return _ask_next(state, material, EndOfQuestion.UNGRADED)
    left = state.seconds_left
    if left is not None and left <= 0:
        return _close(state, EndOfInterview.TIME, EndOfQuestion.TIME)
    return _reply(state, state.thread, question, material)


def _reply(state: State, thread: Thread, question: Question, material: Material) -> Move:
    owed = state.owed
    if owed is TurnKind.ANSWER:
        return _after_answer(state, thread, question, material)
    if owed is TurnKind.SKIP:
        return _ask_next(state, material, EndOfQuestion.SKIPPED)
    if owed is TurnKind.DONT_KNOW:
        return _after_dont_know(state, thread, question, material)
    if owed is TurnKind.HINT_REQUEST:
        return _hint_or_redirect(state, thread, question, material)
    if owed is TurnKind.CLARIFY_REQUEST and thread.clarified < MAX_CLARIFICATIONS:
        return Move(TurnKind.CLARIFY, question.id, thread.target, step=thread.clarified + 1, cause=owed)
    if owed is TurnKind.SILENCE and thread.silences >= MAX_SILENCES:
        return _ask_next(state, material, EndOfQuestion.SILENCE)
    return _redirect(state, thread, question, material, str(owed))


def _after_answer(state: State, thread: Thread, question: Question, material: Material) -> Move:
    assessment = thread.assessment
    if assessment is None or not assessment.graded:
        return _ask_next(state, material, EndOfQuestion.UNGRADED)
    if "off-topic" in assessment.flags and thread.redirects < MAX_REDIRECTS and thread.answers == 1:
        return _redirect(state, thread, question, material, "off-topic")
    if sufficient(thread):
        return _ask_next(state, material, EndOfQuestion.SUFFICIENT)
    return _probe_or_leave(state, thread, question, material)


def _probe_or_leave(state: State, thread: Thread, question: Question, material: Material) -> Move:
    if thread.follow_ups >= state.setup.follow_ups:
        return _ask_next(state, material, EndOfQuestion.FOLLOW_UPS_SPENT)
    if _too_late(state):
        return _close(state, EndOfInterview.TIME, EndOfQuestion.TIME)
    target = follow_up_target(thread, question)
    if target is not None:
        return Move(TurnKind.FOLLOW_UP, question.id, target.id, cause=state.owed)
    if not any(point.probe for point in question.key_points) and not thread.generic_probes:
        return Move(TurnKind.FOLLOW_UP, question.id, None, cause=state.owed)
    return _ask_next(state, material, EndOfQuestion.NOTHING_TO_PROBE)


def _after_dont_know(state: State, thread: Thread, question: Question, material: Material) -> Move:
    if thread.answers:  # it answers a follow-up: that point is given up, another may be tried
        return _probe_or_leave(state, thread, question, material)
    if state.setup.mode == "practice":
        hint = next_hint(thread, question) if thread.dont_knows == 1 else None
        if hint is not None:
            return _hint(state, question, *hint)
        other = follow_up_target(thread, question)
        if other is not None and state.setup.follow_ups and not thread.follow_ups and not _too_late(state):  # once
            return Move(TurnKind.FOLLOW_UP, question.id, other.id, cause=state.owed)
    return _ask_next(state, material, EndOfQuestion.DONT_KNOW)


def _hint_or_redirect(state: State, thread: Thread, question: Question, material: Material) -> Move:
    if state.setup.mode == "real":
        return _redirect(state, thread, question, material, "no-hints")
    hint = next_hint(thread, question)
    if hint is None:
        return _redirect(state, thread, question, material, "hints-spent")
    return _hint(state, question, *hint)


def _hint(state: State, question: Question, point_id: str, step: int) -> Move:
    detail = f"step {step} of {rungs(question.point(point_id))}"
    return Move(TurnKind.HINT, question.id, point_id, step=step, detail=detail, cause=state.owed)


def _redirect(state: State, thread: Thread, question: Question, material: Material, why: str) -> Move:
    used, limit = (thread.declined, MAX_DECLINED) if why in DECLINED else (thread.redirects, MAX_REDIRECTS)
    if used >= limit:
        return _ask_next(state, material, EndOfQuestion.OFF_TRACK)
    return Move(TurnKind.REDIRECT, question.id, thread.target, step=used + 1, detail=why, cause=state.owed)


def _ask_next(state: State, material: Material, why: EndOfQuestion | None) -> Move:
    if len(state.asked) >= state.setup.questions:
        return _close(state, EndOfInterview.DONE, why)
    if state.asked and _too_late(state):
        return _close(state, EndOfInterview.TIME, why)
    question = choose_question(state, material.bank, material.recent)
    if question is None:
        return _close(state, EndOfInterview.NO_MORE_QUESTIONS, why)
    return Move(TurnKind.ASK, question.id, detail=why.value if why else None, cause=state.owed)


def _too_late(state: State) -> bool:
    return state.seconds_left is not None and state.seconds_left < SECONDS_FOR_AN_ANSWER


def _close(state: State, reason: EndOfInterview, why: EndOfQuestion | None) -> Move:
    detail = f"{reason.value}/{why.value}" if why and state.thread else reason.value
    return Move(TurnKind.CLOSE, detail=detail, cause=state.owed)


def sufficient(thread: Thread) -> bool:
    """Whether the evidence is enough to leave: all of the heaviest points covered, most of the weight credited,
    nothing contradicted."""
    points = thread.assessment.points if thread.assessment else ()
    if not points or any(p.verdict is Verdict.CONTRADICTED for p in points):
        return False
    heaviest = max(p.weight for p in points)
    if any(p.weight == heaviest and p.verdict is not Verdict.COVERED for p in points):
        return False
    return sum(p.weight * p.credit for p in points) >= SUFFICIENT_CREDIT * sum(p.weight for p in points)


def open_points(thread: Thread, question: Question) -> list[KeyPoint]:
    """Key points still to be had, most worth asking first: contradicted and missing ones by weight, then partly said ones."""
    verdicts = {p.point_id: p.verdict for p in thread.assessment.points} if thread.assessment else {}
    urgency = {Verdict.CONTRADICTED: 0, Verdict.MISSING: 1, Verdict.PARTLY: 2}

    def rank(point: KeyPoint) -> tuple[bool, float, int]:
        verdict = verdicts.get(point.id, Verdict.MISSING)
        return verdict is Verdict.PARTLY, -point.weight, urgency[verdict]

    return sorted((p for p in question.key_points if verdicts.get(p.id) is not Verdict.COVERED), key=rank)


def follow_up_target(thread: Thread, question: Question) -> KeyPoint | None:
    """The point the next follow-up is aimed at: the heaviest open one that has a probe, was not probed yet and not given up."""
    past = {*thread.probed, *thread.given_up}
    return next((p for p in open_points(thread, question) if p.probe and p.id not in past), None)


def next_hint(thread: Thread, question: Question) -> tuple[str, int] | None:
    """(point id, rung from 1) of the next hint: on the point under discussion first, then on other open ones. A point without
    hints of its own gives one of its terms; one without terms only how many points there are, which is worth saying once."""
    todo = open_points(thread, question)
    todo.sort(key=lambda p: p.id != thread.target)  # stable: the target first
    for point in todo:
        given = thread.hints.get(point.id, 0)
        if given < (len(point.hints) or int(bool(point.terms) or not thread.hints_given)):
            return point.id, given + 1
    return None
