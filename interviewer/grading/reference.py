"""Sentences taken from the reference, word for word or with the sign turned round.

Knows which key points each sentence of a reference states. Word for word is right by definition, however strange to hear;
nearly word for word with a negation put in or left out says the opposite, which overlap alone can't see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from interviewer.domain.text import jaccard, normalise, sentences, shingles, tokens
from interviewer.grading.compiled import CompiledQuestion
from interviewer.grading.gates import Judged
from interviewer.grading.lexicon import FUNCTION_WORDS
from interviewer.grading.matching import Match, stating_windows
from interviewer.grading.vocabulary import Units, Vocabulary
from interviewer.grading.windows import Window

#: Sentences shorter than this (tokens) are said by anyone; repeating them is no copy.
_COPY_TOKENS = 8
#: Belief in a point whose sentence was copied, and in one whose sentence was turned round.
_COPIED, _TURNED = 0.97, 0.9
#: Shared word pairs, 0–1, from which a sentence is nearly the reference's.
_NEARLY = 0.55
#: An answer is the reference when it has this much of it and little else.
_ALL, _ELSE = 0.8, 0.2


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the reference (of one language's version) and the points it states."""

    key: str
    version: int
    units: Units
    shingles: frozenset[str]
    size: int
    points: frozenset[int]


def sentence_key(text: str) -> str:
    """What must be equal for two sentences to count as the same words."""
    return normalise(text).strip(" 。.!！?？;；")


def reference_sentences(compiled: CompiledQuestion) -> tuple[Sentence, ...]:
    """Every sentence of the reference, in both languages; a point belongs to the one that states it best."""
    out = []
    for version, text in enumerate(compiled.question.reference.both()):
        found = [Window(a, b, text[a:b], n) for n, (a, b) in enumerate(sentences(text))]
        units = [compiled.vocabulary.units(w.text) for w in found]
        best = stating_windows(compiled, units) if found else []
        for number, (window, unit) in enumerate(zip(found, units, strict=True)):
            points = frozenset(p for p, w in enumerate(best) if w == number)
            key = sentence_key(window.text)
            out.append(Sentence(key, version, unit, shingles(window.text), len(tokens(window.text)), points))
    return tuple(out)


def compare(
    vocabulary: Vocabulary, judged: Judged, matches: list[Match], reference: Sequence[Sentence]
) -> tuple[list[Match], bool]:
    """The matches, corrected where sentences were copied or turned round; and whether the answer simply is the reference."""
    by_key = {s.key: s for s in reference}
    out = list(matches)
    copied: list[Sentence] = []
    other = 0
    for n, (start, end) in enumerate(judged.spans):
        text = judged.text[start:end]
        window = Window(start, end, text, n)
        same = by_key.get(sentence_key(text))
        if same:
            copied.append(same)
            for p in same.points if same.size >= _COPY_TOKENS else ():
                belief = replace(out[p].belief, stated=max(out[p].belief.stated, _COPIED), contradicted=0.0)
                out[p] = replace(out[p], belief=belief, stated_in=window)
            continue
        other += len(tokens(text))
        for p in _turned(vocabulary, text, reference):
            belief = replace(out[p].belief, stated=min(out[p].belief.stated, 1 - _TURNED), contradicted=_TURNED)
            out[p] = replace(out[p], belief=belief, contradicted_in=window)
    size = sum(s.size for s in copied)
    whole = [sum(s.size for s in reference if s.version == v) for v in {s.version for s in copied}]
    return out, bool(copied) and size >= _ALL * min(whole) and other <= _ELSE * (size + other)


def _turned(vocabulary: Vocabulary, text: str, reference: Sequence[Sentence]) -> frozenset[int]:
    """Points of the reference's sentence that this one nearly is, with the sign turned round."""
    said = shingles(text)
    nearest = max(reference, key=lambda s: jaccard(said, s.shingles), default=None)
    if nearest is None or nearest.size < _COPY_TOKENS or jaccard(said, nearest.shingles) < _NEARLY:
        return frozenset()
    units = vocabulary.units(text)
    shared = units.content & nearest.units.content - FUNCTION_WORDS
    clash = sum((w in units.negated) != (w in nearest.units.negated) for w in shared)
    return nearest.points if clash else frozenset()
