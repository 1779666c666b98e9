"""Texts as weighted units: words, Chinese characters, adjacent pairs and named concepts, with negation marked.

Knows how rare a unit is in a bank and which names mean one concept; knows nothing of questions' structure or of verdicts.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Self

from interviewer.domain.questions import Bank
from interviewer.domain.text import CJK_RUN, normalise, tokens
from interviewer.grading.lexicon import NEGATION, OPPOSITES, SCOPE_END, SCOPE_TOKENS, STOP_WORDS

#: Weight of a unit never seen in the bank, when there is no bank to learn rarity from.
_DEFAULT_IDF = 3.0
#: What a stop word's rarity is multiplied by.
_STOP_FACTOR = 0.15
#: Stands among the negated words of any text that negates something.
ANY_NEGATION = "¬"
_SUFFIXES = (
    "isations",
    "isation",
    "ations",
    "ation",
    "ings",
    "ing",
    "ised",
    "ises",
    "ise",
    "ies",
    "ied",
    "ers",
    "ed",
    "es",
    "ly",
    "s",
    "e",
)


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """A Latin word without its commonest endings, British spelling, at most 8 letters; anything short or Chinese unchanged."""
    if len(word) <= 3 or not word.isascii() or any(c.isdigit() for c in word):
        return word
    word = re.sub(r"iz(?=[aei])", "is", word.replace("'s", ""))
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3 and not word.endswith("ss"):
            word = word[: -len(suffix)]
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls":
        word = word[:-1]  # dropped → dropp → drop
    return word[:8]


def words(text: str) -> list[str]:
    """Stemmed Latin words (hyphenated ones in parts) and single Chinese characters, in order."""
    out: list[str] = []
    for token in tokens(text):
        if len(token) == 1:
            out.append(token)
        else:
            out += _stems(token)
    return out


@lru_cache(maxsize=50_000)
def _stems(token: str) -> tuple[str, ...]:
    return tuple(stem(part) for part in token.replace("_", "-").split("-") if part)


@dataclass(frozen=True, slots=True)
class Units:
    """One text, taken apart. `words` keep their order; `negated` are those within reach of a negation.

    `poles` has +1, −1 or 0 for each pair of `lexicon.OPPOSITES`: which side the text takes, 0 for neither or both.
    """

    words: tuple[str, ...]
    #: The words without stop words.
    content: frozenset[str]
    pairs: frozenset[str]
    concepts: tuple[str, ...]
    negated: frozenset[str]
    poles: tuple[int, ...]
    #: Words, pairs and concepts together.
    all: frozenset[str]


@dataclass(frozen=True)
class Vocabulary:
    """Rarity of units and the names of concepts. Without a bank every unit is equally rare and no concept has two names."""

    idf: Mapping[str, float] = field(default_factory=dict)
    #: Name of a concept, in words → the concept.
    names: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    unseen: float = _DEFAULT_IDF

    @cached_property
    def starts(self) -> dict[str, int]:
        """First words of the names, and how many words the longest that begins so has: most words begin none."""
        longest: dict[str, int] = {}
        for name in self.names:
            longest[name[0]] = max(len(name), longest.get(name[0], 0))
        return longest

    @classmethod
    def from_bank(cls, bank: Bank) -> Self:
        """Rarity over the bank's statements and phrasings, each one a document; concepts from its term groups."""
        names = concept_names(group for q in bank for p in q.key_points for group in p.terms)
        bare = cls(names=names)
        documents = [t for q in bank for p in q.key_points for t in (*p.statement.both(), *p.accepted, *p.contrasts)]
        counts: Counter[str] = Counter()
        chinese = 0
        for text in documents:
            chinese += bool(CJK_RUN.search(text))
            distinct, pairs, concepts = bare._parts(words(normalise(text)))
            counts.update(distinct | pairs | frozenset(concepts))
        if not documents:
            return bare
        english = max(1, len(documents) - chinese)
        # Rarity is counted inside the language, or every English word would look rare in a mostly Chinese bank.
        idf = {u: math.log(1 + (chinese or 1 if CJK_RUN.search(u) else english) / n) for u, n in counts.items()}
        return cls(idf, names, math.log(1 + len(documents) / 2))

    def weight(self, unit: str) -> float:
        """How much it says that two texts share this unit, ≥ 0."""
        value = self.idf.get(unit, self.unseen)
        return value * _STOP_FACTOR if unit in STOP_WORDS else value

    def units(self, text: str, hear: Callable[[Sequence[str]], Sequence[str]] | None = None) -> Units:
        """The text taken apart, its words as `hear` understands them. Any string is fine."""
        folded = normalise(text)
        sequence: Sequence[str] = words(folded)
        if hear:
            sequence = hear(sequence)
        distinct, pairs, concepts = self._parts(sequence)
        return Units(
            words=tuple(sequence),
            content=distinct - STOP_WORDS,
            pairs=pairs,
            concepts=concepts,
            negated=_negated(folded),
            poles=_poles(folded),
            all=distinct | pairs | frozenset(concepts),
        )

    def _parts(self, sequence: Sequence[str]) -> tuple[frozenset[str], frozenset[str], tuple[str, ...]]:
        """Distinct words, adjacent pairs and concepts."""
        pairs = [f"{a} {b}" for a, b in itertools.pairwise(sequence) if a not in STOP_WORDS or b not in STOP_WORDS]
        return frozenset(sequence), frozenset(pairs), self._concepts(sequence)

    def _concepts(self, sequence: Sequence[str]) -> tuple[str, ...]:
        found: list[str] = []
        starts, end = self.starts, 0
        for i, word in enumerate(sequence):
            if word not in starts or i < end:
                continue
            for length in range(min(starts[word], len(sequence) - i), 0, -1):
                concept = self.names.get(tuple(sequence[i : i + length]))
                if concept is not None:
                    found.append(concept)
                    end = i + length
                    break
        return tuple(found)


_LONGEST_NAME = 8


def concept_names(groups: Iterable[Sequence[str]]) -> dict[tuple[str, ...], str]:
    """Every name in the groups → its concept. A name that stands in several groups belongs to the first.

    Groups of which more than half is known already are the same concept; sharing one common word is not enough, or chains of
    such words would join half the bank.
    """
    names: dict[tuple[str, ...], str] = {}
    for group in groups:
        keys = [tuple(words(normalise(name))) for name in group]
        keys = [k for k in keys if k and len(k) <= _LONGEST_NAME]
        known = Counter(names[k] for k in keys if k in names).most_common(1)
        concept = known[0][0] if known and 2 * known[0][1] > len(keys) else None
        for key in keys:
            names.setdefault(key, concept or f"§{' '.join(keys[0])}")
    return names


#: No speech denies more often; thousands of 不 in a row are no speech and would take seconds.
_NEGATIONS_READ = 300


def _negated(folded: str) -> frozenset[str]:
    out: set[str] = set()
    for match in itertools.islice(NEGATION.finditer(folded), _NEGATIONS_READ):
        if match.group("skip"):
            continue
        out.add(ANY_NEGATION)
        end = SCOPE_END.search(folded, match.end())
        scope = folded[match.end() : min(end.start() if end else len(folded), match.end() + 60)]
        out.update(words(scope)[:SCOPE_TOKENS])
    return frozenset(out - STOP_WORDS)


def _poles(folded: str) -> tuple[int, ...]:
    return tuple(bool(a.search(folded)) - bool(b.search(folded)) for a, b in OPPOSITES)
