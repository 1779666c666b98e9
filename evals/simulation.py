"""One simulated candidate holds one whole interview with the real session code, and what was true of it is noted turn by turn.

The truth comes from the labels of what the candidate says; what the grader made of it comes from the stored history.
Computes no figures.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from evals.candidates import Belief, Candidate, Reply, Wording
from interviewer.dialogue.guard import REPEAT_OVERLAP, Guard, Refusal
from interviewer.dialogue.policy import SUFFICIENT_CREDIT
from interviewer.dialogue.state import EndOfQuestion
from interviewer.dialogue.wording import BUILTIN
from interviewer.domain.assessment import Assessment
from interviewer.domain.questions import LANGS, Bank, KeyPoint, Question
from interviewer.domain.text import jaccard, sentences, shingles
from interviewer.domain.transcript import Setup, Speaker, Turn, TurnKind
from interviewer.ports import Store
from interviewer.session import Interview, Interviews, QuestionClosed, Update

#: Shorter questions ("And then?") may come again.
_SHORTEST_QUESTION = 4  # shingles


@dataclass(frozen=True, slots=True)
class Aim:
    """One follow-up. `label` is what had truly been said of its point (2 stated, 1 touched, 0 not, −1 wrongly; None for a
    question about nothing in particular), `credit` and `credit_after` what the grader gave for it before and after the reply.

    `passed_over` is a heavier point that was truly open, had a probe and had not been asked about.
    """

    question_id: str
    point_id: str | None
    label: int | None
    knew: bool
    wording: Wording
    credit: float
    credit_after: float
    passed_over: str | None
    asked: str
    reply: str


@dataclass(frozen=True, slots=True)
class Remark:
    """An interviewer's utterance worth looking at, and why: `tells` (gives a point away), `names` (names a concept of one),
    `repeats`."""

    why: str
    question_id: str
    kind: TurnKind
    text: str


@dataclass(frozen=True, slots=True)
class Phrased:
    """A turn that a model was asked to phrase; `fallback` is why the authored words were used, None where its own were."""

    kind: TurnKind
    fallback: str | None


@dataclass(frozen=True, slots=True)
class Closed:
    """A question that is over: why, whether what was truly said was enough by the policy's own rule, and the shares of its
    weight known, said, and credited (None when ungraded)."""

    question_id: str
    why: EndOfQuestion
    enough: bool
    knew: float
    showed: float
    credited: float | None


@dataclass(frozen=True, slots=True)
class Held:
    """One interview. `knew` and `showed` are means over its questions of the weight known and said, 0–1; `score` is the
    report's, `first_score` the mean score of the first replies alone, 0–100. `misheard` are replies that were taken
    for something else. `phrased` is empty where no model speaks."""

    name: str
    lang: str
    skill: float
    knew: float
    showed: float
    score: float
    first_score: float
    turns: int
    interviewer_turns: int
    hints: int
    seconds: float
    revised: float
    closed: tuple[Closed, ...]
    aims: tuple[Aim, ...]
    remarks: tuple[Remark, ...]
    misheard: tuple[tuple[str, str, str], ...]
    wordings: tuple[Wording, ...]
    phrased: tuple[Phrased, ...] = ()


@dataclass(slots=True)
class _Notes:
    """What is written down while an interview runs; turn numbers are the interviewer's."""

    replies: dict[int, Reply] = field(default_factory=dict)
    aims: dict[int, tuple[int | None, bool, str | None]] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    asked: list[frozenset[str]] = field(default_factory=list)
    closed: list[tuple[QuestionClosed, dict[str, int]]] = field(default_factory=list)


