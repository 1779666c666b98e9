"""Where an interview stands, as a fold over what was said: nothing is kept here that the transcript doesn't imply.

`advance` takes one turn (with the assessment of the answer so far, if it was an answer) and gives the next state, so that an
interview is resumed after a crash by replaying its stored turns. Decides nothing; that is `policy`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from interviewer.domain.assessment import Assessment, Verdict
from interviewer.domain.transcript import Setup, Speaker, Turn, TurnKind, active_seconds

#: Redirections that decline a fair request. They are counted apart: asking for hints is no straying from the question.
DECLINED = frozenset({"no-hints", "hints-spent", "clarify-request"})


class EndOfQuestion(StrEnum):
    """Why the interviewer left a question. Evidence being sufficient and the follow-up budget being spent are different."""

    SUFFICIENT = "sufficient"
    FOLLOW_UPS_SPENT = "follow-ups-spent"
    NOTHING_TO_PROBE = "nothing-to-probe"
    DONT_KNOW = "dont-know"
    SKIPPED = "skipped"
    SILENCE = "silence"
    OFF_TRACK = "off-track"
    UNGRADED = "ungraded"
    TIME = "time"
    ENDED = "ended"


class EndOfInterview(StrEnum):
    """Why the interview closed."""

    DONE = "done"
    NO_MORE_QUESTIONS = "no-more-questions"
    TIME = "time"
    ASKED_TO_STOP = "asked-to-stop"


@dataclass(frozen=True, slots=True)
class Thread:
    """One question under discussion. `probed` and `hints` hold key point ids; a point's hints are counted in order.

    `target` is the point the interviewer last aimed at. `silences` are counted since the last answer. `before` is what the
    grader had made of the answer without its last part; `given_up` are points the candidate said not to know when asked.
    """

    question_id: str
    answers: int = 0
    assessment: Assessment | None = None
    before: Assessment | None = None
    probed: tuple[str, ...] = ()
    given_up: tuple[str, ...] = ()
    generic_probes: int = 0
    hints: Mapping[str, int] = field(default_factory=dict)
    clarified: int = 0
    redirects: int = 0
    declined: int = 0
    dont_knows: int = 0
    silences: int = 0
    target: str | None = None

    @property
    def follow_ups(self) -> int:
        return len(self.probed) + self.generic_probes

    @property
    def hints_given(self) -> int:
        return sum(self.hints.values())


@dataclass(frozen=True, slots=True)
class Result:
    """A question that is over. `score` is 0–100, None when there was no answer or it could not be graded."""

    question_id: str
    score: float | None
    why: EndOfQuestion


@dataclass(frozen=True, slots=True)
class State:
    """The interview so far. `owed` is the candidate's utterance that still waits for a reply; None on the candidate's turn."""

    setup: Setup
    opened: bool = False
    last_at: datetime | None = None
    seconds_used: float = 0.0
    thread: Thread | None = None
    results: tuple[Result, ...] = ()
    owed: TurnKind | None = None
    closed: EndOfInterview | None = None

    @property
    def asked(self) -> tuple[str, ...]:
        """Ids of all questions asked, the running one last."""
        done = tuple(result.question_id for result in self.results)
        return (*done, self.thread.question_id) if self.thread else done

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the time budget ends (negative when over); None without a budget."""
        return self.setup.minutes * 60 - self.seconds_used if self.setup.minutes else None

    @property
    def level(self) -> float:
        """Level to ask at next, 1–3: half a step up for a strong answer, down for a weak one (75 and 40 of 100)."""
        level = float(self.setup.level)
        if not self.setup.adaptive:
            return level
        for result in self.results:
            if result.score is None:
                continue
            step = 0.5 if result.score >= 75 else -0.5 if result.score < 40 else 0.0
            level = min(3.0, max(1.0, level + step))
        return level


def start(setup: Setup) -> State:
    """The state before anything was said."""
    return State(setup)


def advance(state: State, turn: Turn, assessment: Assessment | None = None) -> State:
    """The state after one more turn. Raises ValueError for a turn that can't follow, such as a second opening."""
    if turn.kind is TurnKind.RETRY:  # beside the interview, whose clock stands still meanwhile
        return replace(state, last_at=turn.at)
    state = replace(state, last_at=turn.at, seconds_used=state.seconds_used + active_seconds(state.last_at, turn.at))
    if turn.speaker is Speaker.CANDIDATE:
        return _heard(state, turn, assessment)
    return _said(state, turn)


