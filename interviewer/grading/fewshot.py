"""Worked examples for a model's prompt, from the bank itself: what people say of points like the ones being judged.

An accepted phrasing is an example of *stated*, a contrast of *contradicted*, and what someone said of another point of the same
question of *absent*. Nearness is shared words weighted by rarity. Never an example from the question that is being judged: it
would carry the answer into the prompt. Knows neither prompts nor models.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle, islice
from typing import Literal

from interviewer.domain.questions import LANGS, Bank, KeyPoint, Lang, Question
from interviewer.domain.text import detect_language, normalise, terms_for_search

Kind = Literal["stated", "contradicted", "absent"]
#: The order examples come in; the first ones where fewer are wanted. Ending on *absent* leans to the strict side.
KINDS: tuple[Kind, ...] = ("stated", "contradicted", "absent")
#: A phrasing longer than this (characters; English takes about three times as many) costs more to read than it teaches.
_LONGEST: dict[Lang, int] = {"zh": 120, "en": 300}
_KEPT = 512


@dataclass(frozen=True, slots=True)
class Example:
    """What somebody said, and what it does with a point of the question `question_id`."""

    question_id: str
    point: str
    said: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class _Source:
    """A point that can serve: it has a phrasing of every kind in one language."""

    question: Question
    point_id: str
    point: str
    said: dict[Kind, str]
    terms: frozenset[str]


class ExamplePool:
    """Every usable point of a bank. Choosing is a pure function of the bank and the question; a few milliseconds, then kept."""

    def __init__(self, bank: Bank) -> None:
        self._sources: dict[Lang, tuple[_Source, ...]] = {lang: tuple(_sources(bank, lang)) for lang in LANGS}
        self._rarity = {lang: _rarity(source.terms for source in found) for lang, found in self._sources.items()}
        self.near = lru_cache(maxsize=_KEPT)(self._near)

    @property
    def fingerprint(self) -> str:
        """Changes whenever other examples could be chosen."""
        text = repr([[(s.question.id, s.point, sorted(s.said.items())) for s in self._sources[lang]] for lang in LANGS])
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]

    def _near(self, question: Question, lang: Lang, count: int) -> tuple[Example, ...]:
        """At most `count` examples, kinds in turn, each from a question of its own. One set for all points
        of the question, so that they stand in the prefix that the points share."""
        wanted = _terms(question, *question.key_points, lang=lang)
        rarity = self._rarity[lang]
        ranked = sorted(
            (source for source in self._sources[lang] if not _same(source.question, question)),
            key=lambda source: (-_likeness(source.terms, wanted, rarity), source.question.id, source.point_id),
        )
        chosen: list[tuple[_Source, Kind]] = []
        for kind in islice(cycle(KINDS), count):
            used = {source.question.id for source, _ in chosen}
            source = next((s for s in ranked if s.question.id not in used), None)
            if source is None:
                break
            chosen.append((source, kind))
        return tuple(Example(s.question.id, s.point, s.said[kind], kind) for s, kind in chosen)


def _same(a: Question, b: Question) -> bool:
    """Whether they are one question, perhaps imported again under another id."""
    return a.id == b.id or bool(set(map(normalise, a.text.both())) & set(map(normalise, b.text.both())))


def _sources(bank: Bank, lang: Lang) -> Iterator[_Source]:
    for question in bank:
        for point in question.key_points:
            statement = point.statement.zh if lang == "zh" else point.statement.en
            stated = _first(point.accepted, lang)
            wrong = _first(point.contrasts, lang)
            absent = _elsewhere(question, point, lang)
            if statement and stated and wrong and absent:
                said: dict[Kind, str] = {"stated": stated, "contradicted": wrong, "absent": absent}
                yield _Source(question, point.id, statement, said, _terms(question, point, lang=lang))


def _first(phrasings: Iterable[str], lang: Lang) -> str | None:
    return next((p for p in phrasings if detect_language(p) == lang and len(p) <= _LONGEST[lang]), None)


def _elsewhere(question: Question, point: KeyPoint, lang: Lang) -> str | None:
    """What people say of the question's other points, the one that shares least with this point."""
    own = frozenset(t for text in (*point.statement.both(), *point.accepted) for t in terms_for_search(text))
    others = [p for other in question.key_points if other.id != point.id for p in other.accepted]
    usable = [p for p in others if detect_language(p) == lang and len(p) <= _LONGEST[lang]]
    return min(usable, key=lambda p: (len(own & set(terms_for_search(p))), p), default=None)


def _terms(question: Question, *points: KeyPoint, lang: Lang) -> frozenset[str]:
    texts = [question.text.get(lang), *(p.statement.get(lang) for p in points)]
    return frozenset(term for text in texts for term in terms_for_search(text))


def _rarity(documents: Iterable[frozenset[str]]) -> dict[str, float]:
    found = list(documents)
    counts = Counter(term for terms in found for term in terms)
    return {term: math.log(1 + len(found) / count) for term, count in counts.items()}


def _likeness(a: frozenset[str], b: frozenset[str], rarity: dict[str, float]) -> float:
    """Weight of the shared terms against that of the first set's, damped by its length: 0 when nothing is shared."""
    total = math.fsum(rarity.get(term, 0.0) for term in a)
    return math.fsum(rarity.get(term, 0.0) for term in a & b) / math.sqrt(total) if total else 0.0
