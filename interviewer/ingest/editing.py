"""Change one question in the text of a bank file, and leave everything else in it as its author wrote it.

Comments, blank lines and the other questions keep every byte; comments inside the changed question go with its old text.
Knows nothing of where files lie, nor of who may change them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from interviewer.domain.errors import BankError
from interviewer.domain.questions import Bank, Question
from interviewer.ingest.bankfile import bank_text, question_data, read_bank_text
from interviewer.ingest.yamltools import ParsedYaml, dump_yaml, parse_yaml


def with_question(path: Path, text: str, question: Question) -> str:
    """The file's text with `question` in place of the one of its id, or at the end. Raises BankError: the file is no bank."""
    bank = read_bank_text(path, text)
    place = next((i for i, old in enumerate(bank) if old.id == question.id), None)
    wanted = [question if old.id == question.id else old for old in bank]
    if place is None:
        wanted.append(question)
    return _checked(path, text, bank, wanted, lambda: _spliced(text, place, question))


def without_question(path: Path, text: str, question_id: str) -> str | None:
    """The file's text without that question; None when it was the only one. Raises BankError: the file is no bank."""
    bank = read_bank_text(path, text)
    wanted = [old for old in bank if old.id != question_id]
    place = next((i for i, old in enumerate(bank) if old.id == question_id), None)
    if not wanted or place is None:
        return text if wanted else None
    return _checked(path, text, bank, wanted, lambda: _spliced(text, place, None))


def _checked(path: Path, text: str, bank: Bank, wanted: list[Question], splice: Callable[[], str | None]) -> str:
    """What `splice` makes of the text if that reads back as `wanted`, else the whole file written anew under its opening
    comments: YAML can be laid out in more ways than are worth cutting at."""
    spliced = splice()
    if spliced is not None and _reads_as(path, spliced, wanted):
        return spliced
    comments = "".join(_opening_comments(text.splitlines(keepends=True)))
    (topic, title), origin = next(iter(bank.topics.items())), bank.questions[0].origin
    whole = comments + bank_text(topic, title, wanted, origin)
    if not _reads_as(path, whole, wanted):
        raise BankError(f"{path}: holds something that can't be written down as it is; change the file by hand")
    return whole


def _reads_as(path: Path, text: str, wanted: list[Question]) -> bool:
    try:
        return list(read_bank_text(path, text)) == wanted
    except BankError:
        return False


def _opening_comments(lines: list[str]) -> list[str]:
    for i, line in enumerate(lines):
        if not line.lstrip("\ufeff").startswith("#"):
            return lines[:i]
    return lines


def _spliced(text: str, place: int | None, question: Question | None) -> str | None:
    """The text with the item at `place` (None: a new one at the end) written anew, or cut out for no question; None where the
    list isn't laid out with a dash and an item on lines of their own."""
    lines = text.splitlines(keepends=True)
    parsed = parse_yaml(text)
    spans = _spans(parsed, lines)
    if not spans:
        return None
    start, end, indent = spans[-1] if place is None else spans[place]
    if place is None:
        start = end
    before, after = lines[:start], lines[end:]
    if before and not before[-1].endswith("\n"):
        before[-1] += "\n"
    return "".join([*before, *(_item(question, indent) if question else ()), *after])


def _item(question: Question, indent: str) -> list[str]:
    """The question as an item of a list at that indentation."""
    data: list[Any] = [question_data(question)]
    return [indent + line if line.strip() else line for line in dump_yaml(data).splitlines(keepends=True)]


def _spans(parsed: ParsedYaml, lines: list[str]) -> list[tuple[int, int, str]]:
    """(first line, line after the last, indentation) of each question's text; the comments above a question are not part of
    it, nor of the one before. Empty where the layout is another."""
    count = len(parsed.data["questions"])
    starts = [parsed.lines[("questions", i)] - 1 for i in range(count)]
    later = [line - 1 for path, line in parsed.lines.items() if len(path) == 1 and line - 1 > starts[-1]]
    spans = []
    for start, stop in zip(starts, [*starts[1:], min(later, default=len(lines))], strict=True):
        bare = lines[start].lstrip(" ")
        indent = lines[start][: len(lines[start]) - len(bare)]
        if not bare.startswith("- ") or stop <= start:
            return []
        end = stop
        while end > start + 1 and _between(lines[end - 1], len(indent)):
            end -= 1
        spans.append((start, end, indent))
    return spans


def _between(line: str, indent: int) -> bool:
    """Whether a line stands between questions: a blank one, or a comment no deeper than their dashes. Deeper ones may be
    text of a block."""
    bare = line.lstrip(" ")
    return not bare.strip() or (bare.startswith("#") and len(line) - len(bare) <= indent)
