"""How well a grader agrees with labels made by reading: `python -m evals grading`.

The answers of datasets/grading_v1.jsonl were written before any threshold was chosen, in other words than the bank's
phrasings. Thresholds and shapes are chosen on its dev questions; the figures that count are those of the test questions.
`--external` also grades a published set, see `evals.published`.
"""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from evals.engines import add_engine_arguments, engine_kind, make_grader
from evals.measures import auc, interval, mean_absolute_error, pearson, precision_recall_f1, spearman
from evals.results import Bar, Chart, Result, Section, Table, dataset_hash
from interviewer.config import corpus_dir
from interviewer.domain.assessment import Assessment, Verdict
from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import Bank, KeyPoint, Question
from interviewer.ports import Grader, GradingItem

if TYPE_CHECKING:
    from evals.core import Progress

NAME = "grading"
HELP = "Agreement of a grader with hand-made labels: verdicts, scores, ranking, by kind of answer"

DATASET = Path(__file__).parent / "datasets" / "grading_v1.jsonl"
VERDICTS = {2: Verdict.COVERED, 1: Verdict.PARTLY, 0: Verdict.MISSING, -1: Verdict.CONTRADICTED}


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


@dataclass(frozen=True, slots=True)
class Graded:
    """An answer with its assessment and the time that took (ms)."""

    row: Labelled
    assessment: Assessment
    ms: float

    @property
    def score(self) -> float:
        assert self.assessment.score is not None
        return self.assessment.score


def add_arguments(parser: ArgumentParser) -> None:
    add_engine_arguments(parser)
    parser.add_argument(
        "--dataset",
        type=Path,
        default=DATASET,
        metavar="FILE",
        help="labelled answers as JSON lines (default: the shipped ones)",
    )
    parser.add_argument(
        "--external",
        type=Path,
        metavar="CSV",
        help="also grade a published set with the columns question_id, question, reference, answer, score, score_max",
    )


def run(args: Namespace, progress: Progress) -> Result:
    """Grade everything and compare."""
    from evals.published import table_of
    from interviewer.ingest.bankfile import load_bank

    bank = load_bank([corpus_dir() / "bank"])
    rows = read_dataset(args.dataset, bank)
    grader, close = make_grader(args, bank)
    try:
        graded, ungraded = grade_all(rows, grader, progress)
        bare, _ = grade_all([replace(r, question=without_phrasings(r.question)) for r in rows], grader, progress)
        external = table_of(args.external, grader, progress) if args.external else None
    finally:
        close()
    tables = [
        _summary_table(graded, bare),
        *(_verdict_table(part, name) for name, part in _splits(graded)),
        _kind_table(graded),
        *([external] if external else []),
        _worst(graded),
    ]
    info = grader.info
    figures = {
        f"{split}_{name}": value for split, part in _splits(graded) for name, value in _figures(part).items() if value == value
    }
    figures |= {f"test_without_phrasings_{n}": v for n, v in _figures(_only(bare, "test")).items() if v == v and n in _KEPT}
    return Result(
        figures=figures,
        dataset=dataset_hash(json.dumps([r.id, r.answer, r.labels, r.overall], ensure_ascii=False) for r in rows),
        noise={name: 2.0 if "mae" in name else 0.02 for name in figures},
        lower_is_better=frozenset(n for n in figures if "mae" in n),
        tables=tuple(tables),
        charts=(_kind_chart(graded),),
        sections=(_note(graded, ungraded),),
        made_by={"grader": info.name, "grader_version": info.version, "model": info.model, "prompts": info.prompt},
        variant="" if engine_kind(args) == "builtin" else engine_kind(args),
    )


# ---------------------------------------------------------------- data


