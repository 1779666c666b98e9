"""One graded answer: a verdict per key point, the evidence for it, a score with a band, or *ungraded* with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from interviewer.domain.questions import LocalText


class Verdict(StrEnum):
    """What an answer does with one key point."""

    COVERED = "covered"
    PARTLY = "partly"
    MISSING = "missing"
    CONTRADICTED = "contradicted"


class Status(StrEnum):
    """Whether there is a score at all. *Ungraded* is an outcome of its own and never turns into a number."""

    GRADED = "graded"
    UNGRADED = "ungraded"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The candidate's own words: `answer[start:end] == text` holds, checked where it is made."""

    text: str
    start: int
    end: int

    @classmethod
    def of(cls, answer: str, start: int, end: int) -> Evidence:
        """The span of `answer`, without surrounding white space. Raises ValueError when it is empty or outside."""
        if not 0 <= start < end <= len(answer):
            raise ValueError(f"span {start}:{end} is outside an answer of {len(answer)} characters")
        text = answer[start:end]
        start += len(text) - len(text.lstrip())
        text = text.strip()
        if not text:
            raise ValueError(f"span {start}:{end} holds only white space")
        return cls(text, start, start + len(text))


@dataclass(frozen=True, slots=True)
class PointAssessment:
    """The verdict on one key point. `probability` is the grader's belief, 0–1, that the point is covered or partly so;
    `credit`, 0–1, is the share of its weight that counts."""

    point_id: str
    statement: str
    weight: float
    verdict: Verdict
    probability: float
    credit: float
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class MisconceptionFound:
    """A misconception the answer may state, with the words that suggest it. Shown as *possible*."""

    belief: LocalText
    correction: LocalText
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class GraderInfo:
    """What produced an assessment. `model` and `prompt` (id@version) are None for the built-in grader."""

    name: str
    version: str
    model: str | None = None
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Basis:
    """What an assessment was made from beside the answer, so that it can be made again without the model.

    `question`, `bank` and `code` are fingerprints (of what grading reads of the question, of all questions, of the grading
    code with its data); `passages` are ids; `revision` and `context_tokens` are the model's; `replies` is everything it
    replied, in order, as JSON.
    """

    question: str
    bank: str
    code: str
    passages: tuple[str, ...] = ()
    revision: str | None = None
    context_tokens: int = 0
    replies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assessment:
    """One graded answer. `score`, `low`, `high` are 0–100 and None exactly when the status is *ungraded*.

    `flags` are short machine words for what was noticed (`echo`, `keyword-list`, `instruction`, `truncated`, `dont-know`,
    `verbatim`, `off-topic`, …).
    """

    question_id: str
    status: Status
    reason: str | None
    score: float | None
    low: float | None
    high: float | None
    points: tuple[PointAssessment, ...]
    grader: GraderInfo
    flags: tuple[str, ...] = ()
    misconceptions: tuple[MisconceptionFound, ...] = ()
    raw_reply: str | None = None
    basis: Basis | None = None

    @classmethod
    def ungraded(cls, question_id: str, reason: str, grader: GraderInfo, raw_reply: str | None = None) -> Assessment:
        """An answer that could not be judged, and why."""
        return cls(question_id, Status.UNGRADED, reason, None, None, None, (), grader, raw_reply=raw_reply)

    @property
    def graded(self) -> bool:
        return self.status is Status.GRADED

    def point(self, point_id: str) -> PointAssessment | None:
        """The verdict on that point, or None."""
        return next((p for p in self.points if p.point_id == point_id), None)
