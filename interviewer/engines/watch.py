"""An engine under watch: what hangs, fails again and again or is too slow is left alone for a while, and callers are told so.

Every call runs in a thread of its own, since nothing else can walk away from a forward pass that never ends. Speaking and
judging are watched apart, so that a model that talks well but can't judge goes on talking. Knows nothing of interviews: who
carries on meanwhile is for the caller to decide.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from interviewer.domain.errors import ContextOverflow, EngineOutOfMemory, EngineTimeout, EngineUnavailable
from interviewer.engines.breaker import Attempt, Breaker, Cause, Limits, Trouble
from interviewer.engines.memory import is_out_of_memory
from interviewer.engines.work import Work
from interviewer.ports import ChatRequest, ChoiceRequest, Engine, EngineInfo

T = TypeVar("T")

#: Seconds that closing waits for calls under way: some forward passes, even of a slow model.
_LAST_WAIT = 10.0
#: Seconds between looks at whether the caller still wants the answer.
_POLL = 0.05
#: What a Latin letter takes to read, in Chinese characters: some fifteen letters a second against four characters, read aloud.
_LETTER = 0.25
#: A reply that took less than this (seconds) from its first piece on is never called slow.
_LEAST_TIME = 4.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds: for a reply's first piece, for each one after it, and beyond a call's own time limit.

    `pace` is the slowest a whole reply may come, in Chinese characters a second (four letters count as one): that of slow
    reading aloud. The seconds are round numbers: past them people believe that it hangs.
    """

    first: float = 30.0
    next: float = 10.0
    grace: float = 5.0
    pace: float = 2.5
    limits: Limits = field(default_factory=Limits)


