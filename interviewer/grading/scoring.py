"""From probabilities to verdicts, credits, a score and its band. Arithmetic only: knows no text and no model.

The same rules serve the built-in and the model grader. Everything is a pure function of one answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from interviewer.domain.assessment import PointAssessment, Verdict

#: P(stated) from which a point counts as covered, and P(stated or touched) from which it counts as partly so. Chosen on the dev
#: half of evals/datasets/grading_v2.jsonl, cross-validated by question.
COVERED = 0.5
PARTLY = 0.4
#: The same in P(stated) for a grader that can't tell touching from stating, and is unsure of what is only touched.
PARTLY_ALONE = 0.28
#: What a point that is only touched is worth, as labellers were told.
PARTLY_WORTH = 0.4
#: P(contradicted) needed to say so; it must also exceed P(stated).
CONTRADICTED = 0.4
#: Ends of the ramp from no credit to full credit, in expected credit.
NO_CREDIT = 0.1
FULL_CREDIT = 0.9
#: What a point that is stated here and contradicted there is worth at most.
CONFLICT_CREDIT = 0.3

#: The most an answer can get when this was noticed in it (of 100). Reports name the flag.
CAPS = {"shuffled": 25.0, "off-topic": 15.0}
#: A verbatim reference gets at least this: it is right by definition, however strange to hear.
VERBATIM_FLOOR = 95.0

#: Half-width of the band in standard deviations: about four in five labels should fall inside.
_BAND_Z = 1.3
#: Below this the band would claim more than careful readers agree on: two of them, on other answers, were 2.4 apart on average.
_BAND_FLOOR = 4.0


@dataclass(frozen=True, slots=True)
class Belief:
    """What a grader believes about one point: the chances that it is stated, contradicted, and only touched, each 0–1.

    `doubt` ≥ 1 widens the band where little is known about the point (no authored phrasings). A grader that can't tell touching
    from stating leaves `partly` at 0.
    """

    stated: float
    contradicted: float
    doubt: float = 1.0
    partly: float = 0.0

    @property
    def expected(self) -> float:
        """The credit to be expected, 0–1."""
        return self.stated + PARTLY_WORTH * self.partly


def verdict(belief: Belief) -> Verdict:
    """The verdict that the beliefs amount to."""
    if belief.contradicted >= CONTRADICTED and belief.contradicted > belief.stated:
        return Verdict.CONTRADICTED
    if belief.stated >= COVERED:
        return Verdict.COVERED
    enough = PARTLY if belief.partly else PARTLY_ALONE
    return Verdict.PARTLY if belief.stated + belief.partly >= enough else Verdict.MISSING


def credit(belief: Belief) -> float:
    """Share of the point's weight that counts, 0–1, growing with P(stated) and falling with P(contradicted)."""
    if verdict(belief) is Verdict.CONTRADICTED:
        return 0.0
    ramp = min(1.0, max(0.0, (belief.expected - NO_CREDIT) / (FULL_CREDIT - NO_CREDIT)))
    conflict = min(1.0, max(0.0, belief.contradicted - PARTLY) / (1 - PARTLY))
    return ramp * (1 - (1 - CONFLICT_CREDIT) * conflict)


@dataclass(frozen=True, slots=True)
class Scored:
    """0–100 each, low ≤ score ≤ high."""

    score: float
    low: float
    high: float


def score(points: Sequence[PointAssessment], beliefs: Iterable[Belief], flags: Iterable[str] = ()) -> Scored:
    """Weighted credits, capped by what `flags` say, with a band from each point's own uncertainty."""
    total = sum(p.weight for p in points)
    if total <= 0:
        raise ValueError("key points need a positive total weight")
    value = 100 * sum(p.weight * p.credit for p in points) / total
    variance = sum((p.weight / total) ** 2 * _spread(b) ** 2 for p, b in zip(points, beliefs, strict=True))
    half = max(_BAND_FLOOR, 100 * _BAND_Z * math.sqrt(variance))
    ceiling = min([100.0, *(CAPS[f] for f in flags if f in CAPS)])
    value = min(value, ceiling)
    if "verbatim" in flags:
        value = max(value, VERBATIM_FLOOR)
    value = round(value, 1)
    return Scored(value, round(max(0.0, value - half), 1), round(min(100.0, value + half), 1))


def _spread(belief: Belief) -> float:
    """Standard deviation of a point's true credit as the grader sees it."""
    p = min(0.98, max(0.02, belief.expected))
    return belief.doubt * math.sqrt(p * (1 - p))
