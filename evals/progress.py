"""How far a long run is: count, rate and time left, rewritten in place on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

#: Seconds between two lines where lines stay, and between two on a terminal.
_LINES, _TERMINAL = 10.0, 0.2
_BAR = 24


class Ticker:
    """Counts things done of `total`. Those that cost nothing (found in a cache) don't count for the rate."""

    def __init__(self, what: str, total: int, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._total, self._say, self._clock = what, total, say, clock
        self._started = self._shown = clock()
        self._done = self._worked = 0
        self._terminal = sys.stderr.isatty()

    def step(self, worked: bool = True) -> None:
        """One more is done."""
        self._done += 1
        self._worked += worked
        now = self._clock()
        if now - self._shown >= (_TERMINAL if self._terminal else _LINES):
            self._shown = now
            self._show(self.line())

    def finish(self) -> None:
        """Say what it came to."""
        if self._terminal:
            print("\r\x1b[K", end="", file=sys.stderr)
        kept = self._done - self._worked
        seconds = self._clock() - self._started
        self._say(f"{self._what}: {self._done} in {_time(seconds)}" + (f", {kept} of them known from before" if kept else ""))

    def line(self) -> str:
        """`grading: 120 of 1000, 4.0 a second, 3 min 40 s left`."""
        seconds = self._clock() - self._started
        text = f"{self._what}: {self._done} of {self._total}"
        if not self._worked or seconds <= 0:
            return text
        rate = self._worked / seconds
        shown = f"{rate:.1f} a second" if rate >= 1 else f"{1 / rate:.1f} s each"
        return f"{text}, {shown}, {_time((self._total - self._done) / rate)} left"

    def _show(self, line: str) -> None:
        if not self._terminal:
            self._say(line)
            return
        full = round(_BAR * self._done / self._total) if self._total else _BAR
        print(f"\r\x1b[K[{'#' * full}{'.' * (_BAR - full)}] {line}", end="", file=sys.stderr, flush=True)


def _time(seconds: float) -> str:
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
