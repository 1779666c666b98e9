"""How well graders agree with labels made by reading: `python -m evals grading`.

The dataset's dev questions are there to choose thresholds and shapes on; the figures that count are those of the test ones.
Any number of graders are measured side by side, each with its own baseline, beside what a second careful reader reaches.
Assessments are kept in a cache, so a run that was stopped goes on. `--external` grades a published set (`evals.published`).
"""

from __future__ import annotations

import json
import math
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from evals import grading_report as report
from evals.engines import add_grader_arguments, chosen_specs, make
from evals.graded import grade_again, grade_all
from evals.grading_figures import figures_of, sheet_of, sheet_of_second
from evals.grading_report import SECOND, Outcome, shown
from evals.labelled import SPLITS, Labelled, newest_dataset, of_questions, read_dataset, statements_only
from evals.measures import Estimate
from evals.published import Scored, add_external_arguments, external_figures, grade_external, lengths, read_external
from evals.results import Result, Section, Table, dataset_hash
from evals.unseen import grade_unseen
from interviewer.config import corpus_dir
from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import Bank

if TYPE_CHECKING:
    from evals.core import Progress
    from evals.engines import Spec

__all__ = ["DATASET", "Labelled", "add_arguments", "read_dataset", "run"]

NAME = "grading"
HELP = "Agreement of graders with hand-made labels: verdicts, scores, ranking, calibration, by kind of answer"

DATASET = newest_dataset()

#: Figures of each split that a baseline keeps, and of the test answers graded with statements only.
GATED = (
    "spearman",
    "pearson",
    "qwk",
    "mae",
    "ranking_accuracy",
    "macro_f1",
    "f1_covered",
    "f1_partly",
    "f1_missing",
    "f1_contradicted",
    "auc_stated_vs_wrong",
    "auc_stated_vs_absent",
    "ece",
    "label_in_band",
    "asr_distance",
    "nothing_at_most_25",
)
GATED_BARE = ("spearman", "macro_f1", "auc_stated_vs_wrong")
#: Endings of figures to be kept small, and of those among them that are points of 100 and not shares.
SMALL = ("mae", "ece", "asr_distance", "retest_spread", "ungraded")
POINTS = ("mae", "asr_distance")
#: How far a figure may fall short of its baseline: points of 100; a share; and a model's spread when it grades again.
_POINTS_NOISE, _SHARE_NOISE, _MODEL_SPREAD = 2.0, 0.02, 1.0


def add_arguments(parser: ArgumentParser) -> None:
    add_grader_arguments(parser)
    parser.add_argument(
        "--dataset",
        type=Path,
        default=DATASET,
        metavar="FILE",
        help="labelled answers as JSON lines (default: the shipped ones)",
    )
    parser.add_argument(
        "--questions", type=int, default=0, metavar="N", help="a quick look: only N questions of each split (default: all)"
    )
    parser.add_argument("--retest", type=int, default=40, metavar="N", help="answers to grade a second time (default: 40)")
    parser.add_argument(
        "--worst",
        choices=("dev", "test", "all"),
        default="dev",
        help="whose worst disagreements to list (default: dev; test answers are better not read by who tunes)",
    )
    cache = parser.add_mutually_exclusive_group()
    cache.add_argument("--cache", type=Path, metavar="DIR", help="where assessments are kept (default: the platform's cache)")
    cache.add_argument("--no-cache", action="store_true", help="grade everything anew and keep nothing")
    add_external_arguments(parser)


def run(args: Namespace, progress: Progress) -> Result:
    """Grade everything and compare. Raises InterviewerError for what a person can mend."""
    from interviewer.ingest.bankfile import load_bank

    if args.questions and (args.gate or args.update_baseline):
        raise InterviewerError("a baseline is of all questions: leave out --questions")
    bank = load_bank([corpus_dir() / "bank"])
    rows = of_questions(read_dataset(args.dataset, bank), args.questions)
    external = read_external(args.external, args.columns, args.score_names) if args.external else []
    outcomes, scores = [], []
    for spec in chosen_specs(args):
        outcome, theirs = measure(spec, bank, rows, external, args, progress)
        outcomes.append(outcome)
        scores.append((outcome.label, theirs))
    table = [external_table(args.external.name, external, scores)] if external else []
    return assemble(outcomes, rows, args.worst, table)


