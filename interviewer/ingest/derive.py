"""A document's question and answer → a Question of the bank, its key points read off the answer's bullets or sentences.

What a document can't give (probes, hints, contrasts, the other language) stays empty. Judges nothing: a wrong answer makes
wrong key points, which is why imported files are written for a person to edit.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from interviewer.domain.questions import KeyPoint, Lang, LocalText, Question
from interviewer.domain.text import CJK_RUN, detect_language, normalise, sentences, tokens
from interviewer.ingest.labels import plain
from interviewer.ingest.lines import LineKind, classify_lines
from interviewer.ingest.parse import RawQuestion
from interviewer.ingest.textchecks import ends_closed
from interviewer.ingest.yamltools import unfold

MAX_POINTS = 7
#: A sentence of fewer tokens claims too little to be a key point of its own.
_MIN_TOKENS = 6
#: What a list item may put before its claim: a name, not half a sentence.
_MAX_TERM_TOKENS = 14
_LIST_MARK = re.compile(r"^\s*(?:[-*+]|\d{1,9}[.)])\s+")
_NUMBER_MARK = re.compile(r"^\s*(?:\d{1,3}\s*[、)）]|[（(]\d{1,3}[)）]|[①-⑳•·▪●])\s*")
_EMPHASISED = re.compile(r"^(?:\*\*|__)(?P<term>.+?)(?:\*\*|__)\s*(?P<rest>.*)$", re.DOTALL)
_TERM = re.compile(r"^(?P<term>[^：:。；;！!？?]{1,60}?)\s*(?:[：:]|\s[-–—]{1,2}\s|——)\s*(?P<claim>\S.*)$", re.DOTALL)
_DEFINES = re.compile(
    r"是指|指的是|是一种|是一类|是一个|是由|定义为|\bis an?\b|\brefers? to\b|\bare\b.*\bthat\b", re.IGNORECASE
)
#: Sentences about the document or the reader instead of the subject.
_FILLER = re.compile(
    r"^(?:以上|综上|总之|希望|祝|本文|感谢|欢迎|如果您?(?:有|对)|通过(?:以上|上述|这些|本文))|希望.{0,20}帮助|祝.{0,12}(?:成功|顺利)|"
    r"在(?:实际)?面试中|面试(?:成功|官会|时可以)|点赞|关注(?:我|本|公众)|公众号|收藏|转发|"
    r"hope this helps|good luck|thanks? (?:you )?for reading|in this (?:article|post)|feel free|subscribe|follow me",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the answer in reading order: a list item, or a sentence of its prose."""

    text: str
    item: bool
    emphasised: str = ""


def derive_question(raw: RawQuestion, document: str, topic: str) -> Question | None:
    """The question with derived key points; None when there is no text to ask or no answer in words (none, or code alone)."""
    pieces = list(_pieces(raw.answer)) or list(_pieces(raw.explanation))
    reference = _reference(raw.answer) or _reference(raw.explanation)
    points = _points(pieces, raw.truncated)
    if not (raw.text and reference and points):
        return None
    return Question(
        id=f"{slug(document)}-{raw.number}",
        topic=topic,
        level=_level(raw.text),
        text=_local(raw.text),
        reference=_local(reference),
        key_points=points,
        sources=(f"{document}#{raw.number}",),
        origin="derived",
    )


