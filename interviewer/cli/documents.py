"""`interviewer ingest`, `index` and `search`: documents in, passages out."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import asdict

from interviewer.cli.common import print_json, settings_from, terminal_language
from interviewer.ingest.bankfile import load_located
from interviewer.ingest.lint import coverage_table, lint_bank
from interviewer.ingest.run import FileReport, IngestResult
from interviewer.library import Library
from interviewer.ports import Retriever


def ingest(args: argparse.Namespace) -> int:
    """Report what the files hold; 1 when a file could not be read at all or nothing could be saved."""
    library = Library(settings_from(args))
    result = library.ingest(args.files)
    if args.json:
        print_json(result.to_json_dict())
    else:
        for report in result.files:
            if not report.unreadable:  # that is said on stderr
                _print_report(report)
    status = 0
    for report in result.files:
        if report.unreadable:
            print(f"interviewer: {report.path}: {report.problems[0][1]}", file=sys.stderr)
            status = 1
    if args.save:
        status = max(status, _save(library, result, args.save))
    return status


def _print_report(report: FileReport) -> None:
    print(f"{report.path}: {report.questions} questions, {report.answers} answers")
    for number, of in report.duplicates:
        print(f"  question {number} repeats {of}")
    for line, message in report.problems:
        print(f"  line {line}: {message}")


def _save(library: Library, result: IngestResult, name: str) -> int:
    written = library.save(result, name)
    if not written:
        print("interviewer: no questions were found, so nothing was saved", file=sys.stderr)
        return 1
    library.refresh()
    for path in written:
        print(f"saved {path}", file=sys.stderr)
    return 0


def index(args: argparse.Namespace) -> int:
    """Build the index, or check bank files: 1 when one has errors."""
    if args.check:
        return _check(args)
    library = Library(settings_from(args))
    if args.files:
        library.add_reading(args.files)
    stats = library.index.stats
    if args.json:
        print_json(asdict(stats))
    else:
        print(f"{stats.passages} passages: {stats.embedded} embedded now, {stats.reused} taken over")
        if stats.rebuilt_because:
            print(f"built anew: {stats.rebuilt_because}")
    for problem in library.problems:
        print(f"interviewer: {problem}", file=sys.stderr)
    return 0


def _check(args: argparse.Namespace) -> int:
    located = load_located(args.check)
    findings = lint_bank(located.bank, located.locations)
    counts = Counter(finding.severity for finding in findings)
    if args.json:
        print_json({"questions": len(located.bank), "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            print(f"{finding.where}: {finding.severity}: {finding.message} [{finding.rule}]")
        print(coverage_table(located.bank, terminal_language()))
        print(f"{len(located.bank)} questions, {counts['error']} errors, {counts['warning']} warnings")
    return 1 if counts["error"] else 0


def search(args: argparse.Namespace) -> int:
    """Print the passages found, best first."""
    retriever: Retriever = Library(settings_from(args)).index
    hits = retriever.search(args.query, args.k)
    rows = [
        {
            "score": round(hit.score, 4),
            "text": hit.passage.text,
            "source": hit.passage.source,
            "question_id": hit.passage.question_id,
        }
        for hit in hits
    ]
    if args.json:
        print_json(rows)
    else:
        for row in rows:
            print(f"{row['score']:.3f}  {row['source']}\n       {_printable(str(row['text']))}\n")
    return 0


def _printable(text: str) -> str:
    """Document text without the control characters that a terminal would obey."""
    return "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)
