"""A published set of scored answers, whose questions the bank does not know: how a grader does on what it was not made for.

Points are derived from the prose references, as for imported questions. The sets are other people's and are not kept here;
`ads_zh` of evals/LOG.md, for example, is 1,582 Chinese answers from the repository aleversn/SAS-Datasets. CSV, TSV, JSON lines
and JSON lists are read as they are: `--columns` says what their columns are called.
"""

from __future__ import annotations

import csv
import json
import math
from argparse import ArgumentParser, ArgumentTypeError
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evals import measures
from evals.graded import timed
from evals.measures import NAN, Estimate, estimate, pearson, question_weights, spearman
from evals.progress import Ticker
from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import Question
from interviewer.ports import Grader, GradingItem

if TYPE_CHECKING:
    from evals.assessment_cache import AssessmentCache
    from evals.core import Progress

#: What is needed of a row, and what it is called unless `--columns` says otherwise. `max` may be a number that holds for all
#: rows; `id` tells questions apart (their text does where it is missing).
COLUMNS = {
    "question": "question",
    "reference": "reference",
    "answer": "answer",
    "score": "score",
    "max": "score_max",
    "id": "question_id",
}
_OPTIONAL = "id"
#: A scale of more whole points than this is cut into ten classes for its kappa.
_FINEST_SCALE = 20


@dataclass(frozen=True, slots=True)
class Scored:
    """One answer of the set: `score` of `most` points, as its readers gave it."""

    question: Question
    answer: str
    score: float
    most: float

    @property
    def label(self) -> float:
        """The score of 100."""
        return 100 * self.score / self.most


def add_external_arguments(parser: ArgumentParser) -> None:
    """`--external`, `--columns`, `--score-names`."""
    parser.add_argument(
        "--external", type=Path, metavar="FILE", help="also grade a published set of scored answers: CSV, TSV, JSONL or JSON"
    )
    parser.add_argument(
        "--columns",
        type=parse_pairs,
        default={},
        metavar="WHAT=NAME,…",
        help="its columns where they are called otherwise: "
        + ",".join(f"{what}={name}" for what, name in COLUMNS.items())
        + "; max may be a number",
    )
    parser.add_argument(
        "--score-names",
        type=parse_pairs,
        default={},
        metavar="NAME=POINTS,…",
        help="points for scores that are words, for example correct=1,partially_correct_incomplete=0.5,contradictory=0",
    )


