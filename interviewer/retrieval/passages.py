"""The bank and documents as passages: chunks with their source, heading path and exact character span.

Knows Markdown's block structure (through markdown-it) and sentences (`domain.text`); knows nothing of files, vectors or
ranking. Every passage satisfies `source_text[start:end] == text`. For a document the source text is the document; for the
bank it is the one field the passage comes from, and the source is named after it: `training/lora#reference.zh`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from interviewer.domain.questions import LANGS, Bank, LocalText, Passage, Question
from interviewer.domain.text import CJK_RUN, LATIN_WORD, detect_language, sentences

#: Lengths are counted in Chinese characters; an English word counts as three, so that the target is 350 characters or
#: about 120 words: a paragraph, which is as much as a sentence encoder reads well (MiniLM stops at 256 word pieces).
WORD_SIZE = 3
TARGET = 350
#: A chunk may grow to this rather than leave a scrap behind or cut a reference answer of ordinary length in two.
LIMIT = 500
#: What is shorter than this is never left alone when it was cut off something longer.
SCRAP = 90
#: Code and tables mean little in parts: up to this size they stay whole.
SOLID_LIMIT = 1200

#: Blocks by nesting level and type: an item of an outermost list is a piece of its own, what is inside it isn't.
_PROSE = {(0, "paragraph_open"), (0, "blockquote_open"), (1, "list_item_open")}
_SOLID = {"fence", "code_block", "table_open", "html_block"}


def size(text: str) -> int:
    """Length in Chinese characters, an English word counting as three. Other signs count nothing."""
    chinese = sum(len(run) for run in CJK_RUN.findall(text))
    return chinese + WORD_SIZE * sum(1 for _ in LATIN_WORD.finditer(text))


# ---------------------------------------------------------------- the bank


def bank_passages(bank: Bank) -> list[Passage]:
    """Question texts, references and key-point statements in each language they have, in the bank's order."""
    return [passage for question in bank for passage in _question_passages(question)]


def _question_passages(question: Question) -> Iterator[Passage]:
    fields: list[tuple[str, LocalText]] = [("question", question.text), ("reference", question.reference)]
    fields += [(f"point.{point.id}", point.statement) for point in question.key_points]
    for name, field in fields:
        for lang in LANGS:
            text = field.zh if lang == "zh" else field.en
            source = f"{question.topic}/{question.id}#{name}.{lang}"
            heading = () if name == "question" else (question.text.get(lang),)
            for start, end in _pack(text, list(_prose(text, 0, len(text)))):
                yield Passage(
                    id=f"{source}:{start}",
                    text=text[start:end],
                    source=source,
                    start=start,
                    end=end,
                    heading=heading,
                    question_id=question.id,
                    lang=lang,
                )


# ---------------------------------------------------------------- documents


@dataclass(frozen=True, slots=True)
class _Section:
    """What stands under one heading: the heading's own span (empty before the first one) and the pieces below it."""

    path: tuple[str, ...]
    depth: int
    start: int
    end: int
    pieces: list[tuple[int, int]]


def document_passages(name: str, text: str) -> list[Passage]:
    """A Markdown or plain-text document in passages. A chunk never crosses a heading; its heading line is part of it."""
    out: list[Passage] = []
    for path, start, end in _chunks(text):
        piece = text[start:end]
        out.append(Passage(f"{name}:{start}", piece, name, start, end, path, None, detect_language(piece)))
    return out


def _chunks(text: str) -> Iterator[tuple[tuple[str, ...], int, int]]:
    sections = list(_sections(text))
    carried: int | None = None  # where a title began that has nothing under it but deeper headings
    for i, section in enumerate(sections):
        begin = section.start if carried is None else carried
        carried = None
        following = sections[i + 1] if i + 1 < len(sections) else None
        if not section.pieces:
            if section.end == begin:
                continue
            if following and following.depth > section.depth:
                carried = begin
            else:
                yield section.path, begin, section.end
            continue
        pieces = [(begin, section.end), *section.pieces] if section.end > begin else section.pieces
        for start, end in _pack(text, pieces):
            yield section.path, start, end


