"""Where each question of the source documents went, and what was corrected: `corpus/SOURCES.md` from the bank files.

Knows the bank files only; the documents themselves are not part of the repository.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from interviewer.domain.questions import Bank

_CORRECTED = re.compile(r"^\s*#\s*Corrected:\s*(.*)$")
_COMMENT = re.compile(r"^\s*#\s?(.*)$")
_QUESTION = re.compile(r"^\s*-\s+id:\s*(\S+)\s*$")


def sources_markdown(bank: Bank, corrections: Mapping[str, str], review: str = "") -> str:
    """The whole page: a table per document, then the corrections by question, then `review` as it stands."""
    lines = ["# Where the source documents' questions went", ""]
    lines += [
        "Made from the bank files; edit those, then write this page with",
        "`INTERVIEWER_WRITE_GOLDEN=1 python -m pytest tests/test_corpus.py`. Only the last section is written by hand.",
        "",
    ]
    by_document: dict[str, dict[int, list[str]]] = {}
    for question in bank:
        for source in question.sources:
            document, _, number = source.partition("#")
            by_document.setdefault(document, {}).setdefault(int(number), []).append(question.id)
    for document, numbers in sorted(by_document.items()):
        lines += [f"## {document}", "", "| its question | asked in the bank as |", "|---|---|"]
        lines += [f"| {number} | {', '.join(ids)} |" for number, ids in sorted(numbers.items())]
        lines.append("")
    lines += ["## What was corrected, and why", ""]
    order = {question.id: place for place, question in enumerate(bank)}
    lines += [f"- **{qid}**: {text}" for qid, text in sorted(corrections.items(), key=lambda item: order.get(item[0], 0))]
    return "\n".join(lines).rstrip() + "\n" + (f"\n{review.strip()}\n" if review.strip() else "")


def corrections_in(text: str) -> dict[str, str]:
    """`# Corrected: …` comments of a bank file, by the id of the question they stand above; following comment lines belong
    to them."""
    found: dict[str, str] = {}
    pending: list[str] = []
    for line in text.splitlines():
        if match := _CORRECTED.match(line):
            pending.append(match.group(1))
        elif pending and (match := _QUESTION.match(line)):
            found[match.group(1)] = " ".join(filter(None, (part.strip() for part in pending)))
            pending = []
        elif pending and (match := _COMMENT.match(line)):
            pending.append(match.group(1))
    return found


def covered(bank: Bank) -> dict[str, set[int]]:
    """Numbers of each document's questions that the bank asks."""
    out: dict[str, set[int]] = {}
    for question in bank:
        for source in question.sources:
            document, _, number = source.partition("#")
            out.setdefault(document, set()).add(int(number))
    return out


def corpus_corrections(folder: Path) -> dict[str, str]:
    """The corrections of every bank file in a folder."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        found |= corrections_in(path.read_text(encoding="utf-8"))
    return found