def measure(
    spec: Spec, bank: Bank, rows: Sequence[Labelled], external: Sequence[Scored], args: Namespace, progress: Progress
) -> tuple[Outcome, list[float]]:
    """What one grader makes of the rows, and its scores of the published set. Loaded and freed here: models don't fit side by
    side."""
    from evals.assessment_cache import AssessmentCache, default_folder, fingerprint

    name = spec.label
    with ExitStack() as stack:
        made = make(spec, bank)
        stack.callback(made.close)
        cache = None
        if not args.no_cache:
            cache = stack.enter_context(AssessmentCache(args.cache or default_folder(), fingerprint(made, bank)))
        graded, ungraded = grade_all(rows, made.grader, progress, cache, name)
        tests = statements_only(row for row in rows if row.split == "test")
        if spec.kind == "builtin":
            bare = grade_unseen(tests, bank, progress)
        else:
            bare, _ = grade_all(tests, made.grader, progress, cache, f"{name}, statements only")
        scores = grade_external(external, made.grader, progress, cache) if external else []
        retest = grade_again(graded, made.grader, args.retest)
    if not graded:
        reasons = sorted({a.reason or "" for a in ungraded})
        raise InterviewerError(f"{name} graded none of {len(rows)} answers: {'; '.join(reasons[:3])}")
    outcome = Outcome(
        name, spec.variant, made.grader.info, tuple(graded), sheet_of(graded), sheet_of(bare), tuple(ungraded), retest
    )
    return outcome, scores


# ---------------------------------------------------------------- the result


def assemble(outcomes: Sequence[Outcome], rows: Sequence[Labelled], worst: str = "dev", more: Sequence[Table] = ()) -> Result:
    """Everything measured, as one result; several graders are its parts."""
    data = dataset_hash(json.dumps([r.id, r.answer, r.labels, r.overall], ensure_ascii=False) for r in rows)
    parts = [part_of(outcome, data) for outcome in outcomes]
    test = [(o.label, o.split("test")) for o in outcomes]
    asked = Counter(row.split for row in rows)
    second = {split: sheet_of_second(row for row in rows if row.split == split) for split in SPLITS}
    with_second = [*test, *([(SECOND, second["test"])] if second["test"].rows else [])]
    dev = [*((o.label, o.split("dev")) for o in outcomes), *([(SECOND, second["dev"])] if second["dev"].rows else [])]
    tables = [
        report.side_by_side("Test questions (95 % intervals by question)", with_second, asked["test"]),
        report.side_by_side("Test questions, statements only", [(o.label, o.bare) for o in outcomes], asked["test"]),
        report.verdict_table("Verdicts on test questions", with_second),
        *(report.breakdown(name, f"By {name}, test questions", test) for name in report.SLICES),
        report.source_table(outcomes),
        report.special_table(outcomes),
        report.retest_table(outcomes),
        report.side_by_side("Dev questions", dev, asked["dev"]),
        *more,
        *(report.worst_table(outcome, worst) for outcome in outcomes),
    ]
    made_by = {f"grader {n}": " ".join(str(v) for v in p.made_by.values() if v) for n, p in enumerate(parts, 1)}
    whole = parts[0] if len(parts) == 1 else Result({}, dataset=data, made_by=made_by, parts=tuple(parts))
    charts = (report.figures_chart(with_second), report.reliability_chart(test), report.kinds_chart(test))
    return replace(whole, tables=tuple(tables), charts=charts, sections=(_note(outcomes, rows),))


