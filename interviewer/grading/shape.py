"""Measures over a whole answer that need a bank: is it running text, and which question does it answer?

Knows which words stand together and in which question. Only used for questions of that bank: elsewhere it would take an unknown
subject for nonsense. Judges no key point.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Self

from interviewer.domain.questions import Bank, Question
from interviewer.domain.text import detect_language
from interviewer.grading.lexicon import STOP_WORDS
from interviewer.grading.vocabulary import words

#: Runs of this many Chinese characters, or English words, are looked up; shorter answers say nothing about their order.
_RUN = {True: 3, False: 2}
_LEAST = {True: 30, False: 20}
#: How many more of its runs than chance (the same words in random order) a text must share with the bank, as a share of
#: those that could be more. Chance grows with the bank, so it is measured on each answer. Spoken dev answers: over 0.17 in
#: Chinese, 0.25 in English but for one; shuffled ones: under 0.16 in 96 %, under 0.15 in 98 %.
_ORDERED = {True: 0.16, False: 0.15}
_PERMUTATIONS = 5
#: An answer belongs to another question if that one shares so much more of its telling units, and its own so little.
_OTHER_LEAD = 0.15
_OWN_SHARE = 0.4
_LEAST_TELLING = 25
#: What stands in more than this share of the questions tells none of them.
_COMMON = 0.25


@dataclass(frozen=True)
class BankShape:
    """What the bank's own texts look like."""

    questions: dict[str, Question]
    runs: frozenset[tuple[str, ...]]
    known: frozenset[str]
    #: By telling unit (`_subjects`), the questions whose texts hold it.
    homes: dict[str, frozenset[str]]

    @classmethod
    def of(cls, bank: Bank) -> Self:
        runs: set[tuple[str, ...]] = set()
        known: set[str] = set()
        homes: dict[str, set[str]] = defaultdict(set)
        for question in bank:
            for text in _texts(question):
                sequence = words(text)
                for size in _RUN.values():
                    runs.update(_runs(sequence, size))
                known.update(sequence)
                for unit in _subjects(sequence):
                    homes[unit].add(question.id)
        limit = max(3, _COMMON * len(bank))
        telling = {unit: frozenset(ids) for unit, ids in homes.items() if len(ids) <= limit and unit not in STOP_WORDS}
        return cls({q.id: q for q in bank}, frozenset(runs), frozenset(known), telling)

    def holds(self, question: Question) -> bool:
        """Whether the question is this bank's own, unchanged."""
        return self.questions.get(question.id) == question

    def is_shuffled(self, texts: Sequence[str]) -> bool:
        """Whether the words stand in an order that no speech has."""
        chinese = detect_language(" ".join(texts)) == "zh"
        size = _RUN[chinese]
        runs = [r for t in texts for r in _runs(words(t), size) if all(w in self.known for w in r)]
        if len(runs) < _LEAST[chinese]:
            return False
        chance = self._share_by_chance([w for t in texts for w in words(t) if w in self.known], size)
        share = sum(r in self.runs for r in runs) / len(runs)
        return share - chance < _ORDERED[chinese] * (1 - chance)

    def _share_by_chance(self, known: Sequence[str], size: int) -> float:
        """Share of runs that the bank has when the same words come in random order (always the same ones)."""
        generator = random.Random(0)  # noqa: S311 - a fixed shuffle, nothing secret
        sequence, hits, total = list(known), 0, 0
        for _ in range(_PERMUTATIONS):
            generator.shuffle(sequence)
            runs = _runs(sequence, size)
            hits += sum(r in self.runs for r in runs)
            total += len(runs)
        return hits / total if total else 0.0

    def answers_another(self, question: Question, texts: Sequence[str]) -> bool:
        """Whether the answer's telling units belong to another question much more than to this one."""
        said = {unit for t in texts for unit in _subjects(words(t)) if unit in self.homes}
        if len(said) < _LEAST_TELLING:
            return False
        shares = Counter(home for unit in said for home in self.homes[unit])
        own = shares.pop(question.id, 0) / len(said)
        best = max(shares.values(), default=0) / len(said)
        return own < _OWN_SHARE and best > own + _OTHER_LEAD


def _texts(question: Question) -> list[str]:
    points = [t for p in question.key_points for t in (*p.statement.both(), *p.accepted, *p.contrasts)]
    wrong = [t for m in question.misconceptions for t in (*m.belief.both(), *m.correction.both(), *m.phrasings)]
    return [*question.text.both(), *question.reference.both(), *points, *wrong]


def _subjects(sequence: Sequence[str]) -> Iterator[str]:
    """What tells of a subject: words, and of Chinese, where single characters stand in every question, adjacent pairs."""
    for word, following in zip_longest(sequence, sequence[1:], fillvalue=""):
        if word.isascii():
            yield word
        elif not following.isascii():
            yield word + following


def _runs(sequence: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return list(zip(*(sequence[i:] for i in range(size)), strict=False))
