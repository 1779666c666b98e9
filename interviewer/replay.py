"""Makes assessments again from what was stored, without any model: is each the same, and if not, what has changed?

`RecordedGrader` keeps with every assessment what it was made from; `rederive` puts that before the graders as they are now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from interviewer.dialogue.planned import as_planned
from interviewer.domain.assessment import Assessment, Basis, GraderInfo
from interviewer.domain.questions import Bank, Question
from interviewer.domain.transcript import Turn
from interviewer.engines.recorded import RecordingEngine, ReplayingEngine
from interviewer.grading import BuiltinGrader, ModelGrader
from interviewer.ports import EngineInfo, Grader, GradingItem, StoredSession
from interviewer.prompting import PromptBook
from interviewer.session import answer_as_graded

#: Says that the model could not judge and the built-in grader did; set by the session, not by a grader.
_OF_THE_SESSION = frozenset({"model-failed"})


class RecordedGrader:
    """A `Grader` that keeps with each assessment of `grader` what it was made from. `engine` is the one the grader asks."""

    def __init__(self, grader: Grader, bank: Bank, engine: RecordingEngine | None = None) -> None:
        self._grader, self._engine = grader, engine
        self._bank = bank_mark(bank)

    @property
    def info(self) -> GraderInfo:
        return self._grader.info

    def grade(self, item: GradingItem) -> Assessment:
        engine = self._engine
        marks = question_mark(item.question), self._bank, code_mark()
        if engine is None:
            return replace(self._grader.grade(item), basis=Basis(*marks))
        with engine.recording() as replies:
            assessment = self._grader.grade(item)
        info = engine.info
        return replace(assessment, basis=Basis(*marks, item.passage_ids, info.revision, info.context_tokens, tuple(replies)))

    def grade_many(self, items: Sequence[GradingItem]) -> list[Assessment]:
        return [self.grade(item) for item in items]


def question_mark(question: Question) -> str:
    """Changes with anything of the question that a grader reads."""
    return _mark((question.text, question.rephrasings, question.reference, question.key_points, question.misconceptions))


def bank_mark(bank: Bank) -> str:
    """Changes with any question: the graders weigh words, and choose examples, by the whole bank."""
    return _mark(sorted((question.id, question_mark(question)) for question in bank))


@cache
def code_mark() -> str:
    """Changes with the grading code, the numbers fitted for it, and the reading of text that it stands on."""
    root = files("interviewer")
    parts = [root / "domain" / "text.py", *(root / "grading").iterdir()]
    texts = ((part.name, part.read_bytes()) for part in parts if part.name.endswith((".py", ".json")))
    return _mark(sorted((name, hashlib.sha256(data).hexdigest()) for name, data in texts))


def _mark(value: object) -> str:
    return hashlib.sha256(repr(value).encode("utf-8", "replace")).hexdigest()[:12]


# ---------------------------------------------------------------- again


@dataclass(frozen=True, slots=True)
class Rederived:
    """One assessment made again. `differences` are between the two results, `changes` between what went into them, one line
    each; `score` and `again` are 0–100, None where there is none."""

    turn: int
    question_id: str
    grader: GraderInfo
    score: float | None
    again: float | None
    differences: tuple[str, ...]
    changes: tuple[str, ...]

    @property
    def same(self) -> bool:
        return not self.differences


def rederive(
    stored: StoredSession, history: Iterable[tuple[int, Assessment]], bank: Bank, prompts: PromptBook
) -> list[Rederived]:
    """Every assessment of the session, in the order they were made."""
    builtin = BuiltinGrader(bank)
    bank_now = bank_mark(bank)

    def grader_of(then: Assessment) -> Grader | None:
        """As it is now; None when what its model replied was not kept."""
        if then.grader.model is None:
            return builtin
        if then.basis is None:
            return None
        info = EngineInfo(then.grader.name, then.grader.model, then.basis.revision, then.basis.context_tokens)
        return ModelGrader(ReplayingEngine(info, then.basis.replies), prompts, builtin, bank=bank)

    turns = {turn.number: turn for turn in stored.turns}
    asked = as_planned(bank, stored.info.setup.plan)
    return [_again(stored, turns[number], then, asked, bank_now, grader_of) for number, then in history]


def _again(
    stored: StoredSession,
    turn: Turn,
    then: Assessment,
    bank: Bank,
    bank_now: str,
    grader_of: Callable[[Assessment], Grader | None],
) -> Rederived:
    def told(again: float | None, differences: Sequence[str], changes: Sequence[str] = ()) -> Rederived:
        return Rederived(turn.number, then.question_id, then.grader, then.score, again, tuple(differences), tuple(changes))

    question = bank.get(then.question_id)
    if question is None:
        return told(None, ["the question is no longer in the bank"] if then.graded else [])
    grader = grader_of(then)
    if grader is None:
        return told(None, ["what the model replied was not kept, and it is not asked again"])
    answer = answer_as_graded(stored.turns, turn, stored.info.setup.lang)
    now = grader.grade(GradingItem(question, answer))
    return told(now.score, _differences(then, now), _changes(then, grader.info, question, bank_now))


def _differences(then: Assessment, now: Assessment) -> list[str]:
    if then.graded != now.graded:
        return [f"{_outcome(then)} then, {_outcome(now)} now"]
    found = [
        f"{name} {_number(before)} then, {_number(after)} now"
        for name, before, after in (("score", then.score, now.score), ("low", then.low, now.low), ("high", then.high, now.high))
        if before != after
    ]
    verdicts = {point.point_id: point.verdict.value for point in now.points}
    before = {point.point_id: point.verdict.value for point in then.points}
    for point_id in dict.fromkeys((*before, *verdicts)):
        old, new = before.get(point_id, "not judged"), verdicts.get(point_id, "not judged")
        if old != new:
            found.append(f"point {point_id} {old} then, {new} now")
    flags = set(then.flags) - _OF_THE_SESSION ^ set(now.flags)
    return found + [f"flag {flag} {'then' if flag in then.flags else 'now'} only" for flag in sorted(flags)]


def _changes(then: Assessment, info: GraderInfo, question: Question, bank_now: str) -> list[str]:
    """What is known to be different since."""
    found = []
    basis = then.basis
    if basis is None:
        found.append("what it was made from was not recorded")
    else:
        if basis.question != question_mark(question):
            found.append("the bank's question has changed")
        elif basis.bank != bank_now:
            found.append("other questions of the bank have changed; words are weighed by all of them")
        if basis.code != code_mark():
            found.append("the grading code or its fitted numbers have changed")
    if then.grader.version != info.version:
        found.append(f"the grader was version {then.grader.version} and is {info.version}")
    before, after = _labels(then.grader.prompt), _labels(info.prompt)
    if changed := [
        f"{name}@{before.get(name, '-')} is @{after.get(name, '-')}"
        for name in sorted(before | after)
        if before.get(name) != after.get(name)
    ]:
        found.append(f"prompts have changed: {', '.join(changed)}")
    return found


def _labels(prompts: str | None) -> dict[str, str]:
    """Version by id."""
    pairs = (label.partition("@") for label in (prompts or "").split("+") if label)
    return {name: version for name, _, version in pairs}


def _outcome(assessment: Assessment) -> str:
    return f"graded {_number(assessment.score)}" if assessment.graded else f"not graded ({assessment.reason})"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"
