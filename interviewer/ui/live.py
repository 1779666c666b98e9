"""Running interviews as the pages see them: the work happens in a thread, pages follow along and may come and go.

A browser tab that reloads, loses its connection or is opened twice must lose nothing, so no page ever drives an interview
itself: it asks a `LiveInterview` to act, and then reads its snapshots. Knows nothing of Gradio, HTML or languages.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from time import monotonic, time_ns
from typing import Protocol

from interviewer.domain.errors import InterviewerError
from interviewer.domain.transcript import Setup, Speaker, Turn, TurnKind, answer_text
from interviewer.session import Committed, Interview, Interviews, Progress, QuestionClosed, Spoken, Update

log = logging.getLogger(__name__)

Action = Callable[[Interview], Iterator[Update]]
#: Told the id of the question that now waits for an answer.
Asked = Callable[[str], None]

#: Seconds between looks at a running interview, and between snapshots of it while a reply grows: the browser needs some 10 ms
#: to draw one, so more than ten a second is waste.
LOOK_EVERY, FOLLOW_EVERY = 0.01, 0.08
#: Interviews kept in memory; older idle ones are rebuilt from the store when someone returns to them.
KEEP = 200


def proceed(interview: Interview) -> Iterator[Update]:
    """The action of letting the interviewer say what is due."""
    return interview.proceed()


class Confidences(Protocol):
    """Keeps how sure candidates said they were. Without such a keeper nobody is asked."""

    def put(self, session_id: str, question_id: str, percent: int, at: datetime) -> None: ...

    def of_session(self, session_id: str) -> dict[str, int]: ...


class Outcome(StrEnum):
    """What became of a request to act."""

    STARTED = "started"
    BUSY = "busy"
    REPEATED = "repeated"
    STALE = "stale"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the last action broke off. `message` is for people; empty when the cause was unexpected and only logged."""

    message: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of an interview; a later one has a larger `version`, after a restart too. `pending` is what the candidate sent
    but isn't committed yet, `speaking` the reply so far, `ticket` the newest message that was taken. `sure` is how sure the
    candidate was, in percent by question id, and `waiting` the question whose assessment isn't shown yet because they are still
    being asked."""

    session_id: str
    setup: Setup
    turns: tuple[Turn, ...]
    closed: tuple[QuestionClosed, ...]
    progress: Progress
    finished: bool
    version: int = 0
    busy: bool = False
    pending: str | None = None
    speaking: str = ""
    ticket: str = ""
    failure: Failure | None = None
    sure: Mapping[str, int] = field(default_factory=dict)
    waiting: str | None = None

    @property
    def shows_grades(self) -> bool:
        """Whether questions that are over may be spoken of: always in practice, in a real interview when it has ended."""
        return self.setup.mode == "practice" or self.finished

    @property
    def owed(self) -> bool:
        """Whether the interviewer has to speak next and isn't, because a reply broke off."""
        if self.busy or self.finished:
            return False
        last = next((turn for turn in reversed(self.turns) if turn.kind is not TurnKind.RETRY), None)
        return last is None or last.speaker is Speaker.CANDIDATE or last.kind is TurnKind.OPEN