def replay(setup: Setup, turns: Iterable[Turn], assessments: Mapping[int, Assessment]) -> State:
    """The state after all stored turns. `assessments` are keyed by the number of the candidate's turn they judged."""
    state = start(setup)
    for turn in turns:
        state = advance(state, turn, assessments.get(turn.number))
    return state


def _heard(state: State, turn: Turn, assessment: Assessment | None) -> State:
    thread = state.thread
    if thread is None:  # only END can be said before the first question
        return replace(state, owed=turn.kind)
    if turn.kind is TurnKind.ANSWER:
        before, after = thread.assessment, assessment or thread.assessment
        thread = replace(thread, answers=thread.answers + 1, before=before, assessment=after, silences=0)
    elif turn.kind is TurnKind.DONT_KNOW:
        given_up = (*thread.given_up, thread.target) if thread.target else thread.given_up
        thread = replace(
            thread, dont_knows=thread.dont_knows + 1, assessment=assessment or thread.assessment, given_up=given_up
        )
    elif turn.kind is TurnKind.SILENCE:
        thread = replace(thread, silences=thread.silences + 1)
    return replace(state, thread=thread, owed=turn.kind)


def _said(state: State, turn: Turn) -> State:
    if turn.kind is TurnKind.OPEN:
        if state.opened:
            raise ValueError("an interview opens once")
        return replace(state, opened=True)
    state = replace(state, owed=None)
    if turn.kind is TurnKind.ASK:
        if turn.question_id is None:
            raise ValueError("a question turn names its question")
        return replace(state, results=_with_result(state, turn), thread=Thread(turn.question_id))
    if turn.kind is TurnKind.CLOSE:
        reason, _, _ = (turn.detail or "").partition("/")
        return replace(state, results=_with_result(state, turn), thread=None, closed=EndOfInterview(reason))
    if state.thread is None:
        raise ValueError(f"a {turn.kind} turn needs a question")
    return replace(state, thread=_thread_after(state.thread, turn))


def _thread_after(thread: Thread, turn: Turn) -> Thread:
    point = turn.key_point_id
    if turn.kind is TurnKind.FOLLOW_UP:
        if point is None:
            return replace(thread, generic_probes=thread.generic_probes + 1, target=None)
        return replace(thread, probed=(*thread.probed, point), target=point)
    if turn.kind is TurnKind.HINT and point is not None:
        return replace(thread, hints={**thread.hints, point: thread.hints.get(point, 0) + 1}, target=point)
    if turn.kind is TurnKind.CLARIFY:
        return replace(thread, clarified=thread.clarified + 1)
    if turn.kind is TurnKind.REDIRECT:
        if turn.detail in DECLINED:
            return replace(thread, declined=thread.declined + 1)
        return replace(thread, redirects=thread.redirects + 1)
    return thread


def _with_result(state: State, turn: Turn) -> tuple[Result, ...]:
    """Results with the running question closed. Its reason stands last in the detail of the turn that left it."""
    if state.thread is None:
        return state.results
    _, _, why = ("/" + (turn.detail or "")).rpartition("/")
    assessment = state.thread.assessment
    score = assessment.score if assessment is not None and assessment.graded else None
    return (*state.results, Result(state.thread.question_id, score, EndOfQuestion(why)))


def verdict_on(assessment: Assessment | None, point_id: str) -> Verdict:
    """What was made of one point; missing when nothing was graded."""
    point = assessment.point(point_id) if assessment else None
    return point.verdict if point else Verdict.MISSING


def just_touched(thread: Thread, point_id: str) -> bool:
    """Whether the candidate's last answer, rightly or wrongly, got to a point that the answers before it had not."""
    now = verdict_on(thread.assessment, point_id)
    return now is not Verdict.MISSING and now is not verdict_on(thread.before, point_id)


def heard_points(thread: Thread) -> int:
    """How many key points the answer so far covers, wholly or in part."""
    points = thread.assessment.points if thread.assessment else ()
    return sum(p.verdict in (Verdict.COVERED, Verdict.PARTLY) for p in points)
