"""The interview loop: hear, grade, decide, speak, with every step in the store before the next one starts.

Works through ports only: it doesn't know which model, database or page is on the other side.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from interviewer.dialogue.intent import recognise
from interviewer.dialogue.planned import as_planned
from interviewer.dialogue.policy import Material, Move, next_hint, next_move
from interviewer.dialogue.speakers import Speaker as Voice
from interviewer.dialogue.speakers import Utterance
from interviewer.dialogue.state import EndOfQuestion, Result, Thread, advance, heard_points, replay
from interviewer.dialogue.wording import BUILTIN, Scene
from interviewer.domain.assessment import Assessment
from interviewer.domain.disputes import Dispute
from interviewer.domain.errors import SessionError
from interviewer.domain.practice import Hinted, Retry, hinted, retries, rungs
from interviewer.domain.questions import Bank, Hit, Lang, LocalText, Question
from interviewer.domain.review import ratings_of
from interviewer.domain.text import storable
from interviewer.domain.transcript import (
    Provenance,
    SessionInfo,
    Setup,
    Speaker,
    Speech,
    Turn,
    TurnKind,
    active_seconds,
    answer_text,
)
from interviewer.ports import Clock, Grader, GradingItem, Retriever, Reviews, Store, StoredSession
from interviewer.report import Report
from interviewer.reporting import Reports

log = logging.getLogger(__name__)

#: Interviews whose questions are asked again only when nothing else is left.
RECENT_SESSIONS = 5
#: Live interviews kept in memory; others are rebuilt from the store when they are opened.
LIVE_INTERVIEWS = 256
#: The longest utterance that is kept, in characters; a longer one is cut with a note.
LONGEST_UTTERANCE = 20_000
#: Buttons: what a candidate can ask for without saying it.
DONT_KNOW = LocalText("不知道", "I don't know")
REQUESTS = frozenset(
    {TurnKind.HINT_REQUEST, TurnKind.CLARIFY_REQUEST, TurnKind.SKIP, TurnKind.DONT_KNOW, TurnKind.SILENCE, TurnKind.END}
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A piece of what the interviewer is saying."""

    delta: str


