"""Tables of questions and answers: a header that names both columns, one question a row. Knows nothing of other layouts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from interviewer.ingest.labels import Field, find_label, plain
from interviewer.ingest.lines import Line, LineKind

_SPLIT = re.compile(r"(?<!\\)\|")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """One question of a table, with the line it stands in."""

    line: Line
    question: str
    answer: str
    explanation: str


def table_rows(lines: Sequence[Line]) -> Iterator[Row]:
    """The questions of every table whose header names a column for questions and one for answers; empty ones are left out."""
    for is_table, group in groupby(lines, key=lambda line: line.kind is LineKind.TABLE):
        table = list(group) if is_table else []
        columns = _columns(table[0]) if len(table) > 2 else {}
        if "question" not in columns or "answer" not in columns:
            continue
        for line in table[2:]:  # below the header and its rule
            cells = _cells(line.raw)
            values = {field: cells[at] if at < len(cells) else "" for field, at in columns.items()}
            if plain(values["question"]):
                yield Row(line, values["question"], values["answer"], values.get("explanation", ""))


def _columns(header: Line) -> dict[Field, int]:
    """The first column of each field that the header names."""
    found: dict[Field, int] = {}
    for at, cell in enumerate(_cells(header.raw)):
        name = plain(cell)
        label = find_label(f"{name}:") if name else None
        if label and not label.rest:
            found.setdefault(label.field, at)
    return found


def _cells(raw: str) -> list[str]:
    inner = raw.strip().removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return [_BREAK.sub("\n", cell.replace("\\|", "|")).strip() for cell in _SPLIT.split(inner)]