class LiveInterview:
    """One interview, at most one action at a time, and the newest snapshot of it. Thread-safe."""

    def __init__(self, interview: Interview, confidences: Confidences | None = None, asked: Asked | None = None) -> None:
        self._interview = interview
        self._confidences, self._asked = confidences, asked
        self._sure = confidences.of_session(interview.id) if confidences else {}
        self._unsaid: set[str] = set()  # asked how sure they are, they'd rather not say
        self._lock = threading.Lock()
        self._last_ticket = ""
        first = Snapshot(interview.id, interview.setup, (), (), interview.progress, finished=False, version=time_ns() // 10**6)
        self._snapshot = self._look(first)

    @property
    def id(self) -> str:
        return self._interview.id

    @property
    def outdated(self) -> bool:
        """Whether another process went on with the interview, or deleted it, and nothing is running here any more."""
        return self._interview.outdated and not self._snapshot.busy

    @property
    def snapshot(self) -> Snapshot:
        return self._snapshot

    def act(
        self,
        action: Action,
        *,
        pending: str | None = None,
        seen: int | None = None,
        ticket: str = "",
        after_the_end: bool = False,
    ) -> Outcome:
        """Run `action` in its own thread, unless something is running or the request makes no sense any more, as most don't
        after the end.

        `seen` is how many turns the asking page shows: a page that lags behind is told so instead of answering the wrong
        question. `ticket` names one draft: the same draft sent twice (a double Enter, two clicks) acts once.
        """
        with self._lock:
            now = self._snapshot
            if ticket and ticket == self._last_ticket:
                return Outcome.REPEATED
            if now.busy:
                return Outcome.BUSY
            if now.finished and not after_the_end:
                return Outcome.OVER
            if seen is not None and seen != len(now.turns):
                return Outcome.STALE
            self._last_ticket = ticket
            self._snapshot = replace(
                now, version=now.version + 1, busy=True, pending=pending, speaking="", ticket=ticket, failure=None
            )
        threading.Thread(target=self._work, args=(action, ticket), name=f"interview-{self.id[:6]}", daemon=True).start()
        return Outcome.STARTED

    def confide(self, question_id: str, percent: int | None) -> bool:
        """Take how sure the candidate says they are; None where they'd rather not say. Only before the assessment is shown:
        False when it was, or nobody asked. Raises InterviewerError when it can't be kept."""
        with self._lock:
            if question_id != self._snapshot.waiting or self._confidences is None:
                return False
            if percent is None:
                self._unsaid.add(question_id)
            else:
                self._confidences.put(self.id, question_id, percent, datetime.now(UTC))
                self._sure = {**self._sure, question_id: percent}
            self._snapshot = self._look(self._snapshot)
            return True

    def stop(self) -> None:
        """Cut the present reply short; the interview keeps itself whole."""
        if self._snapshot.busy:
            self._interview.stop_speaking()

    async def follow(self) -> AsyncIterator[Snapshot]:
        """Snapshots as they come, beginning with the present one, until nothing is going on. The first words of a reply and its
        end are told at once."""
        told, due, speaking = -1, 0.0, False
        while True:
            now = self._snapshot
            at_once = not now.busy or (now.speaking and not speaking)
            if now.version != told and (at_once or monotonic() >= due):
                told, due, speaking = now.version, monotonic() + FOLLOW_EVERY, speaking or bool(now.speaking)
                yield now
            if not now.busy and self._snapshot is now:
                return
            await asyncio.sleep(LOOK_EVERY)

    def _work(self, action: Action, ticket: str) -> None:
        failure: Failure | None = None
        committed_before = len(self._snapshot.turns)
        try:
            self._consume(action(self._interview))
        except InterviewerError as error:
            failure = Failure(str(error))
        except Exception:
            log.exception("interview %s broke off", self.id)
            failure = Failure()
        with self._lock:
            now = self._look(self._snapshot)
            if failure is not None and ticket == self._last_ticket and len(now.turns) == committed_before:
                self._last_ticket = ""  # nothing was kept of this draft, so it may be sent again
            now = self._snapshot = replace(now, busy=False, pending=None, speaking="", failure=failure)
        if self._asked and now.turns and not now.finished:
            self._asked(now.turns[-1].question_id or "")  # the person is reading now

    def _consume(self, updates: Iterator[Update]) -> None:
        for update in updates:
            with self._lock:
                if isinstance(update, Spoken):  # many a second, and nothing else has changed
                    now = self._snapshot
                    self._snapshot = replace(now, version=now.version + 1, speaking=now.speaking + update.delta)
                    continue
                now = self._look(self._snapshot)
                self._snapshot = replace(now, speaking="", pending=None) if isinstance(update, Committed) else now

    def _look(self, old: Snapshot) -> Snapshot:
        interview = self._interview
        turns, closed = interview.turns, interview.closed
        return replace(
            old,
            version=old.version + 1,
            turns=turns,
            closed=closed,
            progress=interview.progress,
            finished=interview.finished,
            sure=self._sure,
            waiting=self._waiting(turns, closed),
        )

    def _waiting(self, turns: Sequence[Turn], closed: Sequence[QuestionClosed]) -> str | None:
        """The newest question, if the candidate is still to say how sure they are of their answer. One that was passed over
        meanwhile is never asked about later: whoever goes on without a word is not held up."""
        setup = self._interview.setup
        if self._confidences is None or setup.mode != "practice" or not setup.confidence or not closed:
            return None
        newest = closed[-1]
        said = newest.question_id in self._sure or newest.question_id in self._unsaid
        judged = newest.assessment is not None and newest.assessment.graded and answer_text(turns, newest.question_id)
        return newest.question_id if judged and not said and not newest.retries else None


class LiveInterviews:
    """The interviews that pages are looking at, by id: every page of one interview follows the same object."""

    def __init__(
        self, interviews: Interviews, confidences: Confidences | None = None, keep: int = KEEP, asked: Asked | None = None
    ) -> None:
        self._interviews = interviews
        self._confidences, self._asked = confidences, asked
        self._keep = keep
        self._lock = threading.Lock()
        self._live: OrderedDict[str, LiveInterview] = OrderedDict()

    def start(self, setup: Setup) -> LiveInterview:
        """A new interview, with its opening under way. Raises InterviewerError."""
        live = self._hold(LiveInterview(self._interviews.start(setup), self._confidences, self._asked))
        live.act(proceed)
        return live

    def get(self, session_id: str) -> LiveInterview:
        """The interview with that id; one that comes back from the store gets the reply it was owed. Raises SessionError."""
        with self._lock:
            live = self._live.get(session_id)
            if live is not None and live.outdated:
                del self._live[session_id]
            elif live is not None:
                self._live.move_to_end(session_id)
                return live
        live = self._hold(LiveInterview(self._interviews.open(session_id), self._confidences, self._asked))
        if live.snapshot.owed:
            live.act(proceed)
        return live

    def shown(self, session_id: str) -> Snapshot | None:
        """The newest snapshot of an interview that pages are looking at; None for any other. Starts and reads nothing."""
        with self._lock:
            live = self._live.get(session_id)
        return live.snapshot if live else None

    def forget(self, session_id: str) -> None:
        """Stop what is running and drop it from memory."""
        with self._lock:
            live = self._live.pop(session_id, None)
        if live is not None:
            live.stop()

    def forget_all(self) -> None:
        """Stop everything and drop it from memory."""
        with self._lock:
            known = list(self._live)
        for session_id in known:
            self.forget(session_id)

    def _hold(self, live: LiveInterview) -> LiveInterview:
        with self._lock:
            live = self._live.setdefault(live.id, live)  # two pages may have opened it at once
            self._live.move_to_end(live.id)
            if len(self._live) > self._keep:
                idle = next((key for key, other in self._live.items() if not other.snapshot.busy and other is not live), None)
                if idle is not None:
                    del self._live[idle]
            return live