def hold(interviews: Interviews, store: Store, bank: Bank, person: Candidate, setup: Setup) -> Held:
    """The whole interview, from the opening to the report. It is deleted afterwards, so that the next candidate's questions
    don't depend on this one's."""
    started = time.perf_counter()
    interview = interviews.start(setup)
    notes = _Notes()
    _hear(interview.proceed(), interview, bank, person, notes)
    while not interview.finished:
        turn = interview.turns[-1]
        question = bank.get(turn.question_id or "")
        assert question is not None, "only a question can be open"
        before = dict(person.said(question))
        reply = _reply(person, question, turn)
        notes.replies[turn.number] = reply
        if turn.kind is TurnKind.FOLLOW_UP:
            label = before[turn.key_point_id] if turn.key_point_id else None
            knew = person.beliefs(question).get(turn.key_point_id or "") is Belief.KNOWS
            notes.aims[turn.number] = (label, knew, _passed_over(interview, question, turn, before))
        _hear(interview.say(reply.text), interview, bank, person, notes)
    try:
        return _written_up(interview, interviews, store, bank, person, notes, time.perf_counter() - started)
    finally:
        interviews.delete(interview.id)


def _reply(person: Candidate, question: Question, turn: Turn) -> Reply:
    if turn.kind is TurnKind.ASK:
        return person.answer(question)
    return person.about(question, turn.key_point_id) if turn.key_point_id else person.more(question)


def _hear(updates: Iterator[Update], interview: Interview, bank: Bank, person: Candidate, notes: _Notes) -> None:
    """Let the interviewer speak, noting questions that end and utterances that give something away or come twice."""
    known = len(interview.turns)
    for update in updates:
        if isinstance(update, QuestionClosed) and (question := bank.get(update.question_id)):
            notes.closed.append((update, dict(person.said(question))))
    for turn in interview.turns[known:]:
        if turn.speaker is Speaker.INTERVIEWER:
            notes.remarks += _remarks(turn, interview, bank.get(turn.question_id or ""), person, notes.asked)


def _remarks(
    turn: Turn, interview: Interview, question: Question | None, person: Candidate, asked: list[frozenset[str]]
) -> Iterator[Remark]:
    if question is None:
        return
    said = [turn.text[a:b] for a, b in sentences(turn.text)]
    why = _given_away(said, turn, interview, question, person.said(question))
    if why:
        yield Remark(why, question.id, turn.kind, turn.text)
    if turn.kind in (TurnKind.ASK, TurnKind.FOLLOW_UP):
        guard = Guard(interview.setup.lang)
        questions = [shingles(text) for text in said if guard.asks_something(text)]
        if any(jaccard(mine, other) >= REPEAT_OVERLAP for mine in questions for other in asked):
            yield Remark("repeats", question.id, turn.kind, turn.text)
        asked += [mine for mine in questions if len(mine) >= _SHORTEST_QUESTION]


def _given_away(
    said: Sequence[str], turn: Turn, interview: Interview, question: Question, labels: dict[str, int]
) -> str | None:
    """What the utterance gives away of points that were truly not stated, by the measure that holds a model's words in check
    (`dialogue.guard`): the claim itself, or only the name of a concept in it."""
    earlier = [t.text for t in interview.turns if t.number < turn.number and t.question_id == question.id]
    known = "\n".join((*question.text.both(), *earlier))
    hidden = tuple(p for p in question.key_points if labels[p.id] < 2)
    bare = tuple(replace(p, terms=()) for p in hidden)
    measures = (("tells", bare),) if turn.kind is TurnKind.HINT else (("tells", bare), ("names", hidden))
    for why, points in measures:
        # In either language: a wrong language would be refused before a leak is looked for.
        guards = [Guard(lang, hidden=points, authored=known) for lang in LANGS]
        if any(guard.refuse(text, ()) is Refusal.LEAK for guard in guards for text in said):
            return why
    return None


def _passed_over(interview: Interview, question: Question, turn: Turn, labels: dict[str, int]) -> str | None:
    """The heaviest truly open point that could have been asked about, where it outweighs the one that was."""
    probed = {t.key_point_id for t in interview.turns if t.kind is TurnKind.FOLLOW_UP and t.question_id == question.id}
    aimed = question.point(turn.key_point_id).weight if turn.key_point_id and labels[turn.key_point_id] < 1 else 0.0
    left = [p for p in question.key_points if p.probe and p.id not in probed and labels[p.id] < 1 and p.weight > aimed]
    return max(left, key=lambda p: p.weight).id if left else None


