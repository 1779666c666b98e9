"""Who runs the model next, and who may run along: one pass at a time, in the order asked, steps of several texts in one.

There is no thread of its own here. Whoever comes to the head of the queue runs the pass, and takes along the steps that wait
behind; those find theirs done. Knows threads and times; what a pass is, its maker knows.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

S = TypeVar("S")
R = TypeVar("R")
T = TypeVar("T")

#: Others that are about to ask for their next step are waited for this share of what the last pass took. Half a pass lost at
#: worst, and once, against a whole one saved.
_PATIENCE = 0.5


@dataclass(eq=False, slots=True)
class Seat:
    """One text that is being written. `pause` is how long its writer last took from one step's end to asking for the next."""

    answered: float | None = None
    pause: float = 0.0


@dataclass(eq=False, slots=True)
class _Ticket(Generic[S, R]):
    seat: Seat | None = None
    step: S | None = None
    result: R | None = None
    error: BaseException | None = None
    done: bool = False


@dataclass(eq=False)
class Floor(Generic[S, R]):
    """`run` makes one pass of at most `most` steps and gives a result for each, in order. Safe to call from several threads."""

    run: Callable[[Sequence[S]], Sequence[R]]
    most: int = 1
    _queue: deque[_Ticket[S, R]] = field(default_factory=deque)
    _seats: list[Seat] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _last_pass: float = 0.0

    @contextmanager
    def seat(self) -> Iterator[Seat]:
        """A place among the texts that are written now. Leaving it, nobody waits for this text any more."""
        seat = Seat()
        try:
            yield seat
        finally:
            with self._changed:
                if seat in self._seats:
                    self._seats.remove(seat)
                self._changed.notify_all()

    def alone(self, work: Callable[[], T]) -> T:
        """What `work` returns, run when its turn has come and nothing else runs."""
        ticket: _Ticket[S, R] = _Ticket()
        try:
            with self._changed:
                self._queue.append(ticket)
                self._changed.wait_for(lambda: self._queue[0] is ticket)
            return work()
        finally:  # whatever interrupts it, even while it waits: nobody must be left standing behind
            self._leave([ticket])

    def together(self, seat: Seat, step: S) -> R:
        """The step's result, from a pass of its own or with others."""
        ticket: _Ticket[S, R] = _Ticket(seat, step)
        try:
            with self._changed:
                if seat.answered is not None:
                    seat.pause, seat.answered = time.monotonic() - seat.answered, None
                if seat not in self._seats:
                    self._seats.append(seat)
                self._queue.append(ticket)
                self._changed.notify_all()
                self._changed.wait_for(lambda: ticket.done or self._queue[0] is ticket)
                if not ticket.done:
                    self._wait_for_others()
                    batch = [waiting for waiting in self._queue if waiting.step is not None][: self.most]
            if not ticket.done:
                self._lead(batch)
        finally:
            if not ticket.done:  # interrupted while it waited
                self._leave([ticket])
        if ticket.error is not None:
            raise ticket.error
        assert ticket.result is not None
        return ticket.result

    def _wait_for_others(self) -> None:
        """Until all that are about to ask have asked, or enough have, or patience ends. Holds the condition."""
        end = time.monotonic() + _PATIENCE * self._last_pass

        def complete() -> bool:
            asked = sum(ticket.step is not None for ticket in self._queue)
            return asked >= self.most or not any(
                seat.answered is not None and seat.pause <= _PATIENCE * self._last_pass for seat in self._seats
            )

        if not self._changed.wait_for(complete, max(0.0, end - time.monotonic())):
            for seat in self._seats:
                if seat.answered is not None:
                    seat.pause = float("inf")  # it took longer; not waited for again before it has been quick again

    def _lead(self, batch: Sequence[_Ticket[S, R]]) -> None:
        started = time.monotonic()
        try:
            results = self.run([ticket.step for ticket in batch if ticket.step is not None])
            for ticket, result in zip(batch, results, strict=True):
                ticket.result = result
        except BaseException as error:
            for ticket in batch:
                ticket.error = error
        self._last_pass = time.monotonic() - started
        self._leave(batch)

    def _leave(self, batch: Sequence[_Ticket[S, R]]) -> None:
        with self._changed:
            for ticket in batch:
                if ticket in self._queue:
                    self._queue.remove(ticket)
                ticket.done = True
                if ticket.seat is not None:
                    ticket.seat.answered = time.monotonic()
            self._changed.notify_all()
