"""A circuit breaker: after too much trouble whatever it guards is left alone for a while, then tried once.

Arithmetic on outcomes and a clock. Knows neither engines nor threads beyond its own lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """What kind of trouble it was, for whoever has to say so in another language."""

    MEMORY = "memory"
    STALLED = "stalled"
    SLOW = "slow"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is a rest. `line` is one English sentence without the details of a traceback."""

    cause: Cause
    line: str


@dataclass(frozen=True, slots=True)
class Limits:
    """`failures` in a row bring a rest of `rest` seconds; each trial that fails doubles it, up to `longest_rest`."""

    failures: int = 3
    rest: float = 60.0
    longest_rest: float = 960.0


class Breaker:
    """Admits calls while all is well; after trouble none until the rest is over, then one. Safe to use from several threads."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits, self._clock = limits, clock
        self._lock = threading.Lock()
        self._failed = self._worked = self._rests = 0
        self._until = 0.0
        self._trial: Attempt | None = None
        self._trouble: Trouble | None = None

    @property
    def trouble(self) -> Trouble | None:
        """What it is resting from; None when all is well. Stays until a trial has worked."""
        return self._trouble

    @property
    def closed(self) -> bool:
        """Whether a call would be admitted now."""
        with self._lock:
            return self._admits()

    def admit(self) -> Attempt | None:
        """Leave to make one call; None during a rest, and while the call on trial is under way."""
        with self._lock:
            if not self._admits():
                return None
            attempt = Attempt(self)
            if self._trouble is not None:
                self._trial = attempt
            return attempt

    def trip(self, trouble: Trouble) -> None:
        """Rest from now on, whatever the count. During a rest this only begins it anew for the call on trial."""
        with self._lock:
            if self._trouble is None or self._trial is not None:
                self._rest(trouble)

    def _admits(self) -> bool:
        return self._trouble is None or (self._trial is None and self._clock() >= self._until)

    def _rest(self, trouble: Trouble) -> None:
        limits = self._limits
        self._until = self._clock() + min(limits.rest * 2**self._rests, limits.longest_rest)
        self._rests += 1
        self._failed = self._worked = 0
        self._trouble, self._trial = trouble, None

    def _settled(self, attempt: Attempt, trouble: Trouble | None, at_once: bool) -> None:
        with self._lock:
            if self._trouble is not None and self._trial is not attempt:
                return  # begun before the rest; the trial decides
            if trouble is None:
                self._failed, self._worked = 0, self._worked + 1
                self._trouble = self._trial = None
                if self._worked >= self._limits.failures:
                    self._rests = 0  # well for good: the next rest is a short one again
                return
            self._failed, self._worked = self._failed + 1, 0
            if at_once or self._trial is attempt or self._failed >= self._limits.failures:
                self._rest(trouble)

    def _dropped(self, attempt: Attempt) -> None:
        with self._lock:
            if self._trial is attempt:
                self._trial = None


class Attempt:
    """One admitted call. Its first outcome counts; it must have one."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker: Breaker | None = breaker

    def worked(self) -> None:
        if breaker := self._take():
            breaker._settled(self, None, at_once=False)

    def failed(self, trouble: Trouble, at_once: bool = False) -> None:
        """`at_once`: trouble of a kind that isn't waited for to happen again."""
        if breaker := self._take():
            breaker._settled(self, trouble, at_once)

    def dropped(self) -> None:
        """It says nothing either way: the caller left, or asked for the impossible."""
        if breaker := self._take():
            breaker._dropped(self)

    def _take(self) -> Breaker | None:
        breaker, self._breaker = self._breaker, None
        return breaker
