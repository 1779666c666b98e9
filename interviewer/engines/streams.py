"""Small stateful filters between a model's tokens and the text people see, and the clock that bounds a call.

Knows nothing of any model library: tokens come in as integers with a `decode` function, text as pieces of any length.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from interviewer.domain.errors import EngineTimeout
from interviewer.engines.thinking import ThoughtFilter, overlap

#: What a byte-level tokenizer's decoder writes for a character whose bytes are not all there yet.
_INCOMPLETE = "\ufffd"


class Deadline:
    """A moment on the monotonic clock, `seconds` from now."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left, 0 when it has passed."""
        return max(0.0, self._end - time.monotonic())

    def error(self) -> EngineTimeout:
        return EngineTimeout(f"the model did not finish within {self.seconds:g} s")

    def check(self) -> None:
        """Raises EngineTimeout once the moment has passed."""
        if not self.left():
            raise self.error()


class Detokenizer:
    """Token ids → text as soon as it can't change any more. A character split over tokens waits for its last byte.

    Decodes from a few tokens back each time, since tokenizers treat a text's first token specially (a leading space).
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._from = 0  # the window that is decoded begins here
        self._shown = 0  # tokens before this one have been handed out

    def feed(self, token: int) -> str:
        self._ids.append(token)
        before = self._decode(self._ids[self._from : self._shown])
        after = self._decode(self._ids[self._from :])
        if len(after) <= len(before) or after.endswith(_INCOMPLETE):
            return ""
        self._from, self._shown = self._shown, len(self._ids)
        return after[len(before) :]


class StopFilter:
    """Ends the text before the first stop string, holding back just what could still become one."""

    def __init__(self, stops: Iterable[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._pending = ""
        self.stopped = False

    def feed(self, piece: str) -> str:
        if self.stopped:
            return ""
        text = self._pending + piece
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.stopped, self._pending = True, ""
            return text[: min(found)]
        keep = len(text) - max((overlap(text, stop) for stop in self._stops), default=0)
        self._pending = text[keep:]
        return text[:keep]

    def finish(self) -> str:
        rest, self._pending = self._pending, ""
        return rest


def visible(pieces: Iterable[str], stops: Sequence[str]) -> Iterator[str]:
    """The pieces a person may see: thoughts dropped, ended before the first of `stops`; never an empty piece."""
    think, stop = ThoughtFilter(), StopFilter(stops)
    for piece in pieces:
        if text := stop.feed(think.feed(piece)):
            yield text
        if stop.stopped:
            return
    if text := stop.feed(think.finish()) + stop.finish():
        yield text
