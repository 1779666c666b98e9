"""A question made ready for matching: its phrasings as rows of a weight matrix over the units they use.

Knows the bank's question format. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from interviewer.domain.questions import KeyPoint, Question
from interviewer.domain.text import normalise
from interviewer.grading.hearing import Hearing
from interviewer.grading.vocabulary import Units, Vocabulary, concept_names, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]

#: A unit that the question itself says counts this much in a match: repeating the question shows no knowledge.
QUESTION_FACTOR = 0.35
#: Shares of words, adjacent pairs and concepts in a match. Pairs carry word order, which shuffled keywords lack.
BLOCKS = (0.4, 0.35, 0.25)


@dataclass(frozen=True, slots=True)
class Phrase:
    """One way to say a point (`right`) or to get it wrong."""

    point: int
    right: bool
    text: str
    units: Units
    #: The point's own statement, in one language: always there, so never left out when fitting.
    statement: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class CompiledQuestion:
    """`recall[i, v]` is the share of phrase i that unit v makes up: `recall @ presence` is how much of a phrase was said."""

    question: Question
    vocabulary: Vocabulary
    phrases: tuple[Phrase, ...]
    columns: dict[str, int]
    weights: Floats  # [units] rarity, demoted for the question's own words
    word_weights: Floats  # [units] the same for single words, 0 for pairs and concepts
    recall: Floats  # [phrases, units] rows sum to 1
    presence: Floats  # [phrases, units] 0/1
    poles: Floats  # [phrases, opposites]
    groups: tuple[tuple[str, ...], ...]  # per point: its concepts
    asked: frozenset[str]  # units of the question's text
    hearing: Hearing
    plain_weights: Doubles  # [units] rarity of words and pairs as it is, 0 for concepts
    plain_mass: Doubles  # [phrases] the sum of those in each phrase
    plain_length: Doubles  # [phrases] and their Euclidean length

    def narrowed(self, texts: Sequence[Units]) -> Self:
        """The same with the columns of units that the texts use: all that is measured of them, and a tenth of the work."""
        used = sorted({column for text in texts for unit in text.all if (column := self.columns.get(unit)) is not None})
        names = list(self.columns)
        return replace(
            self,
            columns={names[column]: n for n, column in enumerate(used)},
            weights=self.weights[used],
            word_weights=self.word_weights[used],
            recall=self.recall[:, used],
            presence=self.presence[:, used],
            plain_weights=self.plain_weights[used],
        )

    def heard(self, text: str) -> Units:
        """A stretch of an answer taken apart, misheard and mistyped words as they were probably meant."""
        return self.vocabulary.units(text, self.hearing.repaired)

    def rows(self, point: int, right: bool) -> list[int]:
        """Numbers of that point's phrases."""
        return [i for i, p in enumerate(self.phrases) if p.point == point and p.right is right]


def compile_question(question: Question, vocabulary: Vocabulary) -> CompiledQuestion:
    """Everything about a question that does not depend on the answer. Takes a few milliseconds."""
    own = concept_names(group for p in question.key_points for group in p.terms)
    vocabulary = Vocabulary(vocabulary.idf, {**vocabulary.names, **own}, vocabulary.unseen)
    phrases = tuple(phrase for n, p in enumerate(question.key_points) for phrase in _phrases(n, p, vocabulary))
    asked = frozenset().union(*(vocabulary.units(t).all for t in _asked(question)))
    columns: dict[str, int] = {}
    for phrase in phrases:
        for unit in sorted(phrase.units.all):
            columns.setdefault(unit, len(columns))
    weights = np.array([vocabulary.weight(u) * (QUESTION_FACTOR if u in asked else 1.0) for u in columns], dtype=np.float32)
    presence = np.zeros((len(phrases), len(columns)), dtype=np.float32)
    for row, phrase in enumerate(phrases):
        presence[row, [columns[u] for u in phrase.units.all]] = 1.0
    blocks = _blocks(columns)
    recall = _shares(presence * weights, blocks)
    poles = np.array([p.units.poles for p in phrases], dtype=np.float32)
    groups = tuple(_concepts(p, own) for p in question.key_points)
    hearing = Hearing([*(p.units.words for p in phrases), *own], vocabulary.idf)
    plain = np.array([0.0 if u.startswith("§") else vocabulary.weight(u) for u in columns])
    return CompiledQuestion(
        question,
        vocabulary,
        phrases,
        columns,
        weights,
        weights * blocks[:, 0],
        recall,
        presence,
        poles,
        groups,
        asked,
        hearing,
        plain,
        presence @ plain,
        np.sqrt(presence @ plain**2),
    )


def _asked(question: Question) -> list[str]:
    return [*question.text.both(), *(t for r in question.rephrasings for t in r.both())]


def _phrases(number: int, point: KeyPoint, vocabulary: Vocabulary) -> Iterable[Phrase]:
    for text in point.statement.both():
        yield Phrase(number, True, text, vocabulary.units(text), statement=True)
    for text in point.accepted:
        yield Phrase(number, True, text, vocabulary.units(text))
    for text in point.contrasts:
        yield Phrase(number, False, text, vocabulary.units(text))


def _concepts(point: KeyPoint, names: dict[tuple[str, ...], str]) -> tuple[str, ...]:
    """The point's concepts, each once."""
    found: list[str] = []
    for group in point.terms:
        keys = (names.get(tuple(words(normalise(name)))) for name in group)
        concept = next((k for k in keys if k), None)
        if concept and concept not in found:
            found.append(concept)
    return tuple(found)


def _blocks(columns: dict[str, int]) -> Floats:
    """[units, 3]: which of words, pairs and concepts each unit is."""
    kinds = np.zeros((len(columns), 3), dtype=np.float32)
    for unit, column in columns.items():
        kinds[column, 2 if unit.startswith("§") else 1 if " " in unit else 0] = 1.0
    return kinds


def _shares(weighted: Floats, kinds: Floats) -> Floats:
    """Rows scaled so that each block that is there gets its share of 1."""
    out = np.zeros_like(weighted)
    totals = np.zeros((weighted.shape[0], 1), dtype=np.float32)
    for k, share in enumerate(BLOCKS):
        block = weighted * kinds[:, k]
        size = block.sum(axis=1, keepdims=True)
        out += share * np.divide(block, size, out=np.zeros_like(block), where=size > 0)
        totals += share * (size > 0)
    result: Floats = np.divide(out, totals, out=np.zeros_like(out), where=totals > 0).astype(np.float32)
    return result