@dataclass(frozen=True, slots=True)
class Committed:
    """A turn that is in the store."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class QuestionClosed:
    """A question that is over. In real mode the assessment is withheld until the interview has ended."""

    question_id: str
    assessment: Assessment | None
    why: EndOfQuestion
    #: What its hints cost, and further answers to it: not in the update that closes it.
    hinted: Hinted | None = None
    retries: tuple[Retry, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """The interview is over."""

    reason: str


Update = Spoken | Committed | QuestionClosed | Ended


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an interview is. Times are seconds; `seconds_left` is None without a limit. The point counts are of the
    running question and None where they would give the grading away (real mode) or nothing is running. `next_hint` is the
    rung that a hint asked for now would be, and of how many on its point; None where there is none to be had."""

    asked: int
    budget: int
    seconds_used: float
    seconds_left: float | None
    points_heard: int | None
    points_total: int | None
    hints_given: int
    follow_ups: int
    next_hint: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part, asked for anew at every question, so that a model can take over once it is loaded.

    `grade_fallback` judges when the grader could not; None when there is nothing else.
    """

    bank: Callable[[], Bank]
    voice: Callable[[], Voice]
    grader: Callable[[], Grader]
    retriever: Callable[[], Retriever]
    grade_fallback: Callable[[], Grader] | None = None


class Interview:
    """One interview. Calls that speak take a lock: a second one at the same time raises SessionError."""

    def __init__(
        self,
        stored: StoredSession,
        cast: Cast,
        store: Store,
        clock: Clock,
        recent: frozenset[str],
        reviews: Reviews | None = None,
    ) -> None:
        self.id = stored.info.id
        self.setup = stored.info.setup
        self._cast, self._store, self._clock, self._recent, self._reviews = cast, store, clock, recent, reviews
        self._turns = list(stored.turns)
        self._assessments: dict[int, Assessment] = dict(store.history(self.id))
        self._state = replay(self.setup, self._turns, self._assessments)
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        #: Set when the store holds more than this object knows: another process went on with, or deleted, the interview.
        self.outdated = False
        self._voice = cast.voice()
        self._grader = cast.grader()

    # ------------------------------------------------------------ what can be seen

    @property
    def turns(self) -> tuple[Turn, ...]:
        return tuple(self._turns)

    @property
    def finished(self) -> bool:
        return self._state.closed is not None

    @property
    def busy(self) -> bool:
        """Whether a reply is on its way."""
        return self._lock.locked()

    @property
    def interviewer(self) -> str:
        """Who is speaking: `built-in` or a model's name."""
        return self._voice.name

    @property
    def closed(self) -> tuple[QuestionClosed, ...]:
        """Questions that are over, oldest first."""
        return tuple(self._closed(result) for result in self._state.results)

    def _closed(self, result: Result) -> QuestionClosed:
        if not self._shows_grades:
            return QuestionClosed(result.question_id, None, result.why)
        said = [turn for turn in self._turns if turn.question_id == result.question_id]
        return QuestionClosed(
            result.question_id, self._newest(result.question_id), result.why,
            hinted(result.question_id, said, self._assessments), retries(result.question_id, said, self._assessments),
        )  # fmt: skip

    def _newest(self, question_id: str) -> Assessment | None:
        """What was last made of the answer that counts."""
        retried = {turn.number for turn in self._turns if turn.kind is TurnKind.RETRY}
        judged = (a for n, a in sorted(self._assessments.items(), reverse=True) if n not in retried)
        return next((a for a in judged if a.question_id == question_id), None)

    @property
    def progress(self) -> Progress:
        state, thread = self._state, self._state.thread
        used = state.seconds_used + (0.0 if self.finished else active_seconds(state.last_at, self._clock()))
        question = self._bank().get(thread.question_id) if thread else None
        shown = thread is not None and self.setup.mode == "practice"
        return Progress(
            asked=len(state.asked),
            budget=min(self.setup.questions, max(self._questions_there(), len(state.asked))),
            seconds_used=used,
            seconds_left=self.setup.minutes * 60 - used if self.setup.minutes else None,
            points_heard=heard_points(thread) if thread and shown else None,
            points_total=len(question.key_points) if question and shown else None,
            hints_given=thread.hints_given if thread else 0,
            follow_ups=thread.follow_ups if thread else 0,
            next_hint=_rung(thread, question) if thread and question and shown else None,
        )

    def _questions_there(self) -> int:
        """How many questions the chosen topics hold: no interview can ask more."""
        topics = self.setup.topics
        return sum(not topics or question.topic in topics for question in self._bank())

    def _bank(self) -> Bank:
        """The bank with the planned questions as this interview is to ask them."""
        return as_planned(self._cast.bank(), self.setup.plan)

    @property
    def _shows_grades(self) -> bool:
        return self.setup.mode == "practice" or self.finished

    # ------------------------------------------------------------ what can be done

    def proceed(self) -> Iterator[Update]:
        """Whatever the interviewer owes: the opening and first question, or the reply a crash or a closed page cut off.
        Nothing on the candidate's turn."""
        with self._exclusive():
            self._grade_if_owed()
            yield from self._speak_while_due()

    def say(self, text: str, speech: Speech | None = None) -> Iterator[Update]:
        """Something the candidate said or typed; what kind of utterance it is, is recognised. `speech` is how it was spoken.
        Raises SessionError when the
        interview is over, not begun, or busy."""
        text = _kept(text)
        return self._take(recognise(text), text, speech)

    def request(self, kind: TurnKind) -> Iterator[Update]:
        """A button: one of REQUESTS. Raises ValueError for another kind, SessionError like `say`."""
        if kind not in REQUESTS:
            raise ValueError(f"{kind} is no request")
        return self._take(kind, "")

    def retry(self, question_id: str, text: str, speech: Speech | None = None) -> Iterator[Update]:
        """A further answer to a question that is over, also when the interview is; in a real one only then. It is judged apart:
        the first answer stays the one that counts, and the running question waits. Raises SessionError where that can't be."""
        text = _kept(text)
        with self._exclusive():
            if not self._shows_grades or question_id not in {result.question_id for result in self._state.results}:
                raise SessionError("this question can't be answered again")
            self._grade_if_owed()
            turn = Turn(self._next_number(), Speaker.CANDIDATE, TurnKind.RETRY, text, self._clock(), question_id, speech=speech)
            self._commit(turn, self._grade(turn))
            yield Committed(turn)

    def stop_speaking(self) -> None:
        """Cut the model's phrasing short; all that is still due before the candidate's turn follows at once as authored."""
        self._cancelled.set()

    # ------------------------------------------------------------ how it goes

    def _take(self, kind: TurnKind, text: str, speech: Speech | None = None) -> Iterator[Update]:
        with self._exclusive():
            if self.finished:
                raise SessionError("this interview is over")
            if self._state.thread is None and kind is not TurnKind.END:
                raise SessionError("this interview has not begun; call proceed first")
            self._grade_if_owed()
            thread = self._state.thread
            turn = Turn(
                self._next_number(), Speaker.CANDIDATE, kind, text, self._clock(),
                thread.question_id if thread else None, thread.target if thread else None, speech=speech,
            )  # fmt: skip
            self._commit(turn, self._grade(turn) if self._is_gradable(turn) else None)
            yield Committed(turn)
            yield from self._speak_while_due()

    def _commit(self, turn: Turn, grade: Callable[[], Assessment] | None = None) -> None:
        """Store the turn, then what grading it gives. A crash in between leaves an ungraded answer, graded by `proceed`."""
        try:
            self._store.add_turn(self.id, turn)
        except SessionError:
            self.outdated = True
            raise
        self._turns.append(turn)
        assessment = self._keep(turn, grade()) if grade else None
        over = len(self._state.results)
        self._state = advance(self._state, turn, assessment)
        if len(self._state.results) > over:
            self.rate()

    def _keep(self, turn: Turn, assessment: Assessment) -> Assessment:
        self._store.add_assessment(self.id, turn.number, assessment, self._clock())
        self._assessments[turn.number] = assessment
        return assessment

    def rate(self) -> None:
        """Tell the review schedule what the questions that are over have shown. Telling it again changes nothing, so an
        interview that comes back from the store makes up for what a crash kept it from. Real ones tell at their end."""
        if self._reviews is None or not self._shows_grades:
            return
        about = {entry.question_id: entry.point_id for entry in self.setup.plan}
        for closed in self.closed:
            own = [t for t in self._turns if t.question_id == closed.question_id and t.kind is not TurnKind.RETRY]
            if closed.assessment is None or not own:
                continue
            ratings = ratings_of(closed.assessment, own, about.get(closed.question_id))
            try:
                self._reviews.rate(self.id, ratings, own[-1].at)
            except Exception:  # a schedule that can't be written must not end anybody's interview
                log.exception("the reviews of %s could not be kept", closed.question_id)

    def _grade_if_owed(self) -> None:
        last = self._turns[-1] if self._turns else None
        if last and self._is_gradable(last) and last.number not in self._assessments:
            self._keep(last, self._grade(last)())
            self._state = replay(self.setup, self._turns, self._assessments)

    def _is_gradable(self, turn: Turn) -> bool:
        """Answers are; so is "I don't know" when nothing else was said, since that is worth exactly nothing."""
        if turn.kind is TurnKind.DONT_KNOW:
            return not answer_text(self._turns, turn.question_id or "")
        return turn.kind in (TurnKind.ANSWER, TurnKind.RETRY)

    def _grade(self, turn: Turn) -> Callable[[], Assessment]:
        """Grades the whole answer to the running question, this turn included, when called; a retry by itself."""

        def graded() -> Assessment:
            question = self._bank().get(turn.question_id or "")
            if question is None:
                return Assessment.ungraded(turn.question_id or "", "the question is no longer in the bank", self._grader.info)
            answer = answer_as_graded(self._turns, turn, self.setup.lang)
            hits = [hit.passage for hit in self._passages(answer, question.id)]
            item = GradingItem(question, answer, tuple(p.text for p in hits), tuple(p.id for p in hits))
            assessment = _safely(self._grader, item)
            fallback = self._cast.grade_fallback() if self._cast.grade_fallback else None
            if not assessment.graded and fallback is not None and fallback is not self._grader:
                second = _safely(fallback, item)
                raw_reply = assessment.raw_reply or assessment.reason
                return replace(second, flags=(*second.flags, "model-failed"), raw_reply=raw_reply)
            return assessment

        return graded

    def _speak_while_due(self) -> Iterator[Update]:
        material = Material(self._bank(), self._recent)
        while (move := next_move(self._state, material)) is not None:
            leaving = self._state.thread if move.kind in (TurnKind.ASK, TurnKind.CLOSE) else None
            if leaving is not None:
                yield self._closing(leaving.question_id, move)
            if move.kind in (TurnKind.OPEN, TurnKind.ASK):
                self._voice, self._grader = self._cast.voice(), self._cast.grader()
            yield from self._speak(move, material.bank)
        if self.finished:
            yield Ended(self._state.closed.value if self._state.closed else "")

    def _closing(self, question_id: str, move: Move) -> QuestionClosed:
        why = EndOfQuestion((move.detail or "").rpartition("/")[2])
        return QuestionClosed(question_id, self._newest(question_id) if self._shows_grades else None, why)

    def _speak(self, move: Move, bank: Bank) -> Iterator[Update]:
        utterance = Utterance(Provenance(BUILTIN))
        said = ""
        for piece in self._voice.speak(move, self._scene(move, bank), utterance, self._cancelled.is_set):
            said += piece
            yield Spoken(piece)
        turn = Turn(
            self._next_number(), Speaker.INTERVIEWER, move.kind, said, self._clock(),
            move.question_id, move.key_point_id, move.detail, utterance.provenance,
        )  # fmt: skip
        self._commit(turn)
        yield Committed(turn)

    def _scene(self, move: Move, bank: Bank) -> Scene:
        answer = answer_text(self._turns, move.question_id) if move.question_id else ""
        recent = tuple(t.text for t in self._turns if t.speaker is Speaker.INTERVIEWER)[-12:]
        hits: tuple[Hit, ...] = ()
        if move.kind is TurnKind.FOLLOW_UP and move.question_id:
            hits = self._passages(answer, move.question_id)
        return Scene(self._state, bank, self._next_number(), answer, recent, hits, self.turns)

    def _passages(self, query: str, question_id: str) -> tuple[Hit, ...]:
        """What the index has on it; nothing when there is no usable index, since an interview can do without."""
        try:
            return tuple(self._cast.retriever().search(query[:1000], 3, question_id=question_id))
        except Exception:
            log.exception("no passages for %s", question_id)
            return ()

    def _next_number(self) -> int:
        return self._turns[-1].number + 1 if self._turns else 1

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        if not self._lock.acquire(blocking=False):
            raise SessionError("the interviewer is still speaking")
        self._cancelled.clear()
        try:
            yield
        finally:
            self._lock.release()


