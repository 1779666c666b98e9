"""Find, for every key point, the stretch of an answer that says it and the one that denies it.

Joins windows, features and calibration. Gives beliefs with their windows; verdicts and scores are made in `scoring`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from interviewer.domain.questions import KeyPoint
from interviewer.domain.text import CJK_RUN
from interviewer.grading.calibration import Knowledge, load_calibration
from interviewer.grading.compiled import CompiledQuestion
from interviewer.grading.features import window_features
from interviewer.grading.scoring import Belief
from interviewer.grading.vocabulary import Units
from interviewer.grading.windows import Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

#: How much wider the band is for a point known only by accepted phrasings, or only by its statement.
DOUBT: dict[Knowledge, float] = {"full": 1.0, "accepted": 1.25, "bare": 1.6}
#: And for a bare point in the other language than the answer: only shared names can match.
OTHER_LANGUAGE_DOUBT = 2.0
#: What naming a term in a bare list counts, against saying something about it.
LIST_FACTOR = 0.3


@dataclass(frozen=True, slots=True)
class Match:
    """One point's belief, and the windows it rests on (None when nothing comes near)."""

    belief: Belief
    stated_in: Window | None
    contradicted_in: Window | None
    #: How likely any stretch is about the point at all, 0–1.
    touched: float


def knowledge(point: KeyPoint) -> Knowledge:
    """Which of the three calibrations suits the point."""
    return "bare" if not point.accepted else "full" if point.contrasts else "accepted"


def match_points(
    compiled: CompiledQuestion, found: Sequence[Window], units: Sequence[Units], lists: frozenset[int] = frozenset()
) -> list[Match]:
    """One Match per key point, in order. `lists` numbers sentences that are bare lists of terms: those hardly count."""
    features = window_features(compiled, units)
    out = []
    factor = np.array([LIST_FACTOR if w.sentence in lists else 1.0 for w in found], dtype=np.float32)
    chinese = any(CJK_RUN.search(w.text) for w in found)
    for p, point in enumerate(compiled.question.key_points):
        known = knowledge(point)
        doubt = DOUBT[known]
        if known == "bare" and not (point.statement.zh if chinese else point.statement.en):
            doubt = OTHER_LANGUAGE_DOUBT
        if not found:
            out.append(Match(Belief(0.0, 0.0, doubt), None, None, 0.0))
            continue
        chances = load_calibration(known).probabilities(features[:, p])
        chances[:, :2] *= factor[:, None]
        chances[:, 2] = 1 - chances[:, 0] - chances[:, 1]
        out.append(_best(chances, found, doubt))
    return out


def _best(chances: Floats, found: Sequence[Window], doubt: float) -> Match:
    """Each sentence speaks once, through its window that is most about the point; the best and the worst sentence count."""
    about = 1 - chances[:, 2]
    speaking: dict[int, int] = {}
    for i, window in enumerate(found):
        held = speaking.get(window.sentence)
        if held is None or about[i] > about[held]:
            speaking[window.sentence] = i
    chosen = list(speaking.values())
    s = max(chosen, key=lambda i: float(chances[i, 0]))
    c = max(chosen, key=lambda i: float(chances[i, 1]))
    return Match(Belief(float(chances[s, 0]), float(chances[c, 1]), doubt), found[s], found[c], float(about.max()))