def part_of(outcome: Outcome, data: str) -> Result:
    """One grader's figures as a baseline keeps them."""
    found: dict[str, Estimate] = {}
    for split in SPLITS:
        figures = figures_of(outcome.split(split))
        found |= {f"{split}_{name}": figures[name] for name in GATED if name in figures}
    bare = figures_of(outcome.bare)
    found |= {f"test_without_phrasings_{name}": bare[name] for name in GATED_BARE if name in bare}
    found["ungraded"] = Estimate(len(outcome.ungraded) / (len(outcome.ungraded) + len(outcome.graded)))
    if outcome.retest:
        found["retest_spread"] = Estimate(outcome.retest.worst)
    found = {name: figure for name, figure in found.items() if math.isfinite(figure.value)}
    noise = {name: _POINTS_NOISE if name.endswith(POINTS) else _SHARE_NOISE for name in found}
    noise |= {name: value for name, value in _exact(outcome).items() if name in found}
    info = outcome.info
    return Result(
        {name: figure.value for name, figure in found.items()},
        dataset=data,
        noise=noise,
        lower_is_better=frozenset(name for name in found if name.endswith(SMALL)),
        made_by={"grader": info.name, "grader_version": info.version, "model": info.model, "prompts": info.prompt},
        variant=outcome.variant,
        intervals={name: (f.low, f.high) for name, f in found.items() if math.isfinite(f.low)},
        label=outcome.label,
    )


def _exact(outcome: Outcome) -> dict[str, float]:
    """Figures that have no business to vary, for the built-in grader; a model's sums may differ in their last digits."""
    return {"retest_spread": _MODEL_SPREAD if outcome.variant else 0.0, "ungraded": 0.01 if outcome.variant else 0.0}


def external_table(name: str, rows: Sequence[Scored], scores: Sequence[tuple[str, Sequence[float]]]) -> Table:
    """Agreement with a published set's scores, beside what answer length alone reaches."""
    columns = [(label, external_figures(rows, theirs), theirs) for label, theirs in scores]
    length = external_figures(rows, lengths(rows), ranks_only=True)
    body: list[tuple[str | float | int | None, ...]] = [
        ("answers graded", *(sum(map(math.isfinite, theirs)) for _, _, theirs in columns), len(rows)),
        ("questions", *(len({row.question.id for row in rows}) for _ in columns), len({row.question.id for row in rows})),
    ]
    for figure in columns[0][1]:
        digits = 1 if "of 100" in figure else 2
        body.append((figure, *(shown(found[figure], digits) for _, found, _ in columns), shown(length.get(figure), digits)))
    title = f"Published set {name}: nothing was fitted on it"
    return Table(title, ("figure", *(label for label, _, _ in columns), "answer length alone"), tuple(body))


def _note(outcomes: Sequence[Outcome], rows: Sequence[Labelled]) -> Section:
    seconds = sum(row.second is not None for row in rows)
    text = (
        f"{len(rows)} answers to {len({row.question.id for row in rows})} questions, labelled point by point by their author; "
        f"{seconds} were labelled again by a second reader who saw neither those labels nor what the answer was meant to be. "
        "That reader's agreement is the ceiling for any grader. Dev questions are for tuning; the figures that count are those "
        "of the test questions. “Statements only” grades the same answers as if the bank had no accepted phrasings, contrasts "
        "or terms: what imported questions get. Intervals are the middle 95 % of resamples of whole questions. Times are those "
        "of the run that graded an answer first, on its machine."
    )
    for outcome in outcomes:
        reasons = "; ".join(sorted({a.reason or "" for a in outcome.ungraded})[:3])
        if outcome.ungraded:
            text += (
                f"\n\n{outcome.label} left {len(outcome.ungraded)} of {len(rows)} answers ungraded; its figures are those "
                f"of the others, and no fair comparison when they are few. Why: {reasons}"
            )
    return Section("What this is", text)