def _enough(points: Sequence[KeyPoint], labels: dict[str, int]) -> bool:
    """The policy's rule for leaving a question, on what was truly said."""
    heaviest = max(p.weight for p in points)
    if min(labels.values()) < 0 or any(labels[p.id] < 2 for p in points if p.weight == heaviest):
        return False
    return sum(p.weight * labels[p.id] / 2 for p in points) >= SUFFICIENT_CREDIT * sum(p.weight for p in points)


# ---------------------------------------------------------------- afterwards


def _written_up(
    interview: Interview, interviews: Interviews, store: Store, bank: Bank, person: Candidate, notes: _Notes, seconds: float
) -> Held:
    history = store.history(interview.id)
    turns = interview.turns
    asked = [q for t in turns if t.kind is TurnKind.ASK and (q := bank.get(t.question_id or ""))]
    report = interviews.report(interview.id)
    first = {a.question_id: a.score or 0.0 for _, a in reversed(history)}
    spoken = [t for t in turns if t.speaker is Speaker.INTERVIEWER]
    heard = {t.number: t for t in turns if t.speaker is Speaker.CANDIDATE}
    return Held(
        name=person.name,
        lang=person.lang,
        skill=person.skill,
        knew=sum(map(person.knows, asked)) / len(asked),
        showed=sum(map(person.showed, asked)) / len(asked),
        score=report.score or 0.0,
        first_score=sum(first.get(q.id, 0.0) for q in asked) / len(asked),
        turns=len(turns),
        interviewer_turns=len(spoken),
        hints=sum(t.kind is TurnKind.HINT for t in spoken),
        seconds=seconds,
        revised=person.revised / person.points,
        closed=tuple(_closed(update, labels, bank, person, history) for update, labels in notes.closed),
        aims=tuple(_aim(turn, notes, history) for turn in spoken if turn.number in notes.aims),
        remarks=tuple(notes.remarks),
        misheard=tuple(
            (reply.meant.value, heard[number + 1].kind.value, reply.text)
            for number, reply in notes.replies.items()
            if heard[number + 1].kind is not reply.meant
        ),
        wordings=tuple(reply.wording for reply in notes.replies.values()),
        phrased=tuple(
            Phrased(t.kind, t.provenance.fallback) for t in spoken if t.provenance and t.provenance.engine != BUILTIN
        ),
    )


def _aim(turn: Turn, notes: _Notes, history: Sequence[tuple[int, Assessment]]) -> Aim:
    label, knew, passed_over = notes.aims[turn.number]
    reply = notes.replies[turn.number]
    own = [(number, a) for number, a in history if a.question_id == turn.question_id]
    before = _credit([a for number, a in own if number < turn.number], turn.key_point_id)
    after = _credit([a for number, a in own if number <= turn.number + 1], turn.key_point_id)
    return Aim(
        turn.question_id or "", turn.key_point_id, label, knew, reply.wording, before, after, passed_over, turn.text, reply.text
    )


def _credit(assessments: Sequence[Assessment], point_id: str | None) -> float:
    point = assessments[-1].point(point_id) if assessments and point_id else None
    return point.credit if point else 0.0


def _closed(
    update: QuestionClosed, labels: dict[str, int], bank: Bank, person: Candidate, history: Sequence[tuple[int, Assessment]]
) -> Closed:
    question = bank.get(update.question_id)
    assert question is not None
    graded = [a for _, a in history if a.question_id == question.id and a.graded]
    credited = graded[-1].score / 100 if graded and graded[-1].score is not None else None
    enough = _enough(question.key_points, labels)
    return Closed(question.id, update.why, enough, person.knows(question), person.showed(question), credited)