def read_dataset(path: Path, bank: Bank, strict: bool = True) -> list[Labelled]:
    """Rows with their questions; without `strict`, rows of other questions are passed over. Raises InterviewerError for a
    row whose question or points the bank does not have."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        data = json.loads(line)
        question = bank.get(data["question_id"])
        if question is None and not strict:
            continue
        if question is None or {p.id for p in question.key_points} != set(data["labels"]):
            raise InterviewerError(f"{path.name}:{number}: {data['question_id']} or its key points changed: label it again")
        rows.append(
            Labelled(
                data["id"],
                question,
                data["split"],
                data["kind"],
                data["lang"],
                data["answer"],
                data["labels"],
                float(data["overall"]),
            )
        )
    return rows


def without_phrasings(question: Question) -> Question:
    """The question as a document would give it: statements alone, so that the figure says what authored phrasings bring."""
    points = tuple(KeyPoint(p.id, p.statement, p.weight) for p in question.key_points)
    return replace(question, key_points=points, origin="derived")


def grade_all(rows: Sequence[Labelled], grader: Grader, progress: Progress) -> tuple[list[Graded], list[Assessment]]:
    """(graded ones, the assessments of the others)."""
    graded, ungraded = [], []
    for number, row in enumerate(rows, 1):
        started = time.perf_counter()
        assessment = grader.grade(GradingItem(row.question, row.answer))
        ms = 1000 * (time.perf_counter() - started)
        if assessment.graded:
            graded.append(Graded(row, assessment, ms))
        else:
            ungraded.append(assessment)
        if number % 50 == 0:
            progress(f"graded {number} of {len(rows)}")
    return graded, ungraded


# ---------------------------------------------------------------- figures

_KEPT = ("spearman", "macro_f1", "auc_stated_vs_wrong")


def _only(graded: Iterable[Graded], split: str) -> list[Graded]:
    return [g for g in graded if g.row.split == split]


def _splits(graded: Sequence[Graded]) -> list[tuple[str, list[Graded]]]:
    return [(s, _only(graded, s)) for s in ("dev", "test")]


def _points(graded: Iterable[Graded]) -> list[tuple[int, Verdict, float]]:
    """(label, verdict, P(stated)) of every point."""
    return [(g.row.labels[p.point_id], p.verdict, p.probability) for g in graded for p in g.assessment.points]


def macro_f1(graded: Iterable[Graded]) -> float:
    """Mean F1 over the four verdicts."""
    points = _points(graded)
    truth, said = [VERDICTS[p[0]] for p in points], [p[1] for p in points]
    values = [precision_recall_f1(truth, said, v)[2] for v in Verdict]
    return sum(v for v in values if v == v) / len(values)


def stated_vs_wrong(graded: Iterable[Graded]) -> float:
    """AUC of P(stated) between points fully stated and points stated wrongly."""
    points = _points(graded)
    return auc([p for label, _, p in points if label == 2], [p for label, _, p in points if label == -1])


def stated_vs_absent(graded: Iterable[Graded]) -> float:
    """AUC of P(stated) between points fully stated and points not mentioned."""
    points = _points(graded)
    return auc([p for label, _, p in points if label == 2], [p for label, _, p in points if label == 0])


def score_spearman(graded: Iterable[Graded]) -> float:
    """Rank correlation of scores with overall labels."""
    rows = list(graded)
    return spearman([g.score for g in rows], [g.row.overall for g in rows])


def in_band(graded: Sequence[Graded]) -> float:
    """Share of labels inside the band."""
    inside = [(g.assessment.low or 0) <= g.row.overall <= (g.assessment.high or 0) for g in graded]
    return sum(inside) / len(inside) if inside else float("nan")


def _figures(graded: Sequence[Graded]) -> dict[str, float]:
    scores, labels = [g.score for g in graded], [g.row.overall for g in graded]
    return {
        "spearman": score_spearman(graded),
        "pearson": pearson(scores, labels),
        "mae": mean_absolute_error(scores, labels),
        "macro_f1": macro_f1(graded),
        "auc_stated_vs_wrong": stated_vs_wrong(graded),
        "auc_stated_vs_absent": stated_vs_absent(graded),
        "label_in_band": in_band(graded),
    }


def _with_interval(graded: Sequence[Graded], figure: Callable[[list[Graded]], float]) -> str:
    groups: dict[str, list[Graded]] = defaultdict(list)
    for g in graded:
        groups[g.row.question.id].append(g)
    low, high = interval(groups, figure, times=200)
    return f"{figure(list(graded)):.2f} [{low:.2f}, {high:.2f}]"


# ---------------------------------------------------------------- tables


def _summary_table(graded: Sequence[Graded], bare: Sequence[Graded]) -> Table:
    rows = []
    for name, part in (*_splits(graded), ("test, statements only", _only(bare, "test"))):
        if not part:
            continue
        figures = _figures(part)
        rows.append(
            (
                name,
                len(part),
                _with_interval(part, score_spearman),
                _with_interval(part, macro_f1),
                _with_interval(part, stated_vs_wrong),
                figures["auc_stated_vs_absent"],
                figures["mae"],
                figures["label_in_band"],
                sorted(g.ms for g in part)[len(part) // 2],
            )
        )
    columns = (
        "answers",
        "n",
        "Spearman",
        "macro F1",
        "AUC stated/wrong",
        "AUC stated/absent",
        "MAE",
        "label in band",
        "median ms",
    )
    return Table("Agreement with the labels (95 % intervals by question)", columns, tuple(rows))


def _verdict_table(graded: Sequence[Graded], name: str) -> Table:
    points = _points(graded)
    truth, said = [VERDICTS[p[0]] for p in points], [p[1] for p in points]
    rows = [(v.value, sum(t == v for t in truth), *precision_recall_f1(truth, said, v)) for v in Verdict]
    return Table(f"Verdicts on {name}", ("verdict", "points", "precision", "recall", "F1"), tuple(rows))


def _by_kind(graded: Sequence[Graded]) -> dict[str, list[Graded]]:
    kinds: dict[str, list[Graded]] = defaultdict(list)
    for g in graded:
        kinds[g.row.kind].append(g)
    return dict(sorted(kinds.items(), key=lambda item: -sum(g.row.overall for g in item[1]) / len(item[1])))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _kind_table(graded: Sequence[Graded]) -> Table:
    rows = [
        (
            kind,
            len(part),
            _mean([g.row.overall for g in part]),
            _mean([g.score for g in part]),
            mean_absolute_error([g.score for g in part], [g.row.overall for g in part]),
            max(g.score for g in part),
        )
        for kind, part in _by_kind(graded).items()
    ]
    return Table("By kind of answer", ("kind", "n", "label", "score", "MAE", "highest score"), tuple(rows))


def _kind_chart(graded: Sequence[Graded]) -> Chart:
    bars = []
    for kind, part in _by_kind(graded).items():
        bars.append(Bar(f"{kind}: label", _mean([g.row.overall for g in part])))
        bars.append(Bar(f"{kind}: score", _mean([g.score for g in part])))
    return Chart("Mean label and score by kind", tuple(bars), 100.0)


def _worst(graded: Sequence[Graded]) -> Table:
    worst = sorted(graded, key=lambda g: -abs(g.score - g.row.overall))[:20]
    rows = tuple(
        (g.row.id, g.row.kind, g.row.split, g.row.overall, g.score, " ".join(g.assessment.flags), _difference(g), g.row.answer)
        for g in worst
    )
    return Table("Worst disagreements", ("id", "kind", "split", "label", "score", "flags", "points", "answer"), rows)


def _difference(g: Graded) -> str:
    return "; ".join(
        f"{p.point_id}: {VERDICTS[g.row.labels[p.point_id]].value} → {p.verdict.value}"
        for p in g.assessment.points
        if VERDICTS[g.row.labels[p.point_id]] != p.verdict
    )


def _note(graded: Sequence[Graded], ungraded: Sequence[Assessment]) -> Section:
    text = (
        f"{len(graded)} answers graded, {len(ungraded)} ungraded. Labels by one author, written before tuning; the "
        f"overall label is the "
        "weighted share of stated points (touched ones count half). “Statements only” grades the same answers as if "
        "the bank had no "
        "accepted phrasings, contrasts or terms: what imported questions get."
    )
    reasons = "; ".join(sorted({a.reason or "" for a in ungraded}))
    return Section("What this is", text + (f"\n\nUngraded because: {reasons}" if reasons else ""))
