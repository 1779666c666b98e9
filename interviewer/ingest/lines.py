"""What each line of a Markdown text is: heading, code, list item, table or plain text. A real Markdown parser decides, so a
`#` line inside a code block is never a heading.

Knows nothing of questions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_LIST_MARK = re.compile(r"^\s*(?:[-*+]|\d{1,9}[.)])(?:\s+|$)")


class LineKind(StrEnum):
    HEADING = "heading"
    TEXT = "text"
    LIST = "list"
    CODE = "code"
    TABLE = "table"
    RULE = "rule"
    BLANK = "blank"


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `start` is its offset in the text, `number` counts from 1; `level` is the depth of a heading, `depth` that of
    the lists around it; `item` says that a list item begins here."""

    number: int
    start: int
    raw: str
    kind: LineKind
    level: int = 0
    depth: int = 0
    item: bool = False

    @property
    def text(self) -> str:
        """The line without heading marks and outer white space."""
        if self.kind is LineKind.HEADING:
            return re.sub(r"^\s*#{1,6}\s*|\s+#+\s*$", "", self.raw).strip()
        return self.raw.strip()


def classify_lines(text: str) -> list[Line]:
    """Every line of the text, in order. Offsets count characters of `text`, whose lines must end with a newline alone."""
    raw = text.split("\n")
    kinds = [LineKind.BLANK if not line.strip() else LineKind.TEXT for line in raw]
    levels, depths, items = [0] * len(raw), [0] * len(raw), [False] * len(raw)
    depth = 0
    for token in _parser().parse(_without_indent(raw)):
        if token.type in ("bullet_list_open", "ordered_list_open"):
            depth += 1
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            depth -= 1
        if token.map is None:
            continue
        first, last = token.map[0], min(token.map[1], len(raw))
        if token.type == "list_item_open":
            items[first] = bool(_LIST_MARK.match(raw[first]))
            for i in range(first, last):
                depths[i] = depth
                if kinds[i] is LineKind.TEXT:
                    kinds[i] = LineKind.LIST
        elif token.type == "heading_open" and depth == 0:
            kinds[first], levels[first] = LineKind.HEADING, int(token.tag[1])
        elif token.type in ("fence", "code_block"):
            kinds[first:last] = [LineKind.CODE] * (last - first)
        elif token.type == "table_open":
            kinds[first:last] = [LineKind.TABLE] * (last - first)
        elif token.type == "hr":
            kinds[first] = LineKind.RULE
    _underlined(raw, kinds, levels)
    return _numbered(raw, kinds, levels, depths, items)


_UNDERLINE = re.compile(r"^ {0,3}(?:={2,}|-{2,})\s*$")
#: What ends a sentence of an answer, and so can't end a heading. A question mark can.
_SENTENCE_ENDS = ("。", ".", "；", ";", "，", ",", "：", ":", "、")
_LONGEST_HEADING = 120


def _underlined(raw: list[str], kinds: list[LineKind], levels: list[int]) -> None:
    """Marks headings that are underlined with `===` or `---`: one line of text, alone above its line, that ends no sentence."""
    for i in range(1, len(raw)):
        text = raw[i - 1].strip()
        if not _UNDERLINE.match(raw[i]) or kinds[i - 1] is not LineKind.TEXT or kinds[i] not in (LineKind.RULE, LineKind.TEXT):
            continue
        alone = i == 1 or kinds[i - 2] in (LineKind.BLANK, LineKind.RULE)
        if alone and len(text) <= _LONGEST_HEADING and not text.endswith(_SENTENCE_ENDS):
            kinds[i - 1], levels[i - 1] = LineKind.HEADING, 1 if "=" in raw[i] else 2
            kinds[i] = LineKind.RULE


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    """Block structure with tables. No `lheading`: dashes under a paragraph are meant as a rule more often than as a heading,
    which `_underlined` tells apart. Nothing inline is parsed."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"maxNesting": 20}).enable("table")
    return parser.disable(["lheading", "reference", "inline", "text_join"], True)


def _numbered(raw: list[str], kinds: list[LineKind], levels: list[int], depths: list[int], items: list[bool]) -> list[Line]:
    lines, start = [], 0
    for i, line in enumerate(raw):
        lines.append(Line(i + 1, start, line, kinds[i], levels[i], depths[i], items[i]))
        start += len(line) + 1
    return lines


def _without_indent(raw: list[str]) -> str:
    """The text less the indentation all its lines share: Markdown would read a wholly indented document as code."""
    shared = min((len(line) - len(line.lstrip(" ")) for line in raw if line.strip()), default=0)
    return "\n".join(line[shared:] if line.strip() else "" for line in raw)
