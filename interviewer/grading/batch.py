"""Grade many answers from JSON lines: the contract of `interviewer grade --batch`.

Order is kept; a row that can't be graded comes back *ungraded* with its reason: never an exception, never a zero.
Knows nothing of files; `lookup` finds bank questions.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from interviewer.domain.assessment import Assessment, GraderInfo
from interviewer.domain.questions import Question
from interviewer.domain.text import storable
from interviewer.grading.derive import RowError, kind_of, question_from_row
from interviewer.grading.neutralise import clean
from interviewer.ports import Grader, GradingItem

log = logging.getLogger(__name__)

#: An answer longer than this (characters) is no answer but a file; shorter ones are cut by the grader, with a flag.
MAX_ANSWER_READ = 4_000_000


def grade_rows(rows: Iterable[str], lookup: Callable[[str], Question | None], grader: Grader) -> Iterator[dict[str, Any]]:
    """One output row for each input line that is not blank, in order, as soon as it is graded.

    Every value can be written with `json.dumps(…, allow_nan=False)` in UTF-8.
    """
    seen: set[str | int] = set()
    for number, line in enumerate(rows, 1):
        text = line.lstrip("\ufeff") if number == 1 else line
        if not text.strip():
            continue
        out = _grade_line(text, number, lookup, grader)
        if out["id"] is not None and out["id"] in seen:
            out["flags"].append("duplicate-id")
        seen.add(out["id"])
        yield out


def _grade_line(line: str, number: int, lookup: Callable[[str], Question | None], grader: Grader) -> dict[str, Any]:
    row_id: str | int | None = None
    try:
        row = _parsed(line, number)
        row_id = _row_id(row)
        question, answer = _question(row, lookup), _answer(row)
        assessment = grader.grade(GradingItem(question, answer))
    except RowError as error:
        return _ungraded(row_id, str(error), grader.info)
    except Exception as error:  # a defect must cost one row, not the batch; the log keeps the trace
        log.exception("grading row %d failed", number)
        return _ungraded(row_id, f"the grader failed: {type(error).__name__}", grader.info)
    return assessment_row(row_id, assessment)


def assessment_row(row_id: str | int | None, assessment: Assessment) -> dict[str, Any]:
    """An assessment as an output row."""
    return {
        "id": row_id,
        "status": assessment.status.value,
        "reason": assessment.reason,
        "score": assessment.score,
        "low": assessment.low,
        "high": assessment.high,
        "points": [
            {
                "statement": p.statement,
                "weight": p.weight,
                "verdict": p.verdict.value,
                "probability": p.probability,
                "evidence": {"text": p.evidence.text, "start": p.evidence.start, "end": p.evidence.end} if p.evidence else None,
            }
            for p in assessment.points
        ],
        "flags": list(assessment.flags),
        "grader": _info(assessment.grader),
    }


def _ungraded(row_id: str | int | None, reason: str, info: GraderInfo) -> dict[str, Any]:
    return assessment_row(row_id, Assessment.ungraded("", clean(reason), info))


def _info(info: GraderInfo) -> dict[str, str | None]:
    return {"name": info.name, "version": info.version, "model": info.model}


def _parsed(line: str, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise RowError(f"line {number} is not valid JSON: {what}") from None
    if not isinstance(row, dict):
        raise RowError(f"line {number} must be a JSON object, not {kind_of(row)}")
    return row


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _row_id(row: dict[str, Any]) -> str | int:
    value = row.get("id")
    if value is None:
        raise RowError("id is missing")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RowError(f"id must be a text or a whole number, not {kind_of(value)}")
    return storable(value) if isinstance(value, str) else value  # as it came, so that outputs can be joined to inputs


def _question(row: dict[str, Any], lookup: Callable[[str], Question | None]) -> Question:
    question_id = row.get("question_id")
    if question_id is None:
        return question_from_row(row)
    if not isinstance(question_id, str):
        raise RowError(f"question_id must be a text, not {kind_of(question_id)}")
    question = lookup(question_id)
    if question is None:
        raise RowError(f"question_id {question_id!r} is not in the bank")
    return question


def _answer(row: dict[str, Any]) -> str:
    value = row.get("answer")
    if value is None:
        raise RowError("answer is missing")
    if not isinstance(value, str):
        raise RowError(f"answer must be a text, not {kind_of(value)}")
    if len(value) > MAX_ANSWER_READ:
        raise RowError(f"answer has {len(value)} characters; at most {MAX_ANSWER_READ} are read")
    return value
