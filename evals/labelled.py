"""Labelled answers: the rows of evals/datasets/grading_v*.jsonl, with the questions they belong to.

One JSON object a line: {"id", "question_id", "split", "kind", "lang", "answer", "labels": {point: 2|1|0|-1}, "overall"} and
where they apply "attack" (style of an injection), "of" (the clean answer an `asr` row was made from) and "second": {"labels",
"overall"} (what an independent second reader gave). Knows nothing of graders.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from interviewer.domain.assessment import Verdict
from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import Bank, KeyPoint, Question

DATASETS = Path(__file__).parent / "datasets"
SPLITS = ("dev", "test")
#: The verdict that each label asks for.
VERDICTS = {2: Verdict.COVERED, 1: Verdict.PARTLY, 0: Verdict.MISSING, -1: Verdict.CONTRADICTED}
#: Kinds of rows that answer nothing. An injection appended to an honest answer is not one of them.
NO_ANSWER = ("keyword-list", "echo", "off-topic", "injection", "dont-know")


def newest_dataset() -> Path:
    """The second dataset where it is there, else the first."""
    second = DATASETS / "grading_v2.jsonl"
    return second if second.exists() else DATASETS / "grading_v1.jsonl"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reader gave an answer: labels per key point (2 stated, 1 touched, 0 absent, −1 stated wrongly) and 0–100."""

    labels: Mapping[str, int]
    overall: float


@dataclass(frozen=True, slots=True)
class Labelled:
    """One answer with its labels per key point (2 stated, 1 touched, 0 absent, −1 stated wrongly) and overall (0–100)."""

    id: str
    question: Question
    split: str
    kind: str
    lang: str
    answer: str
    labels: dict[str, int]
    overall: float
    attack: str = ""
    of: str = ""
    second: Reading | None = None

    @property
    def answers_nothing(self) -> bool:
        """Whether it should earn next to nothing: a list of names, an echo, another subject, orders, no idea."""
        return self.kind in NO_ANSWER and self.attack != "appended"


def read_dataset(path: Path, bank: Bank, strict: bool = True) -> list[Labelled]:
    """Rows with their questions; without `strict`, rows of other questions are passed over. Raises InterviewerError for a
    line that is no row, and for one whose question or points the bank does not have."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InterviewerError(f"can't read {path}: {error}") from error
    questions = {q.id: q for q in bank}
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path.name}:{number}"
        data = _parsed(line, where)
        question = questions.get(data["question_id"])
        if question is None and not strict:
            continue
        if question is None or {p.id for p in question.key_points} != set(data["labels"]):
            raise InterviewerError(f"{where}: {data['question_id']} or its key points changed: label it again")
        rows.append(_row(data, question, where))
    _check(rows, path.name)
    return rows


def without_phrasings(question: Question) -> Question:
    """The question as a document would give it: statements alone, so that the figure says what authored phrasings bring."""
    points = tuple(KeyPoint(p.id, p.statement, p.weight) for p in question.key_points)
    return replace(question, key_points=points, origin="derived")


def statements_only(rows: Iterable[Labelled]) -> list[Labelled]:
    """The rows with such questions."""
    return [replace(row, question=without_phrasings(row.question)) for row in rows]


def of_questions(rows: Sequence[Labelled], count: int, seed: int = 0) -> list[Labelled]:
    """The rows of `count` questions of each split, drawn by `seed`: a quick look. All rows for 0."""
    if not count:
        return list(rows)
    rng = random.Random(seed)
    kept: set[str] = set()
    for split in SPLITS:
        names = sorted({row.question.id for row in rows if row.split == split})
        kept.update(rng.sample(names, min(count, len(names))))
    return [row for row in rows if row.question.id in kept]


def _parsed(line: str, where: str) -> dict[str, Any]:
    try:
        data = json.loads(line)
        missing = {"id", "question_id", "split", "kind", "lang", "answer", "labels", "overall"} - data.keys()
    except (ValueError, AttributeError) as error:
        raise InterviewerError(f"{where} is no row: {error}") from error
    if missing:
        raise InterviewerError(f"{where} lacks {', '.join(sorted(missing))}")
    return dict(data)


def _row(data: Mapping[str, Any], question: Question, where: str) -> Labelled:
    first = _reading(data, question, where)
    second = _reading(data["second"], question, where) if data.get("second") else None
    if data["split"] not in SPLITS:
        raise InterviewerError(f"{where}: split is {data['split']!r}; it can be {' or '.join(SPLITS)}")
    attack = data.get("attack") or ""
    if data["kind"] == "injection" and not attack and first.overall > 0:
        attack = "appended"  # the first dataset doesn't name attacks; what earns something has an answer in it
    return Labelled(
        data["id"],
        question,
        data["split"],
        data["kind"],
        data["lang"],
        data["answer"],
        dict(first.labels),
        first.overall,
        attack,
        data.get("of") or "",
        second,
    )


def _reading(data: Mapping[str, Any], question: Question, where: str) -> Reading:
    labels, overall = data["labels"], data["overall"]
    if set(labels) != {p.id for p in question.key_points} or not set(labels.values()) <= set(VERDICTS):
        raise InterviewerError(f"{where}: labels must give every point of {question.id} 2, 1, 0 or -1")
    if isinstance(overall, bool) or not isinstance(overall, int | float) or not 0 <= overall <= 100:
        raise InterviewerError(f"{where}: overall is {overall!r}; it must be a number from 0 to 100")
    return Reading(labels, float(overall))


def _check(rows: Sequence[Labelled], name: str) -> None:
    """What must hold between rows: ids once, no question in both splits, the clean answers of recognition errors there."""
    split_of: dict[str, str] = {}
    ids: set[str] = set()
    for row in rows:
        if row.id in ids:
            raise InterviewerError(f"{name}: {row.id} is there twice")
        ids.add(row.id)
        if split_of.setdefault(row.question.id, row.split) != row.split:
            raise InterviewerError(f"{name}: {row.question.id} is in both splits")
    for row in rows:
        if row.of and row.of not in ids:
            raise InterviewerError(f"{name}: {row.id} was made from {row.of}, which is not there")
