"""Measures over a whole answer that need a bank: is it running text, and which question does it answer?

Knows which words stand together and in which question. Only used for questions of that bank: elsewhere it would take an unknown
subject for nonsense. Judges no key point.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from interviewer.domain.questions import Bank, Question
from interviewer.domain.text import detect_language
from interviewer.grading.lexicon import STOP_WORDS
from interviewer.grading.vocabulary import words

#: Runs of this many Chinese characters, or English words, are looked up; shorter answers say nothing about their order.
_RUN = {True: 3, False: 2}
_LEAST = {True: 30, False: 20}
#: Share of runs (of words the bank knows) that the bank has too. Spoken answers: over 0.12 Chinese, 0.29 English; shuffled
#: words:
#: under 0.10 in 97 %, under 0.27 in 90 %. Measured on the dev answers and the references; see evals/LOG.md.
_SHUFFLED = {True: 0.10, False: 0.27}
#: An answer belongs to another question if that one shares so much more of its words, and its own so little.
_OTHER_LEAD = 0.15
_OWN_SHARE = 0.62
_LEAST_WORDS = 25
#: A word that stands in more than this share of the questions tells none of them.
_COMMON = 0.25


@dataclass(frozen=True)
class BankShape:
    """What the bank's own texts look like."""

    questions: dict[str, Question]
    runs: frozenset[tuple[str, ...]]
    known: frozenset[str]
    homes: dict[str, frozenset[str]]

    @classmethod
    def of(cls, bank: Bank) -> Self:
        runs: set[tuple[str, ...]] = set()
        homes: dict[str, set[str]] = defaultdict(set)
        for question in bank:
            for text in _texts(question):
                sequence = words(text)
                for size in _RUN.values():
                    runs.update(_runs(sequence, size))
                for word in sequence:
                    homes[word].add(question.id)
        limit = max(3, _COMMON * len(bank))
        telling = {w: frozenset(ids) for w, ids in homes.items() if len(ids) <= limit and w not in STOP_WORDS}
        return cls({q.id: q for q in bank}, frozenset(runs), frozenset(homes), telling)

    def holds(self, question: Question) -> bool:
        """Whether the question is this bank's own, unchanged."""
        return self.questions.get(question.id) == question

    def is_shuffled(self, texts: Sequence[str]) -> bool:
        """Whether the words stand in an order that no speech has."""
        chinese = detect_language(" ".join(texts)) == "zh"
        runs = [r for t in texts for r in _runs(words(t), _RUN[chinese]) if all(w in self.known for w in r)]
        return len(runs) >= _LEAST[chinese] and sum(r in self.runs for r in runs) < _SHUFFLED[chinese] * len(runs)

    def answers_another(self, question: Question, texts: Sequence[str]) -> bool:
        """Whether the answer's telling words belong to another question much more than to this one."""
        said = {w for t in texts for w in words(t) if w in self.homes}
        if len(said) < _LEAST_WORDS:
            return False
        shares = Counter(home for w in said for home in self.homes[w])
        own = shares.pop(question.id, 0) / len(said)
        best = max(shares.values(), default=0) / len(said)
        return own < _OWN_SHARE and best > own + _OTHER_LEAD


def _texts(question: Question) -> list[str]:
    points = [t for p in question.key_points for t in (*p.statement.both(), *p.accepted, *p.contrasts)]
    wrong = [t for m in question.misconceptions for t in (*m.belief.both(), *m.correction.both(), *m.phrasings)]
    return [*question.text.both(), *question.reference.both(), *points, *wrong]


def _runs(sequence: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(sequence[i : i + size]) for i in range(len(sequence) - size + 1)]