def slug(name: str) -> str:
    """A name as lower-case words joined by `-`, any script kept; `document` when nothing is left."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[\W_]+", "-", folded).strip("-")[:80].strip("-") or "document"


def _local(text: str) -> LocalText:
    return LocalText(zh=text) if detect_language(text) == "zh" else LocalText(en=text)


def _level(text: str) -> int:
    """1 for a question that only asks what something is, else 2: a document says nothing about difficulty."""
    return 1 if re.fullmatch(r"(?:什么是|what (?:is|are)\b)[^?？]*[?？]?", text.strip(), re.IGNORECASE) else 2


def _reference(markdown: str) -> str:
    """The answer as plain text, one paragraph or item a line, without code, marks and filler."""
    out = []
    for kind, text in _blocks(markdown):
        if kind is LineKind.TEXT:
            text = " ".join(text[a:b] for a, b in sentences(text) if not _FILLER.search(text[a:b]))
        if kind is LineKind.TABLE:
            text = _cells(text, detect_language(markdown))
        if text := unfold(text.strip()):
            out.append(text)
    return "\n".join(out)


def _pieces(markdown: str) -> Iterator[_Piece]:
    rows = 0
    for kind, text in _blocks(markdown, marks=True):
        rows = rows + 1 if kind is LineKind.TABLE else 0
        if kind is LineKind.LIST:
            yield _item(text)
        elif kind is LineKind.TABLE:
            if rows > 1:  # the first names the columns
                yield _Piece(
                    _cells(text, detect_language(markdown)), item=True, emphasised=plain(text.strip("| ").split("|")[0])
                )
        elif _NUMBER_MARK.match(text):
            yield _item(_NUMBER_MARK.sub("", text))
        else:
            text = plain(text)
            yield from (_Piece(text[a:b], item=False) for a, b in sentences(text))


def _blocks(markdown: str, *, marks: bool = False) -> Iterator[tuple[LineKind, str]]:
    """Paragraphs (TEXT), list items (LIST) and table rows (TABLE) in order, without list marks and, unless `marks`, without
    emphasis. Lines of a wrapped paragraph are joined."""
    open_kind, parts = LineKind.BLANK, [""]
    for line in [*classify_lines(markdown), None]:
        kind = LineKind.BLANK if line is None else LineKind.TEXT if line.kind is LineKind.HEADING else line.kind
        item = line is not None and line.item
        if (kind, open_kind) == (LineKind.LIST, LineKind.LIST) and not item:
            parts.append(line.text if line else "")
            continue
        if (
            (kind, open_kind) == (LineKind.TEXT, LineKind.TEXT)
            and line
            and _wraps(parts[-1])
            and not _NUMBER_MARK.match(line.text)
        ):
            parts.append(line.text)
            continue
        if open_kind in (LineKind.TEXT, LineKind.LIST):
            text = unfold(" ".join(part.strip() for part in parts))
            yield open_kind, text if marks else plain(text)
        open_kind = kind
        if line is None:
            return
        parts = [_LIST_MARK.sub("", line.text) if item else line.text]
        if kind is LineKind.TABLE and not re.fullmatch(r"[\s|:\-]+", line.raw):
            yield kind, line.text


def _wraps(line: str) -> bool:
    """Whether a line is long and unfinished enough that the next one goes on with its sentence. 25 Chinese characters or 50
    Latin ones are the narrowest columns that people wrap text to."""
    columns = sum(2 if ord(char) > 0x2E7F else 1 for char in line)
    return columns >= 50 and not ends_closed(line) and not line.rstrip().endswith(("：", ":"))


def _cells(row: str, lang: Lang) -> str:
    """A table row as a sentence: what it is about, a colon, the rest."""
    first, *rest = [cell for part in row.strip("| ").split("|") if (cell := plain(part))] or [""]
    colon, comma = ("：", "，") if lang == "zh" else (": ", ", ")
    return first + (colon + comma.join(rest) if rest else "")


def _item(text: str) -> _Piece:
    match = _EMPHASISED.match(text)
    return _Piece(plain(text), item=True, emphasised=plain(match["term"]).rstrip("：:") if match else "")


def _points(pieces: list[_Piece], truncated: bool) -> tuple[KeyPoint, ...]:
    """1–7 key points, or none. Items of a list count 2, a definition 3, further sentences 1 beside items and 2 without them."""
    if truncated and len(pieces) > 1 and not ends_closed(pieces[-1].text):
        pieces = pieces[:-1]  # half a sentence is no claim
    claims = list({normalise(piece.text): piece for piece in reversed(pieces) if _claims(piece)}.values())[::-1]
    items = [piece for piece in claims if piece.item]
    weighted: list[tuple[int, _Piece]] = []
    for piece in claims:
        defines = not piece.item and bool(_DEFINES.search(piece.text)) and not any(w == 3 for w, _ in weighted)
        weighted.append((3 if defines else 2 if piece.item or not items else 1, piece))
    bare_names = bool(items) and all(not p.emphasised and len(tokens(p.text)) < _MIN_TOKENS for p in items)
    if len(weighted) > MAX_POINTS and bare_names:
        weighted = _bundled(weighted)
    # The heaviest stay, the earlier of equals, in the answer's order.
    best = sorted(range(len(weighted)), key=lambda i: (-weighted[i][0], i))[:MAX_POINTS]
    chosen = [weighted[i] for i in sorted(best)]
    return tuple(
        KeyPoint(f"p{k}", _local(_statement(piece)), weight, _terms(piece)) for k, (weight, piece) in enumerate(chosen, 1)
    )


def _claims(piece: _Piece) -> bool:
    text = piece.text.strip()
    if text.endswith(("：", ":")) or _FILLER.search(text):
        return False
    size = len(tokens(text))
    return size > 1 if piece.item else size >= _MIN_TOKENS


def _bundled(weighted: list[tuple[int, _Piece]]) -> list[tuple[int, _Piece]]:
    """Long lists of bare names, put together so that all of them find room."""
    rest = [(w, p) for w, p in weighted if not p.item]
    names = [p.text.rstrip("。.;；") for _, p in weighted if p.item]
    room = max(1, MAX_POINTS - len(rest))
    size = -(-len(names) // room)
    groups = [names[i : i + size] for i in range(0, len(names), size)]
    return rest + [(2, _Piece(("、" if CJK_RUN.search(g[0]) else ", ").join(g), item=True)) for g in groups]


def _statement(piece: _Piece) -> str:
    return unfold(re.sub(r"\s+", " ", piece.text).strip())


def _terms(piece: _Piece) -> tuple[tuple[str, ...], ...]:
    """The term an item is about, with the other name its brackets hold: `剪枝（Pruning）：…` → (剪枝, Pruning)."""
    match = _TERM.match(piece.text)
    term = piece.emphasised or (match["term"] if match and piece.item else "")
    if not term or len(tokens(term)) > _MAX_TERM_TOKENS:
        return ()
    inside = re.findall(r"[（(]([^()（）]+)[)）]", term)
    outside = re.sub(r"[（(][^()（）]*[)）]", " ", term)
    names = [
        re.sub(r"\s+", " ", name).strip(" ：:，,、") for part in (outside, *inside) for name in re.split(r"[，,、/]|或", part)
    ]
    group = tuple(dict.fromkeys(name for name in names if len(name) > 1))
    return (group,) if group else ()
