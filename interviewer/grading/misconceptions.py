"""Which of the question's misconceptions an answer seems to state. Conservative: research shows several false alarms per hit.

Knows the bank's phrasings of wrong beliefs. Its findings are shown as *possible* and never touch the score.
"""

from __future__ import annotations

from collections.abc import Sequence

from interviewer.domain.assessment import MisconceptionFound
from interviewer.grading.compiled import CompiledQuestion
from interviewer.grading.evidence import quote
from interviewer.grading.vocabulary import ANY_NEGATION, Units, Vocabulary
from interviewer.grading.windows import Window

#: How much of a phrasing must be said, and by how much it must come nearer than the correction or any right phrasing.
_SAID = 0.55
_LEAD = 0.15


def find_misconceptions(
    compiled: CompiledQuestion, answer: str, found: Sequence[Window], units: Sequence[Units]
) -> list[MisconceptionFound]:
    """Each misconception once, with the words that suggest it."""
    vocabulary = compiled.vocabulary
    right = [p.units for p in compiled.phrases if p.right]
    out = []
    for misconception in compiled.question.misconceptions:
        wrong = [vocabulary.units(t) for t in (*misconception.belief.both(), *misconception.phrasings)]
        correct = [*right, *(vocabulary.units(t) for t in misconception.correction.both())]
        best = max(
            (
                (_nearness(vocabulary, said, wrong, correct), -len(w.text), i)
                for i, (w, said) in enumerate(zip(found, units, strict=True))
            ),
            default=(0.0, 0, 0),
        )
        evidence = quote(answer, found[best[2]]) if best[0] >= _SAID else None
        if evidence:
            out.append(MisconceptionFound(misconception.belief, misconception.correction, evidence))
    return out


def _nearness(vocabulary: Vocabulary, said: Units, wrong: Sequence[Units], correct: Sequence[Units]) -> float:
    """How much of the nearest wrong phrasing was said; 0 when a right one is about as near or the negation differs."""
    score, phrase = max(((_recall(vocabulary, said, w), n) for n, w in enumerate(wrong)), default=(0.0, 0))
    if score < _SAID or not _same_side(said, wrong[phrase]):
        return 0.0
    rival = max((_recall(vocabulary, said, c) for c in correct), default=0.0)
    return score if score >= rival + _LEAD else 0.0


def _recall(vocabulary: Vocabulary, said: Units, phrase: Units) -> float:
    """Share of the phrase's words and pairs, by rarity, that were said."""
    wanted = phrase.content | phrase.pairs
    shared = wanted & said.all
    if 4 * len(shared) < len(wanted):
        return 0.0  # far off: spares the sums for nearly every window
    total = sum(vocabulary.weight(u) for u in wanted)
    part = sum(vocabulary.weight(u) for u in shared)
    return part / total if total else 0.0


def _same_side(said: Units, phrase: Units) -> bool:
    if (ANY_NEGATION in said.negated) != (ANY_NEGATION in phrase.negated):
        return False
    shared = said.content & phrase.content
    clash = sum((w in said.negated) != (w in phrase.negated) for w in shared)
    opposed = any(a * b < 0 for a, b in zip(said.poles, phrase.poles, strict=True))
    return not opposed and clash <= 0.34 * max(1, len(shared))
