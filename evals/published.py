"""A published set of scored answers, whose questions the bank does not know: how a grader does on what it was not made for.

Points are derived from the prose references, as for imported questions. The sets are other people's and are not kept here;
`ads_zh` of evals/LOG.md, for example, is 1,582 Chinese answers from the repository aleversn/SAS-Datasets.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evals.measures import NAN, pearson, spearman
from evals.results import Table
from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import LocalText, Question
from interviewer.ports import Grader, GradingItem

if TYPE_CHECKING:
    from evals.core import Progress

COLUMNS = ("question_id", "question", "reference", "answer", "score", "score_max")
#: By question: pairs of a figure of the answer and its label (0–100).
Pairs = dict[str, list[tuple[float, float]]]
Figure = Callable[[Sequence[float], Sequence[float]], float]


def table_of(path: Path, grader: Grader, progress: Progress) -> Table:
    """Correlations over all answers and, averaged, within each question. Raises InterviewerError for an unusable file."""
    scores: Pairs = defaultdict(list)
    lengths: Pairs = defaultdict(list)
    rows = _read(path)
    for number, row in enumerate(rows, 1):
        label = 100 * float(row["score"]) / float(row["score_max"])
        assessment = grader.grade(GradingItem(_question(row), row["answer"]))
        if assessment.score is not None:
            scores[row["question_id"]].append((assessment.score, label))
            lengths[row["question_id"]].append((float(len(row["answer"])), label))
        if number % 500 == 0:
            progress(f"published set: graded {number} of {len(rows)}")
    n = sum(map(len, scores.values()))
    figures = (
        ("answers", n, n),
        ("Pearson, all", _over_all(scores, pearson), _over_all(lengths, pearson)),
        ("Spearman, all", _over_all(scores, spearman), _over_all(lengths, spearman)),
        ("Pearson, mean within a question", _within(scores, pearson), _within(lengths, pearson)),
        ("Spearman, mean within a question", _within(scores, spearman), _within(lengths, spearman)),
    )
    return Table(f"Published set {path.name}: nothing was fitted on it", ("figure", "grader", "answer length alone"), figures)


def _read(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            rows = list(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise InterviewerError(f"can't read {path}: {error}") from error
    if missing:
        raise InterviewerError(f"{path} lacks the columns {', '.join(missing)}")
    return rows


def _question(row: dict[str, str]) -> Question:
    from interviewer.grading import points_from_reference

    reference = row["reference"]
    return Question(
        row["question_id"], "", 1, LocalText(zh=row["question"]), LocalText(zh=reference), points_from_reference(reference)
    )


def _over_all(groups: Pairs, figure: Figure) -> float:
    pairs = [pair for found in groups.values() for pair in found]
    return figure([value for value, _ in pairs], [label for _, label in pairs])


def _within(groups: Pairs, figure: Figure) -> float:
    values = [figure([value for value, _ in pairs], [label for _, label in pairs]) for pairs in groups.values()]
    kept = [value for value in values if value == value]
    return sum(kept) / len(kept) if kept else NAN