def answer_as_graded(turns: Sequence[Turn], turn: Turn, lang: Lang) -> str:
    """What is judged once `turn` has been said: the whole answer to its question so far; a retry by itself."""
    if turn.kind is TurnKind.RETRY:
        return turn.text or DONT_KNOW.get(lang)
    so_far = (said for said in turns if said.number <= turn.number)
    return answer_text(so_far, turn.question_id or "") or turn.text or DONT_KNOW.get(lang)


class Interviews:
    """All interviews of one installation."""

    def __init__(
        self,
        cast: Cast,
        store: Store,
        clock: Clock = lambda: datetime.now(UTC),
        confidences: Callable[[str], Mapping[str, int]] = lambda _: {},
        reviews: Reviews | None = None,
        disputes: Callable[[str], Sequence[Dispute]] = lambda _: (),
    ) -> None:
        """`confidences` gives how sure a session's candidate was, in percent by question id, `disputes` what was filed against
        the bank from it, oldest first; `reviews` takes in what interviews show of each key point."""
        self._cast, self._store, self._clock, self._reviews = cast, store, clock, reviews
        self._reports = Reports(store, cast.bank, cast.retriever, confidences, disputes)
        self._live: dict[str, Interview] = {}
        self._lock = threading.Lock()

    def start(self, setup: Setup) -> Interview:
        """A new interview, in the store; nothing is said yet. A seed of 0 is replaced by a random one."""
        if setup.seed == 0:
            setup = replace(setup, seed=secrets.randbelow(2**31) + 1)
        session_id = self._store.create(setup, self._cast.voice().name, self._clock())
        return self.open(session_id)

    def open(self, session_id: str) -> Interview:
        """The interview with that id: the living object, or one rebuilt from the store. Raises SessionError."""
        with self._lock:
            live = self._live.get(session_id)
            if live is None or live.outdated:
                stored = self._store.load(session_id)
                live = Interview(stored, self._cast, self._store, self._clock, self._recent(session_id), self._reviews)
                live.rate()
                self._live[session_id] = live
                self._forget_some()
            return live

    def list(self, limit: int = 100) -> list[SessionInfo]:
        """Newest first. A running interview in real mode shows no score yet."""
        infos = self._store.list(limit)
        return [replace(i, score=None) if i.setup.mode == "real" and i.status == "running" else i for i in infos]

    def delete(self, session_id: str) -> None:
        """Remove an interview for good. Raises SessionError for an unknown id."""
        with self._lock:
            self._store.delete(session_id)
            self._live.pop(session_id, None)

    def report(self, session_id: str) -> Report:
        """The report as of now. Raises SessionError."""
        return self._reports.report(session_id)

    def full_report(self, session_id: str) -> Report:
        """The report with passages from the library on what to study next. Raises SessionError."""
        return self._reports.full_report(session_id)

    def _recent(self, besides: str) -> frozenset[str]:
        sessions = [info.id for info in self._store.list(RECENT_SESSIONS + 1) if info.id != besides]
        turns = (turn for sid in sessions[:RECENT_SESSIONS] for turn in self._store.load(sid).turns)
        return frozenset(turn.question_id for turn in turns if turn.kind is TurnKind.ASK and turn.question_id)

    def _forget_some(self) -> None:
        idle = [sid for sid, interview in self._live.items() if not interview.busy]
        for sid in idle[: max(0, len(self._live) - LIVE_INTERVIEWS)]:
            del self._live[sid]


def _kept(text: str) -> str:
    """An utterance as it is stored: cut, with a note, where it is too long."""
    text = storable(text)
    return text if len(text) <= LONGEST_UTTERANCE else text[:LONGEST_UTTERANCE] + " […]"


def _rung(thread: Thread, question: Question) -> tuple[int, int] | None:
    hint = next_hint(thread, question)
    return (hint[1], rungs(question.point(hint[0]))) if hint else None


def _safely(grader: Grader, item: GradingItem) -> Assessment:
    """An assessment whatever happens: a grader's own fault must not end somebody's interview."""
    try:
        return grader.grade(item)
    except Exception:
        log.exception("grading %s failed", item.question.id)
        return Assessment.ungraded(item.question.id, "the grader failed", grader.info)
