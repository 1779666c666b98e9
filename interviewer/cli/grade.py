"""`interviewer grade`: one answer, or a file of them."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO

from interviewer.cli.common import print_json, settings_from, terminal_language
from interviewer.domain.assessment import Assessment
from interviewer.domain.errors import ConfigError, EngineUnavailable, InterviewerError
from interviewer.domain.questions import Lang, Question
from interviewer.domain.text import detect_language, jaccard, normalise, shingles
from interviewer.grading import grade_rows, question_from_row
from interviewer.ports import Grader, GradingItem
from interviewer.report.render import score_text
from interviewer.report.words import flag_word, verdict_word, word
from interviewer.wiring import Parts, build

#: Words given with --question must share this much with a bank question to mean it.
SAME_QUESTION = 0.6


def grade(args: argparse.Namespace) -> int:
    """Grade and print, or write the batch."""
    if bool(args.batch) == bool(args.question):
        raise ConfigError("give either --question and --answer, or --batch and --out")
    if args.batch and not args.out:
        raise ConfigError("--batch needs --out (- for standard output)")
    if args.question and args.answer is None:
        raise ConfigError("--question needs --answer (- reads standard input)")
    if args.batch and args.batch != "-" and Path(args.out).resolve() == Path(args.batch).resolve():
        raise ConfigError("--out is the file that --batch reads; name another")
    parts = build(settings_from(args))
    try:
        grader = _grader(parts)
        return _batch(args, parts, grader) if args.batch else _one(args, parts, grader)
    finally:
        parts.close()


def _grader(parts: Parts) -> Grader:
    """The grader that was asked for: a batch must not silently be graded by another one."""
    status = parts.model.wait()
    if status.state == "failed":
        raise EngineUnavailable(f"{status.name}: {status.detail}")
    return parts.grader


def _one(args: argparse.Namespace, parts: Parts, grader: Grader) -> int:
    answer = sys.stdin.read() if args.answer == "-" else args.answer
    question = _question(args, parts)
    passages = tuple(hit.passage.text for hit in parts.retriever.search(answer[:1000], 3, question_id=question.id))
    assessment = grader.grade(GradingItem(question, answer, passages))
    if args.json:
        print_json(asdict(assessment))
    else:
        print_assessment(assessment, question, args.lang or terminal_language())
    return 0 if assessment.graded else 1


def _question(args: argparse.Namespace, parts: Parts) -> Question:
    asked = args.question
    if args.reference:
        return question_from_row({"id": "cli", "question": asked, "reference": args.reference})
    known = parts.bank.get(asked)
    if known is not None:
        return known
    lang = detect_language(asked)
    wanted = shingles(asked)

    def likeness(question: Question) -> float:
        texts = (question.text.get(lang), *(w.get(lang) for w in question.rephrasings))
        return max(1.0 if normalise(t) == normalise(asked) else jaccard(wanted, shingles(t)) for t in texts)

    best = max(parts.bank, key=likeness, default=None)
    if best is None or likeness(best) < SAME_QUESTION:
        nearest = f" (nearest: {best.id})" if best is not None and likeness(best) > 0.2 else ""
        raise InterviewerError(f"the bank has no question {asked!r}{nearest}; give its id, or a --reference to grade against")
    return best


def _batch(args: argparse.Namespace, parts: Parts, grader: Grader) -> int:
    graded = ungraded = 0
    with _input(args.batch) as source, _output(args.out) as target:
        for row in grade_rows(source, parts.bank.get, grader):
            target.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
            graded += row["status"] == "graded"
            ungraded += row["status"] != "graded"
    print(f"{graded} graded, {ungraded} ungraded", file=sys.stderr)
    return 0


@contextmanager
def _input(name: str) -> Iterator[IO[str]]:
    """Lines of a file or standard input. Bytes that are no UTF-8 come through as marks, so that only their row suffers."""
    if name == "-":
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
        yield sys.stdin
        return
    try:
        file = Path(name).open(encoding="utf-8", errors="replace", newline="\n")  # noqa: SIM115 - closed just below
    except OSError as error:
        raise InterviewerError(f"{name}: {error.strerror or error}") from error
    with file:
        yield file


@contextmanager
def _output(name: str) -> Iterator[IO[str]]:
    """A file that appears under its name only once it is whole, or standard output."""
    if name == "-":
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
        yield sys.stdout
        return
    path = Path(name)
    if path.exists() and not path.is_file():  # a device or a pipe would be replaced by a file of its name
        raise InterviewerError(f"{name} is no ordinary file; - writes to standard output")
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InterviewerError(f"{name}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)  # mkstemp makes a file that only its owner can read
        Path(temporary).replace(path)
    except OSError as error:
        raise InterviewerError(f"{name}: can't be written ({error.strerror or error})") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def print_assessment(assessment: Assessment, question: Question | None, lang: Lang) -> None:
    """An assessment for people, in their language where the question has it."""
    if not assessment.graded:
        print(f"{word('not-graded', lang)}: {assessment.reason}")
        return
    print(f"{word('score', lang)} {score_text(assessment.score, assessment.low, assessment.high, lang)}")
    statements = {point.id: point.statement.get(lang) for point in question.key_points} if question else {}
    for point in assessment.points:
        print(f"{verdict_word(point.verdict, lang)}  {statements.get(point.point_id) or point.statement}")
        if point.evidence:
            print(f"    “{point.evidence.text}”")
    for found in assessment.misconceptions:
        print(f"{word('possible-misconception', lang)}: “{found.evidence.text}” → {found.correction.get(lang)}")
    for flag in assessment.flags:
        print(f"({flag_word(flag, lang)})")
