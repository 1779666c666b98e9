"""From what sentences say of key points to the chances that each is stated, touched or stated wrongly; and which sentences are
worth anything by themselves.

Joins the fitted judgement with two rules that hold a point to what is said of it. Knows no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from interviewer.domain.questions import KeyPoint
from interviewer.grading.calibration import Knowledge, sigmoid
from interviewer.grading.judgement import SAID_AT, Sentences, load_judgement, numbers
from interviewer.grading.scoring import Belief, credit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

#: A point is addressed at most this many times as likely as the best sentence is about it.
_REACH = 2.5
#: From here on a sentence by itself says a point in so many words, and how far that is trusted.
SAID, _TRUST = 0.85, 0.8
#: From here on a sentence by itself denies a point that another one states. (Dev: 0.6 does as well.)
SURE_DENIAL = 0.75

#: A sentence of which no part is likelier than this to deny a point, while a part says one in so many words, is a right one.
LIKELY_DENIAL = 0.5


def knowledge(point: KeyPoint) -> Knowledge:
    """Which of the three calibrations suits the point."""
    return "bare" if not point.accepted else "full" if point.contrasts else "accepted"


def chances(points: Sequence[KeyPoint], said: Doubles) -> Doubles:
    """[..., p, 3] that each point is stated, touched and stated wrongly, from [..., p, what is said of it]."""
    known = [knowledge(point) for point in points]
    rows = numbers(said)
    out = np.empty((*rows.shape[:-1], 3))
    for kind in set(known):
        at = [p for p, one in enumerate(known) if one == kind]
        out[..., at, :] = load_judgement(kind).chances(rows[..., at, :])[..., :3]
    return _by_own_words(out, said)


def earning_sentences(points: Sequence[KeyPoint], sentences: Sentences) -> frozenset[int]:
    """The sentences that would earn something if each were the whole answer."""
    alone = chances(points, sentences.said).tolist()
    return frozenset(n for n, rows in zip(sentences.ids, alone, strict=True) if _worth(points, rows) > 0)


def plain_sentences(sentences: Sentences) -> frozenset[int]:
    """The sentences that say a point in so many words and deny none."""
    says = sentences.said[..., SAID_AT["by_itself"]].max(axis=1) >= SAID
    denies = sentences.said[..., SAID_AT["against_itself"]].max(axis=1) >= LIKELY_DENIAL
    return frozenset(n for n, right in zip(sentences.ids, says & ~denies, strict=True) if right)


def _worth(points: Sequence[KeyPoint], rows: Sequence[Sequence[float]]) -> float:
    """The score, 0–100, rounded as scores are."""
    earned = sum(
        point.weight * credit(Belief(stated, contradicted, partly=partly))
        for point, (stated, partly, contradicted) in zip(points, rows, strict=True)
    )
    return round(100 * earned / sum(point.weight for point in points), 1)


def _by_own_words(found: Doubles, said: Doubles) -> Doubles:
    """The three chances, held to what is said of the point itself: the rest of the answer can't make up a point that no
    sentence is about, nor take away one that a sentence says in so many words while none denies it."""
    reach = _REACH * sigmoid(said[..., SAID_AT["about"]])
    addressed = found.sum(axis=-1)
    found = found * np.minimum(1.0, reach / addressed)[..., None]
    by_itself, against_itself = said[..., SAID_AT["by_itself"]], said[..., SAID_AT["against_itself"]]
    plain = (by_itself >= SAID) & (against_itself < SURE_DENIAL)
    stated = np.maximum(found[..., 0], by_itself * _TRUST)
    others = np.minimum(found[..., 1:], 1 - stated[..., None])
    return np.where(plain[..., None], np.concatenate([stated[..., None], others], axis=-1), found)