#: For engines in interviews.
PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the engine may be asked to talk and to judge now, and the trouble it is resting from with each."""

    talks: bool
    judges: bool
    talking: Trouble | None = None
    judging: Trouble | None = None


class WatchedEngine:
    """The engine `inner`, under watch. While it rests every call raises EngineUnavailable at once.

    No trial is made while a call that was given up has not come back, so at most the calls of one moment are ever stuck.
    """

    def __init__(self, inner: Engine, patience: Patience | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.inner = inner
        self._patience = patience or PATIENCE
        self._clock = clock
        self._talking = Breaker(self._patience.limits, clock)
        self._judging = Breaker(self._patience.limits, clock)
        self._lock = threading.Lock()
        self._under_way: set[Work[Any]] = set()
        self._stuck: set[Work[Any]] = set()
        self._closed = False

    @property
    def info(self) -> EngineInfo:
        return self.inner.info

    @property
    def health(self) -> Health:
        free = not self._closed and not self._stuck
        talking, judging = self._talking, self._judging
        return Health(free and talking.closed, free and judging.closed, talking.trouble, judging.trouble)

    def stream(self, request: ChatRequest, cancelled: Callable[[], bool] = lambda: False) -> Iterator[str]:
        attempt = self._admitted(self._talking)
        left = threading.Event()
        heard, since = _Heard(self._clock), self._clock()

        def speak(put: Callable[[str], None]) -> None:
            pieces = self.inner.stream(request, lambda: left.is_set() or cancelled())
            try:
                for piece in pieces:
                    heard.add(piece)
                    put(piece)
            finally:
                if isinstance(pieces, Generator):
                    pieces.close()

        try:
            yield from self._pieces(self._begun(speak), since, request.timeout, cancelled)
            self._spoken(attempt, heard, wanted=not cancelled())
        except GeneratorExit:  # the reader has what it wanted
            self._spoken(attempt, heard, wanted=False)
            raise
        except Exception as error:
            raise self._blamed(attempt, error) from error.__cause__
        finally:
            left.set()
            attempt.dropped()  # unless it had an outcome

    def score_choices(self, request: ChoiceRequest) -> list[tuple[float, ...]] | None:
        return self._called(lambda: self.inner.score_choices(request), request.timeout)

    def complete_json(self, request: ChatRequest, schema: Mapping[str, Any]) -> tuple[Any, str]:
        return self._called(lambda: self.inner.complete_json(request, schema), request.timeout)

    def close(self) -> None:
        """Calls under way, if not given up, are waited for a little: a thread still inside a forward pass when the program ends
        takes it down with an abort."""
        self._closed = True
        self.inner.close()
        until = self._clock() + _LAST_WAIT
        with self._lock:
            under_way = self._under_way - self._stuck
        for work in under_way:
            work.wait(max(0.0, until - self._clock()))

    # ------------------------------------------------------------ waiting

    def _pieces(self, work: Work[None], since: float, timeout: float, cancelled: Callable[[], bool]) -> Iterator[str]:
        """What the work, begun at `since`, puts out until it ends or the caller has had enough. Raises what it raised,
        EngineTimeout when it hangs."""
        patience = self._patience.first
        until = since + timeout + self._patience.grace
        while not cancelled():
            try:
                piece = work.next(_POLL)
            except queue.Empty:
                waited = self._clock() - since
                if waited > patience or self._clock() > until:
                    raise self._given_up(work, f"no word from {self.info.model} for {waited:.0f} s") from None
                continue
            self._check_open()
            if piece is None or cancelled():
                return
            yield piece
            patience, since = self._patience.next, self._clock()

    def _called(self, call: Callable[[], T], timeout: float) -> T:
        """The result of a call that judges."""
        attempt = self._admitted(self._judging)
        limit = timeout + self._patience.grace
        until = self._clock() + limit
        try:
            work = self._begun(lambda _: call())
            while not work.ended(_POLL):
                if self._clock() > until:
                    raise self._given_up(work, f"{self.info.model} did not answer within {limit:.0f} s")
            self._check_open()
        except Exception as error:
            raise self._blamed(attempt, error) from error.__cause__
        else:
            if work.result is not None:  # "can't tell probabilities" says nothing of how it is doing
                attempt.worked()
            return work.result
        finally:
            attempt.dropped()

    def _begun(self, call: Callable[[Callable[[Any], None]], T]) -> Work[T]:
        with self._lock:  # it can't come back before it is known to be away
            work = Work(call, self._came_back)
            self._under_way.add(work)
        return work

    def _given_up(self, work: Work[Any], line: str) -> EngineTimeout:
        with self._lock:
            if not work.over:
                self._stuck.add(work)
        return EngineTimeout(line)

    def _came_back(self, work: Work[Any]) -> None:
        with self._lock:
            self._under_way.discard(work)
            self._stuck.discard(work)

    # ------------------------------------------------------------ blaming

    def _admitted(self, breaker: Breaker) -> Attempt:
        """Raises EngineUnavailable when it is closed or resting."""
        self._check_open()
        attempt = None if self._stuck else breaker.admit()
        if attempt is None:
            why = f": {breaker.trouble.line}" if breaker.trouble else ""
            raise EngineUnavailable(f"{self.info.model} is left alone for a while{why}")
        return attempt

    def _check_open(self) -> None:
        if self._closed:
            raise EngineUnavailable(f"the model {self.info.model} has been closed")

    def _blamed(self, attempt: Attempt, error: Exception) -> Exception:
        """The error to raise, once it has been held against the engine."""
        if self._closed or isinstance(error, ContextOverflow):
            attempt.dropped()  # not the engine's fault
            return error
        if is_out_of_memory(error):
            error = EngineOutOfMemory(f"out of memory running {self.info.model}: {_first_line(error)}")
        line = _first_line(error)
        if isinstance(error, EngineOutOfMemory | EngineTimeout):
            trouble = Trouble(Cause.MEMORY if isinstance(error, EngineOutOfMemory) else Cause.STALLED, line)
            attempt.failed(trouble, at_once=True)
            self._talking.trip(trouble)  # what ails the machine ails both
            self._judging.trip(trouble)
        else:
            attempt.failed(Trouble(Cause.FAILING, line))
        return error

    def _spoken(self, attempt: Attempt, heard: _Heard, wanted: bool) -> None:
        """A reply is over: it ended, or (not `wanted` any more) the caller left."""
        if heard.slower_than(self._patience.pace):
            attempt.failed(Trouble(Cause.SLOW, f"{self.info.model} speaks more slowly than one reads aloud"))
        elif heard.pieces:
            attempt.worked()
        elif wanted:
            attempt.failed(Trouble(Cause.FAILING, f"{self.info.model} said nothing"))
        else:
            attempt.dropped()


class _Heard:
    """How much of a reply has come, and how fast it came out of the engine, whatever the reader does."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._first = self._last = self._size = 0.0
        self.pieces = 0

    def add(self, piece: str) -> None:
        self._last = self._clock()
        if self.pieces == 0:
            self._first = self._last
        else:  # the first piece took no time of the span that is measured
            self._size += sum(1.0 if letter > "\u2e80" else _LETTER for letter in piece)
        self.pieces += 1

    def slower_than(self, pace: float) -> bool:
        seconds = self._last - self._first
        return seconds > _LEAST_TIME and self._size < pace * seconds


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
