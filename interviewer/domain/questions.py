"""Questions, their key points, and the bank that holds them.

Knows nothing of files, language models or how an answer is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Lang = Literal["zh", "en"]
LANGS: tuple[Lang, Lang] = ("zh", "en")


@dataclass(frozen=True, slots=True)
class LocalText:
    """One text in Chinese and English; either may be empty in imported material, not both."""

    zh: str = ""
    en: str = ""

    def get(self, lang: Lang) -> str:
        """The text in `lang`, or in the other language where that one is missing."""
        first, second = (self.zh, self.en) if lang == "zh" else (self.en, self.zh)
        return first or second

    def both(self) -> tuple[str, ...]:
        """Every version that is there."""
        return tuple(text for text in (self.zh, self.en) if text)

    def __bool__(self) -> bool:
        return bool(self.zh or self.en)


@dataclass(frozen=True, slots=True)
class KeyPoint:
    """One atomic claim that a good answer makes.

    `weight` is relative within the question (1 a bonus, 2 expected, 3 essential). Each group of `terms` lists the names of one
    concept in both languages. `accepted` are ways people say the point, `contrasts` fluent wrong versions of it.
    """

    id: str
    statement: LocalText
    weight: float = 1.0
    terms: tuple[tuple[str, ...], ...] = ()
    accepted: tuple[str, ...] = ()
    contrasts: tuple[str, ...] = ()
    probe: LocalText = LocalText()
    hints: tuple[LocalText, ...] = ()


@dataclass(frozen=True, slots=True)
class Misconception:
    """A wrong belief people hold about a question, ways they say it, and its correction."""

    belief: LocalText
    correction: LocalText
    phrasings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """A work of the field's literature that a reference was checked against, worth reading to learn the subject."""

    title: str
    url: str


Origin = Literal["authored", "derived"]


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its reference answer. `origin` says whether people wrote the key points or ingest derived them."""

    id: str
    topic: str
    level: int
    text: LocalText
    reference: LocalText
    key_points: tuple[KeyPoint, ...]
    rephrasings: tuple[LocalText, ...] = ()
    misconceptions: tuple[Misconception, ...] = ()
    prerequisites: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    reading: tuple[Reading, ...] = ()
    origin: Origin = "authored"

    def point(self, point_id: str) -> KeyPoint:
        """The key point with that id. Raises KeyError."""
        for point in self.key_points:
            if point.id == point_id:
                return point
        raise KeyError(f"{self.id} has no key point {point_id!r}")


@dataclass(frozen=True, slots=True)
class Bank:
    """All questions, in a stable order, and the titles of their topics."""

    questions: tuple[Question, ...] = ()
    topics: Mapping[str, LocalText] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Question]:
        return iter(self.questions)

    def __len__(self) -> int:
        return len(self.questions)

    def get(self, question_id: str) -> Question | None:
        """The question with that id, or None."""
        return next((q for q in self.questions if q.id == question_id), None)

    def topic_title(self, topic: str, lang: Lang) -> str:
        """A topic's title for people; the slug itself where the bank gives none."""
        return self.topics.get(topic, LocalText()).get(lang) or topic

    def merged(self, others: Iterable[Bank]) -> Bank:
        """This bank followed by the questions of `others` whose ids are new."""
        questions = list(self.questions)
        topics = dict(self.topics)
        seen = {q.id for q in questions}
        for other in others:
            for topic, title in other.topics.items():
                topics.setdefault(topic, title)
            for question in other.questions:
                if question.id not in seen:
                    seen.add(question.id)
                    questions.append(question)
        return Bank(tuple(questions), topics)


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk of a document, as the index holds it.

    `start` and `end` are character offsets into the source's decoded text, so `source_text[start:end] == text`.
    `heading` is the path of headings above it, outermost first.
    """

    id: str
    text: str
    source: str
    start: int
    end: int
    heading: tuple[str, ...] = ()
    question_id: str | None = None
    lang: Lang = "zh"


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved passage. `score` grows with relevance and is comparable within one result list only."""

    passage: Passage
    score: float
