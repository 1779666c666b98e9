"""What was said in an interview, by whom, and what made it: the record everything else is derived from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from interviewer.domain.questions import Lang


class Speaker(StrEnum):
    INTERVIEWER = "interviewer"
    CANDIDATE = "candidate"


class TurnKind(StrEnum):
    """What an utterance does. The first group is the interviewer's, the second the candidate's."""

    OPEN = "open"
    ASK = "ask"
    FOLLOW_UP = "follow-up"
    HINT = "hint"
    CLARIFY = "clarify"
    REDIRECT = "redirect"
    CLOSE = "close"

    ANSWER = "answer"
    DONT_KNOW = "dont-know"
    HINT_REQUEST = "hint-request"
    CLARIFY_REQUEST = "clarify-request"
    SKIP = "skip"
    SILENCE = "silence"
    SMALL_TALK = "small-talk"
    INSTRUCTION = "instruction"
    END = "end"
    #: A further answer to a question that is over. Judged apart: it moves nothing in the interview.
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Provenance:
    """What produced an interviewer's words, for replay. `fallback` says why the authored text was used instead of a model's,
    `revision` names the model's exact weights where the engine knows it."""

    engine: str
    model: str | None = None
    prompt: str | None = None
    seed: int | None = None
    passages: tuple[str, ...] = ()
    fallback: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class HeardWord:
    """One recognised word, or Chinese phrase. Times are seconds from the recording's start; `confidence` is 0–1 or None."""

    text: str
    start: float
    end: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Speech:
    """How an answer was spoken: the recording's length in seconds and the words as recognised, before the candidate edited
    them. The recording itself is never kept."""

    seconds: float
    words: tuple[HeardWord, ...] = ()
    recogniser: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance. `at` is UTC. `question_id` and `key_point_id` say what it is about. `speech` is None for typed ones.

    `detail` refines the kind where a reader of the record needs it: the reason of a close, the step of a hint.
    """

    number: int
    speaker: Speaker
    kind: TurnKind
    text: str
    at: datetime
    question_id: str | None = None
    key_point_id: str | None = None
    detail: str | None = None
    provenance: Provenance | None = None
    speech: Speech | None = None


def answer_text(turns: Iterable[Turn], question_id: str) -> str:
    """Everything the candidate answered to one question, as it is graded: the answers in order, a line each.
    Evidence spans count in this text."""
    return "\n".join(t.text for t in turns if t.kind is TurnKind.ANSWER and t.question_id == question_id)


#: Seconds. Thinking and typing one answer seldom takes longer; more is absence.
LONGEST_PAUSE = 300.0


def active_seconds(since: datetime | None, until: datetime) -> float:
    """Time between two turns as the clock of the interview counts it: at most LONGEST_PAUSE, so that an interview resumed
    tomorrow, or after a crash, does not find its time used up."""
    return min(max((until - since).total_seconds(), 0.0), LONGEST_PAUSE) if since else 0.0


Mode = Literal["practice", "real"]
SessionStatus = Literal["running", "finished"]
Persona = Literal["neutral", "friendly", "demanding"]
PERSONAS: tuple[Persona, ...] = ("neutral", "friendly", "demanding")
#: Characters of a company's name that are kept.
LONGEST_COMPANY = 60
_NOT_IN_NAMES = re.compile(r"[^\w\s.,&'’()（）·+-]|_")


def company_name(text: str) -> str:
    """What a person typed as a company's name, on one line, without marks that names don't have, and not too long.
    It is read out and stands in a model's instructions, so it must stay a name."""
    return " ".join(_NOT_IN_NAMES.sub(" ", text).split())[:LONGEST_COMPANY].strip()


@dataclass(frozen=True, slots=True)
class Planned:
    """A question to be asked: in its first wording (0) or in one of its rephrasings (from 1); about one key point only where
    `point_id` names it."""

    question_id: str
    wording: int = 0
    point_id: str | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """What the person chose. `minutes` 0 means no time limit; no topics means all of them.

    `level` 1–3 is where the interview starts; with `adaptive` it moves with the answers. `seed` fixes every choice. What is in
    the `plan` is asked first, in its order and whatever its topic.
    `persona` and `company` (a name from `company_name`, or nothing) colour how things are said, never what is asked or graded.
    With `confidence`, practice asks how sure the candidate is of an answer before showing what was made of it.
    """

    lang: Lang = "zh"
    mode: Mode = "practice"
    topics: tuple[str, ...] = ()
    level: int = 2
    questions: int = 5
    minutes: int = 0
    adaptive: bool = True
    follow_ups: int = 2
    seed: int = 0
    persona: Persona = "neutral"
    company: str = ""
    plan: tuple[Planned, ...] = ()
    confidence: bool = True


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session's head, as lists show it. Times are UTC. `score` is the mean over graded questions, 0–100, None before."""

    id: str
    setup: Setup
    status: SessionStatus
    created_at: datetime
    updated_at: datetime
    interviewer: str
    questions_asked: int = 0
    score: float | None = None
