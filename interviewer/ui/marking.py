"""An answer cut at its evidence, so that the words can be marked where they stand and lead to what was made of them.

Pure: values in, values out. Knows neither markup nor the bank.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from interviewer.domain.assessment import Assessment, Evidence, Verdict

POSSIBLE = "possible"
#: Where quotes overlap, the first of these gives its colour.
_ORDER = (
    Verdict.CONTRADICTED.value, POSSIBLE, Verdict.COVERED.value, Verdict.PARTLY.value, Verdict.MISSING.value,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an answer. `mark` names how it is highlighted (a verdict, or `possible`), empty for plain text; `refs` are
    what it is evidence for: `p1`, the assessment's first point, or `m1`, its first misconception, the mark's own first."""

    text: str
    mark: str = ""
    refs: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The points' numbers, for people; a question mark for a possible misconception."""
        return ",".join(ref[1:] if ref[0] == "p" else "?" for ref in self.refs)


def highlighted(answer: str, assessment: Assessment | None) -> tuple[Piece, ...]:
    """The answer cut at its evidence, none of it lost."""
    if assessment is None:
        return (Piece(answer),) if answer else ()
    quotes = [(p.verdict.value, f"p{n}", p.evidence) for n, p in enumerate(assessment.points, 1) if p.evidence is not None]
    quotes += [(POSSIBLE, f"m{n}", m.evidence) for n, m in enumerate(assessment.misconceptions, 1)]
    quotes.sort(key=lambda quote: _ORDER.index(quote[0]))
    spans = [(mark, ref, span) for mark, ref, quote in quotes if (span := _span(answer, quote)) is not None]
    return tuple(_pieces(answer, spans))


def _span(answer: str, evidence: Evidence) -> tuple[int, int] | None:
    """Where the quote stands: where it says, or else where its words are found."""
    if answer[evidence.start : evidence.end] == evidence.text:
        return evidence.start, evidence.end
    at = answer.find(evidence.text)
    return (at, at + len(evidence.text)) if at >= 0 else None


def _pieces(answer: str, spans: list[tuple[str, str, tuple[int, int]]]) -> Iterator[Piece]:
    cuts = sorted({0, len(answer), *(place for _, _, span in spans for place in span)})
    for start, end in pairwise(cuts):
        over = [(mark, ref) for mark, ref, span in spans if span[0] <= start and end <= span[1]]
        yield Piece(answer[start:end], over[0][0] if over else "", tuple(ref for _, ref in over))
