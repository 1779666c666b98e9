"""Cut an answer into the stretches that are judged one by one: sentences, clauses, and neighbouring clauses put together.

Knows punctuation and length only. Offsets are into the answer as it was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from interviewer.domain.text import LATIN_WORD, clauses, normalise, sentences

Span = tuple[int, int]

#: Speech without punctuation is cut into overlapping stretches of about this many characters' worth of text.
_LONG = 90
_STEP = 45
#: At most this many windows are judged, the first ones: bounds the time for an answer at the length limit.
MAX_WINDOWS = 400


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the answer. `sentence` numbers the sentence that it lies in."""

    start: int
    end: int
    text: str
    sentence: int


def sentence_spans(answer: str) -> list[Span]:
    """The answer's sentences; a sentence said before (same words) is left out, so that repeating earns nothing."""
    seen: set[str] = set()
    out: list[Span] = []
    for start, end in sentences(answer):
        key = normalise(answer[start:end]).rstrip("。.!?！？;；")
        if key and key not in seen:
            seen.add(key)
            out.append((start, end))
    return out


def windows(answer: str, spans: Sequence[Span]) -> list[Window]:
    """Every sentence in `spans`, its clauses, and up to three neighbouring clauses together.

    Sentences are never put together: that would make a score depend on what stands next to a claim, and let padding pay.
    """
    found: dict[Span, int] = {}
    for number, (start, end) in enumerate(spans):
        for span in _inside(answer, start, end):
            found.setdefault(span, number)
    ordered = list(found.items())[:MAX_WINDOWS]
    return [Window(a, b, answer[a:b], number) for (a, b), number in ordered]


def _inside(answer: str, start: int, end: int) -> list[Span]:
    parts = [(start + a, start + b) for a, b in clauses(answer[start:end])]
    out = [(start, end)]
    for i, (a, b) in enumerate(parts):
        out.append((a, b))
        out.extend((a, parts[j][1]) for j in (i + 1, i + 2) if j < len(parts))
        if _size(answer[a:b]) > _LONG:
            out.extend(_slices(answer, a, b))
    return out


def _slices(answer: str, start: int, end: int) -> list[Span]:
    """Overlapping stretches of a long run without punctuation, cut at white space where there is some."""
    stretch = _LONG if _size(answer[start:end]) > 0.8 * (end - start) else 4 * _LONG
    out = []
    for at in range(start, end, stretch // 2):
        a = at if at == start else max(start, answer.rfind(" ", start, at + 1) + 1 or at)
        out.append((a, min(end, at + stretch)))
    return out


def _size(text: str) -> int:
    """Length in characters as if every Latin word were two: the two languages say about as much per unit then."""
    letters = sum(m.end() - m.start() - 2 for m in LATIN_WORD.finditer(text))
    return len(text) - letters
