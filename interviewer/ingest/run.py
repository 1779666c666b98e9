"""Documents → questions to ask and a report on each file: the one call behind `interviewer ingest`.

Never raises for what a file holds: whatever can't be read or understood becomes a problem in that file's report.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interviewer.domain.errors import DocumentError
from interviewer.domain.questions import Bank, LocalText, Question
from interviewer.ingest.derive import derive_question, slug
from interviewer.ingest.documents import Document, read_document
from interviewer.ingest.duplicates import DuplicateFinder, Wording
from interviewer.ingest.parse import ParsedDocument, RawQuestion, parse_whole

#: Of one document. Nobody practises more, and a bank of tens of thousands would slow every start.
MOST_QUESTIONS = 1000


@dataclass(slots=True)
class FileReport:
    """What was found in one file. `questions` counts all, duplicates included; `duplicates` are (number, of), where `of` is a
    number of the same file, `name#number` of another, or the id of a known question; `problems` are (line, message)."""

    path: Path
    questions: int = 0
    answers: int = 0
    duplicates: list[tuple[int, int | str]] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)
    #: Whether the file could not be read at all (missing, binary, too large); its one problem says why.
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class IngestResult:
    """Each question once, in the order of the files, the titles of their topics, and the reports."""

    questions: tuple[Question, ...] = ()
    topics: dict[str, LocalText] = field(default_factory=dict)
    files: tuple[FileReport, ...] = ()

    def to_json_dict(self) -> dict[str, Any]:
        """The reports in the shape that `ingest --json` prints."""
        return {
            "files": [
                {
                    "path": str(file.path),
                    "questions": file.questions,
                    "answers": file.answers,
                    "duplicates": [{"number": number, "of": of} for number, of in file.duplicates],
                    "problems": [{"line": line, "message": message} for line, message in file.problems],
                }
                for file in self.files
            ]
        }


@dataclass(slots=True)
class _Input:
    report: FileReport
    doc: Document
    parsed: ParsedDocument
    name: str


def ingest(paths: Iterable[Path], known: Bank | None = None) -> IngestResult:
    """Read every file and derive its questions. A question asked before, in this file, an earlier one or `known` (there also by
    the `sources` its questions name), is reported as a duplicate and left out."""
    reports, inputs = [], []
    names: dict[str, int] = {}
    for path in paths:
        report = FileReport(path)
        reports.append(report)
        try:
            doc = read_document(path)
        except DocumentError as error:
            report.problems.append((1, str(error).removeprefix(f"{path}: ")))
            report.unreadable = True
            continue
        # Two files of one name would give their questions the same ids.
        names[doc.name] = names.get(doc.name, 0) + 1
        name = doc.name if names[doc.name] == 1 else f"{doc.name}-{names[doc.name]}"
        inputs.append(_Input(report, doc, parse_whole(doc), name))
    finder = _prepared(inputs, known)
    sources = {source: q.id for q in known or () for source in q.sources}
    questions: list[Question] = []
    topics: dict[str, LocalText] = {}
    for item in inputs:
        found = _questions(item, finder, sources)
        if found:
            questions.extend(found)
            title = item.parsed.title or item.doc.name
            topics[slug(item.name)] = LocalText(zh=title, en=title)
    return IngestResult(tuple(questions), topics, tuple(reports))


def _prepared(inputs: Iterable[_Input], known: Bank | None) -> DuplicateFinder:
    own = [_wording(item, raw) for item in inputs for raw in item.parsed.questions[:MOST_QUESTIONS]]
    old = [Wording(q.id, text) for q in known or () for local in (q.text, *q.rephrasings) for text in local.both()]
    finder = DuplicateFinder([*old, *own])
    for wording in old:
        finder.add(wording)
    return finder


def _wording(item: _Input, raw: RawQuestion) -> Wording:
    return Wording(f"{item.name}#{raw.number}", raw.text, raw.title)


def _questions(item: _Input, finder: DuplicateFinder, sources: dict[str, str]) -> list[Question]:
    """The file's questions that are new, while its report is filled in."""
    report, parsed = item.report, item.parsed
    report.questions = len(parsed.questions)
    report.answers = sum(1 for raw in parsed.questions if raw.answer)
    report.problems.extend((1, note) for note in item.doc.doubts)
    if report.questions > MOST_QUESTIONS:
        message = (
            f"only the first {MOST_QUESTIONS} of {report.questions} questions were taken; split the document to have them all"
        )
        report.problems.append((parsed.questions[MOST_QUESTIONS].line, message))
    if not parsed.questions:
        report.problems.append(
            (1, "no questions found: begin each with a heading (`## 1. …?`), `Q:` or a number, answers with `A:`")
        )
    for line, repeated in parsed.repeated_numbers[:1]:  # the first says it all
        message = f"the number {repeated} is used again here; all questions were numbered in their order instead"
        report.problems.append((line, message))
    found = []
    for raw in parsed.questions[:MOST_QUESTIONS]:
        wording = _wording(item, raw)
        question = derive_question(raw, item.name, slug(item.name))
        report.problems.extend(_problems(raw, question))
        twin = sources.get(wording.owner) or _owner(finder.first_like(wording) if raw.text else None)
        if twin:
            file, _, number = twin.rpartition("#")
            report.duplicates.append((raw.number, int(number) if file == item.name else twin))
        elif question:
            finder.add(wording)
            found.append(question)
    report.problems.sort()
    return found


def _owner(wording: Wording | None) -> str | None:
    return wording.owner if wording else None


def _problems(raw: RawQuestion, question: Question | None) -> list[tuple[int, str]]:
    who = f"question {raw.number}"
    if not raw.text:
        return [(raw.line, f"{who} has no text")]
    if not raw.answer:
        return [(raw.line, f"{who} has no answer")]
    problems = []
    if raw.truncated:
        problems.append((raw.line, f"{who}: the answer is truncated: “…{raw.answer[-20:].strip()}”"))
    if question is None:
        problems.append((raw.line, f"{who}: the answer holds no sentence or list that could be graded (code alone?)"))
    return problems
