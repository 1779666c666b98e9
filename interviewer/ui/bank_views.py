"""The question bank as values for its templates: which questions a filter or a search leaves, a page of them at a time.

Reads the library; changes nothing. What a browser sends is a stranger's: every value is brought into its range here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from interviewer.domain.questions import Bank, Hit, Question
from interviewer.library import Library, Preview
from interviewer.ports import Retriever
from interviewer.ui.words import Words

PER_PAGE = 20
LEVELS = (1, 2, 3)
#: Whose questions to show, and the ones that want work: a point without a follow-up or a hint leaves the interviewer little.
ORIGINS = ("all", "shipped", "own", "changed", "incomplete")
#: Passages a search looks at, and the share of the best one's score below which a passage is chance.
PASSAGES, WORTH = 200, 0.4
#: Of the person's plain texts, the passages shown above the questions.
TEXTS = 3
LONGEST_QUERY = 300
#: Questions of a preview that are listed one by one.
PREVIEWED = 50


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show: every field empty, 0 or `all` leaves everything."""

    query: str = ""
    topic: str = ""
    level: int = 0
    origin: str = "all"


@dataclass(frozen=True, slots=True)
class Row:
    """One question in the list. `passage` is where a search found it, and `reveals` whether that is part of the answer."""

    id: str
    text: str
    topic: str
    level: str
    origin: str
    points: int
    passage: str = ""
    reveals: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of rows, numbered from 1, and passages of the person's texts that a search found, as (document, passage)."""

    rows: tuple[Row, ...]
    total: int
    page: int
    pages: int
    texts: tuple[tuple[str, str], ...] = ()

    @property
    def first(self) -> int:
        return (self.page - 1) * PER_PAGE + 1

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1


def filters_from(query: Any, topic: Any, level: Any, origin: Any) -> Filters:
    """Filters of the values that the page's controls have, which may be anything."""
    return Filters(
        query=str(query or "").strip()[:LONGEST_QUERY],
        topic=topic if isinstance(topic, str) else "",
        level=level if level in LEVELS else 0,
        origin=origin if origin in ORIGINS else "all",
    )


def topic_options(bank: Bank, words: Words) -> list[tuple[str, str]]:
    """(label with its count, topic), all topics first."""
    counts = Counter(question.topic for question in bank)
    named = [(words("topic_choice", title=bank.topic_title(topic, words.lang), n=n), topic) for topic, n in counts.items()]
    return [(words("topic_choice", title=words("all_topics"), n=len(bank)), ""), *named]


def origin_of(question_id: str, library: Library) -> str:
    """`shipped`, `own`, or `changed`: a shipped one that the person's own version stands for."""
    if not library.is_own(question_id):
        return "shipped"
    return "changed" if library.shipped.get(question_id) else "own"


def incomplete(question: Question) -> bool:
    """Whether a point has no follow-up or no hint."""
    return not all(point.probe and point.hints for point in question.key_points)


def listing(library: Library, retriever: Retriever | None, filters: Filters, page: int, words: Words) -> Listing:
    """A page of the questions that the filters leave: in the bank's order, or best first for a search, which needs the
    retriever. Raises RetrievalIndexError and EngineUnavailable where that can't search."""
    bank = library.bank
    hits: dict[str, Hit] = {}
    texts: list[tuple[str, str]] = []
    questions: Iterable[Question] = bank
    if filters.query and retriever is not None:
        hits, texts = _found(retriever, filters.query)
        by_id = {question.id: question for question in bank}
        questions = [by_id[question_id] for question_id in hits if question_id in by_id]
    left = [question for question in questions if _fits(question, filters, library)]
    pages = max(1, -(-len(left) // PER_PAGE))
    page = min(max(1, page), pages)
    shown = left[(page - 1) * PER_PAGE : page * PER_PAGE]
    rows = tuple(_row(question, hits.get(question.id), library, words) for question in shown)
    return Listing(rows, len(left), page, pages, tuple(texts) if page == 1 else ())


def _fits(question: Question, filters: Filters, library: Library) -> bool:
    if filters.topic not in ("", question.topic) or filters.level not in (0, question.level):
        return False
    if filters.origin == "all":
        return True
    if filters.origin == "incomplete":
        return incomplete(question)
    origin = origin_of(question.id, library)
    return origin == filters.origin or (filters.origin == "own" and origin == "changed")


def _found(retriever: Retriever, query: str) -> tuple[dict[str, Hit], list[tuple[str, str]]]:
    """The best passage of each question that a search finds, best first, and passages of plain texts."""
    hits = retriever.search(query, PASSAGES)
    worth = [hit for hit in hits if hit.score >= WORTH * hits[0].score]
    questions: dict[str, Hit] = {}
    for hit in worth:
        if hit.passage.question_id is not None:
            questions.setdefault(hit.passage.question_id, hit)
    texts = [(hit.passage.source, hit.passage.text) for hit in worth if hit.passage.question_id is None]
    return questions, texts[:TEXTS]


def _row(question: Question, hit: Hit | None, library: Library, words: Words) -> Row:
    return Row(
        id=question.id,
        text=question.text.get(words.lang),
        topic=library.bank.topic_title(question.topic, words.lang),
        level=words(f"level_{question.level}"),
        origin=origin_of(question.id, library),
        points=len(question.key_points),
        passage=hit.passage.text if hit else "",
        reveals=bool(hit and "#question." not in hit.passage.source),
    )


# ---------------------------------------------------------------- one's own documents


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """One document of the person's. `kind` is `own` for their questions, `changed` for their versions of shipped ones, `text`
    for what is only searched."""

    kind: str
    name: str
    title: str
    questions: int
    topic: str
    seen: str
    problem: str


def documents(library: Library, words: Words) -> list[DocumentRow]:
    """The person's bank files, then their texts."""
    rows = []
    for own in library.own:
        topic = next(iter(own.bank.topics), "")
        title = own.bank.topic_title(topic, words.lang) or own.path.stem
        shipped = any(library.shipped.get(question.id) for question in own.bank)
        kind = "changed" if shipped else "own"
        rows.append(DocumentRow(kind, own.path.name, title, len(own.bank), topic, own.seen, own.problem))
    rows += [DocumentRow("text", path.name, path.stem, 0, "", "", "") for path in library.texts()]
    return rows


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """A question found in a document, and the text of the one in the bank that asks the same."""

    question: Question
    twin: str


def preview_rows(preview: Preview, bank: Bank, words: Words) -> list[PreviewRow]:
    """The first questions of a preview."""
    rows = []
    for question in preview.result.questions[:PREVIEWED]:
        twin = bank.get(preview.twins.get(question.id, ""))
        rows.append(PreviewRow(question, twin.text.get(words.lang) if twin else ""))
    return rows