def _sections(text: str) -> Iterator[_Section]:
    from markdown_it import MarkdownIt

    lines = _line_starts(text)
    parsed = MarkdownIt("commonmark").enable("table").parse(text)
    path: list[tuple[int, str]] = []
    section = _Section((), 0, 0, 0, [])
    for i, token in enumerate(parsed):
        if token.map is None or token.nesting < 0:
            continue
        start, end = _trim(text, lines[token.map[0]], lines[token.map[1]])
        if token.type == "heading_open" and token.level == 0:
            yield section
            depth = int(token.tag[1:])
            path = [*((d, t) for d, t in path if d < depth), (depth, parsed[i + 1].content.strip())]
            section = _Section(tuple(title for _, title in path), depth, start, end, [])
        elif token.level == 0 and token.type in _SOLID:
            section.pieces.extend(_solid(text, start, end))
        elif (token.level, token.type) in _PROSE:
            section.pieces.extend(_prose(text, start, end))
    yield section


def _line_starts(text: str) -> list[int]:
    """Offsets of Markdown's lines, and the end of the text. What ends a line is markdown-it's business, not `splitlines`'."""
    return [0, *(match.end() for match in re.finditer(r"\r\n?|\n", text)), len(text)]


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    begin = start + len(piece) - len(piece.lstrip())
    return begin, max(begin, start + len(piece.rstrip()))


def _prose(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A block of prose: whole if it fits, else its sentences, the longest of them cut."""
    if size(text[start:end]) <= TARGET:
        yield from _nonempty(text, start, end)
        return
    for begin, stop in sentences(text[start:end]):
        yield from _cut(text, start + begin, start + stop, LIMIT)


def _solid(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Code or a table: whole up to `SOLID_LIMIT`, else its lines."""
    if size(text[start:end]) <= SOLID_LIMIT and end - start <= 8 * SOLID_LIMIT:
        yield from _nonempty(text, start, end)
        return
    begin = start
    for line in text[start:end].splitlines(keepends=True):
        yield from _cut(text, begin, begin + len(line), LIMIT)
        begin += len(line)


def _cut(text: str, start: int, end: int, limit: int) -> Iterator[tuple[int, int]]:
    """A stretch without sentence ends in parts of at most `limit`, cut at white space or commas where there are any."""
    while size(text[start:end]) > limit or end - start > 8 * limit:
        # `limit` characters are at most `limit` Chinese characters or 4/3 · limit in words' size; the window is safe for both.
        window = text[start : start + limit]
        at = max(window.rfind(mark) for mark in " \n，,、")
        stop = start + (at + 1 if at > limit // 2 else len(window))
        yield from _nonempty(text, start, stop)
        start = stop
    yield from _nonempty(text, start, end)


def _nonempty(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    start, end = _trim(text, start, end)
    if end > start:
        yield start, end


def _pack(text: str, pieces: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbouring pieces joined up to `TARGET`; a scrap at the end goes to the chunk before it where that fits."""
    if pieces and size(text[pieces[0][0] : pieces[-1][1]]) <= LIMIT:
        return [(pieces[0][0], pieces[-1][1])]
    chunks: list[tuple[int, int]] = []
    sizes: list[int] = []
    for start, end in pieces:
        amount = size(text[start:end])
        if chunks and (sizes[-1] + amount <= TARGET or (min(amount, sizes[-1]) < SCRAP and sizes[-1] + amount <= LIMIT)):
            chunks[-1] = (chunks[-1][0], end)
            sizes[-1] += amount
        else:
            chunks.append((start, end))
            sizes.append(amount)
    return chunks


# ---------------------------------------------------------------- what is searched


def searchable(passage: Passage) -> str:
    """The text that is embedded and ranked: the headings that the passage doesn't show itself, then the passage."""
    context = [title for title in passage.heading if title not in passage.text]
    return "\n".join([*context, passage.text])


def fitting_texts(passages: Iterable[Passage]) -> list[str]:
    """What a corpus-fitted encoder learns from. A passage and its translation make one text: words that stand together there
    become neighbours, which is how such an encoder gets from one language to the other."""
    twins: dict[str, list[str]] = {}
    for passage in passages:
        key = passage.source.rpartition(".")[0] if passage.question_id else passage.id
        twins.setdefault(key, []).append(searchable(passage))
    return ["\n".join(texts) for texts in twins.values()]