def parse_pairs(text: str) -> dict[str, str]:
    """`a=b,c=d` as a mapping. Raises ArgumentTypeError."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if bad := [name for name, equals, value in pairs if not (name.strip() and equals and value.strip())]:
        raise ArgumentTypeError(f"{bad[0]!r} is no NAME=VALUE")
    return {name.strip(): value.strip() for name, _, value in pairs}


def read_external(path: Path, columns: Mapping[str, str], names: Mapping[str, str]) -> list[Scored]:
    """The set's rows. Raises InterviewerError naming the line of a row that can't be used."""
    if unknown := columns.keys() - COLUMNS.keys():
        raise InterviewerError(f"--columns knows {', '.join(COLUMNS)}, not {', '.join(sorted(unknown))}")
    called = {**COLUMNS, **columns}
    rows = _raw_rows(path)
    there = {key for _, row in rows for key in row}
    fixed = _number(called["max"]) if called["max"] not in there else None
    if names and fixed is None and called["max"] not in there:
        fixed = max((_number(points) or 0.0 for points in names.values()), default=0.0)
    needed = [name for what, name in called.items() if what != _OPTIONAL and not (what == "max" and fixed is not None)]
    if missing := [name for name in needed if name not in there]:
        raise InterviewerError(f"{path} lacks the columns {', '.join(missing)}; --columns says what they are called")
    questions: dict[tuple[str, str, str], Question] = {}
    scored = []
    for where, row in rows:
        text = {what: "" if row.get(name) is None else str(row[name]) for what, name in called.items()}
        score = _number(names.get(text["score"].strip(), text["score"]))
        most = fixed if fixed is not None else _number(text["max"])
        if score is None or most is None or most <= 0:
            raise InterviewerError(f"{path.name}, {where}: {text['score']!r} of {fixed or text['max']!r} is no score")
        key = (text["id"] or text["question"], text["question"], text["reference"])
        if key not in questions:
            questions[key] = _question(*key)
        scored.append(Scored(questions[key], text["answer"], score, most))
    return scored


def _raw_rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """(where, row) of every row, whatever the format."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() in (".json", ".jsonl", ".ndjson"):
            if text.lstrip().startswith("["):
                rows = [(f"entry {n}", row) for n, row in enumerate(json.loads(text), 1)]
            else:
                rows = [(f"line {n}", json.loads(line)) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
            if not all(isinstance(row, dict) for _, row in rows):
                raise ValueError("not every entry is an object")
            return rows
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t" if path.suffix.lower() in (".tsv", ".tab") else ",")
            return [(f"line {reader.line_num}", dict(row)) for row in reader]
    except (OSError, ValueError, csv.Error) as error:
        raise InterviewerError(f"can't read {path}: {error}") from error


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _question(id_: str, text: str, reference: str) -> Question:
    """The question as an import would make it; without points, and so *ungraded*, when the reference holds no claim."""
    from interviewer.grading import question_from_row
    from interviewer.grading.derive import RowError

    try:
        return replace(question_from_row({"question": text, "reference": reference}), id=id_)
    except RowError:
        placeholder = question_from_row({"question": text or "?", "key_points": ["?1"]})
        return replace(placeholder, id=id_, key_points=())


# ---------------------------------------------------------------- figures


def grade_external(
    rows: Sequence[Scored], grader: Grader, progress: Progress, cache: AssessmentCache | None = None
) -> list[float]:
    """The score of each row, NaN where it came back ungraded."""
    ticker = Ticker("published set", len(rows), progress)
    scores = []
    for row in rows:
        assessment, _, made = timed(grader, GradingItem(row.question, row.answer), cache)
        scores.append(NAN if assessment.score is None else assessment.score)
        ticker.step(made)
    ticker.finish()
    return scores


def lengths(rows: Sequence[Scored]) -> list[float]:
    """What a grader gets that only counts characters: the figure to beat."""
    return [float(len(row.answer)) for row in rows]


def external_figures(rows: Sequence[Scored], scores: Sequence[float], *, ranks_only: bool = False) -> dict[str, Estimate]:
    """Agreement of scores (0–100) with the set's own, by question; `ranks_only` where the scores are on no such scale."""
    graded = [(row, score) for row, score in zip(rows, scores, strict=True) if math.isfinite(score)]
    said, label = np.array([s for _, s in graded]), np.array([r.label for r, _ in graded])
    w = question_weights([row.question.id for row, _ in graded])
    found = {
        "Pearson, all": estimate(measures.correlation(said, label, w)),
        "Spearman, all": estimate(measures.rank_correlation(said, label, w)),
        "Pearson, mean within a question": _within(graded, pearson),
        "Spearman, mean within a question": _within(graded, spearman),
    }
    if not ranks_only:
        scale = _scale([row for row, _ in graded])
        ours, theirs = (np.clip(np.rint(v * scale / 100), 0, scale).astype(int) for v in (said, label))
        found["QWK on the set's scale"] = estimate(measures.quadratic_kappa(ours, theirs, scale + 1, w))
        found["mean error, of 100"] = estimate(measures.share(np.abs(said - label), w))
        found["root mean square error, of 100"] = estimate(np.sqrt(measures.share((said - label) ** 2, w)))
    return found


def _within(graded: Sequence[tuple[Scored, float]], figure: Any) -> Estimate:
    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row, score in graded:
        groups[row.question.id].append((score, row.label))
    values = np.array([figure(*zip(*pairs, strict=True)) for pairs in groups.values()])
    kept = values[np.isfinite(values)]
    return estimate(measures.share(kept, question_weights(np.arange(len(kept))))) if len(kept) else Estimate(NAN)


def _scale(rows: Sequence[Scored]) -> int:
    """Whole points of the set's scale; 10 where there is none."""
    most = {row.most for row in rows}
    one = most.pop() if len(most) == 1 else 0.0
    return int(one) if one == int(one) and 1 <= one <= _FINEST_SCALE else 10
