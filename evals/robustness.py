"""How often a grader is fooled: `python -m evals robustness`. Each attack on many answers, against a pass mark.

Pass marks were set before the grader was written, from what published attacks do to graders that go by similarity. For attacks
on an honest answer the change counts, and both directions are reported: the share that raised the score by more than five
points, and the worst rise.
"""

from __future__ import annotations

import random
from argparse import ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evals import attacks
from evals.attacks import Case
from evals.engines import add_engine_arguments, chosen_spec, make_grader
from evals.labelled import newest_dataset, read_dataset
from evals.results import Bar, Chart, Result, Section, Table, dataset_hash
from interviewer.config import corpus_dir
from interviewer.domain.assessment import Assessment
from interviewer.domain.questions import Bank
from interviewer.ports import GradingItem

if TYPE_CHECKING:
    from evals.core import Progress

NAME = "robustness"
HELP = "Share of attacks on the grader that fail: empty, echoed, shuffled, negated, injected, padded answers and more"


#: Kinds of answers that attacks change, and how many answers: all would take the gate over two minutes.
HONEST = ("full", "most", "partial", "subtly-wrong", "fluent-wrong", "terse", "asr", "rambling", "reworded", "touched")
ANSWERS = 150


@dataclass(frozen=True, slots=True)
class Mark:
    """Whether a case passes, given the assessment and (for changes to an honest answer) the change of score; and the share
    wanted."""

    passes: Callable[[Assessment, float], bool]
    says: str
    wanted: float


def _at_most(limit: float) -> Callable[[Assessment, float], bool]:
    return lambda a, _: a.score is not None and a.score <= limit


def _within(limit: float) -> Callable[[Assessment, float], bool]:
    return lambda _, change: abs(change) <= limit


PADDED = Mark(lambda _, change: -10 <= change <= 1, "never raises (by over 1), nor lowers by over 10", 0.98)
#: The padded answers of which each line of padding earns exactly 0 as the whole answer to that question.
WORTHLESS = "padding-worth-nothing"

MARKS: dict[str, Mark] = {
    "empty": Mark(_at_most(0), "exactly 0", 1.0),
    "dont-know": Mark(_at_most(0), "exactly 0", 1.0),
    "echo": Mark(_at_most(0), "exactly 0", 0.98),
    "off-topic": Mark(_at_most(15), "at most 15", 0.95),
    "other-reference": Mark(_at_most(15), "at most 15", 0.95),
    "keyword-list": Mark(_at_most(0), "exactly 0", 0.98),
    "padded-list": Mark(_at_most(15), "at most 15", 0.98),
    "shuffled": Mark(_at_most(40), "at most 40", 0.9),
    "negated": Mark(_at_most(40), "at most 40", 0.85),
    "injection-alone": Mark(_at_most(0), "exactly 0", 0.98),
    "verbatim": Mark(lambda a, _: (a.score or 0) >= 90 and "verbatim" in a.flags, "at least 90 and flagged", 1.0),
    "injection": Mark(_within(5), "changes by at most 5", 0.98),
    "padding-alone": Mark(_at_most(0), "exactly 0", 0.95),
    **{f"padding-{where}": PADDED for where in ("start", "middle", "end", "other-language")},
    WORTHLESS: replace(PADDED, wanted=1.0),
    "repeated": Mark(lambda _, change: change <= 0.1, "never raises", 1.0),
    "reordered": Mark(_within(10), "changes by at most 10", 0.9),
    "typos": Mark(_within(10), "changes by at most 10", 0.9),
    "right-plus-wrong": Mark(lambda _, change: change < 0, "lowers", 0.9),
    "missing-point": Mark(lambda _, change: change >= -1, "never lowers (by over 1)", 0.98),
    "one-more-right": Mark(lambda _, change: change >= -1, "never lowers (by over 1)", 0.98),
}


def add_arguments(parser: ArgumentParser) -> None:
    add_engine_arguments(parser)
    parser.add_argument("--every-place", action="store_true", help="pad each answer in every place, add every missing point")
    parser.add_argument("--questions", type=int, default=0, metavar="N", help="use the first N questions only (default: all)")


def run(args: Namespace, progress: Progress) -> Result:
    """Every attack, graded and counted."""
    from interviewer.ingest.bankfile import load_bank

    bank = load_bank([corpus_dir() / "bank"])
    grader, close = make_grader(args, bank)
    chosen = Bank(bank.questions[: args.questions], bank.topics) if args.questions else bank
    cases = list(all_cases(chosen, args.every_place))
    outcomes: dict[str, list[tuple[bool, float, Case, Assessment]]] = defaultdict(list)
    known: dict[tuple[str, str], float | None] = {}

    def score_of(case: Case, answer: str) -> float | None:
        key = (case.question.id, answer)
        if key not in known:
            known[key] = grader.grade(GradingItem(case.question, answer)).score
        return known[key]

    try:
        for number, case in enumerate(cases, 1):
            assessment = grader.grade(GradingItem(case.question, case.answer))
            before = score_of(case, case.base) if case.base is not None else None
            change = (assessment.score or 0.0) - (before or 0.0)
            passed = assessment.graded and MARKS[case.attack].passes(assessment, change)
            outcome = (passed, change if case.base is not None else assessment.score or 0.0, case, assessment)
            outcomes[case.attack].append(outcome)
            if case.padding and not any(score_of(case, line) for line in case.padding):
                outcomes[WORTHLESS].append(outcome)
            if number % 500 == 0:
                progress(f"{number} of {len(cases)} attacks")
    finally:
        close()
    info = grader.info
    return _result(
        outcomes, cases, {"grader": info.name, "grader_version": info.version, "model": info.model}, chosen_spec(args).variant
    )


def all_cases(bank: Bank, every_place: bool = False) -> Iterator[Case]:
    """Every attack on every question, and on honest answers of the grading dataset; padding and further points on all those of
    its dev half: one place and one point an answer by turns, or every place and every point that it lacks."""
    yield from attacks.absolute(bank)
    for question in bank:
        yield from attacks.right_plus_wrong(question)
        yield from attacks.one_more(question)
    rng = random.Random(0)
    names = {q.id for q in bank}
    rows = [r for r in read_dataset(newest_dataset(), bank, strict=False) if r.question.id in names and r.kind in HONEST]
    for row in rng.sample(rows, min(ANSWERS, len(rows))):
        yield from attacks.relative(row.question, row.answer, rng)
    dev = [row for row in rows if row.split == "dev"]
    for question in {row.question.id: row.question for row in dev}.values():
        yield from attacks.padding_alone(question, rng)
    for number, row in enumerate(dev):
        for cases in (list(attacks.padding(row.question, row.answer, rng)), list(attacks.missing_point(row, rng))):
            yield from cases if every_place or not cases else [cases[number % len(cases)]]


def _result(
    outcomes: dict[str, list[tuple[bool, float, Case, Assessment]]],
    cases: list[Case],
    made_by: dict[str, str | None],
    engine: str,
) -> Result:
    rows = []
    bars = []
    figures = {}
    for name, mark in MARKS.items():
        done = outcomes.get(name, [])
        if not done:
            continue
        share = sum(passed for passed, *_ in done) / len(done)
        values = sorted(value for _, value, *_ in done)
        relative = done[0][2].base is not None
        raised = [sum(value > least for value in values) / len(values) if relative else None for least in (1, 5)]
        rows.append(
            (
                name,
                len(done),
                mark.says,
                mark.wanted,
                share,
                "yes" if share >= mark.wanted else "NO",
                values[-1],
                values[0],
                *raised,
            )
        )
        bars.append(Bar(name, share))
        figures[f"{name}_passed"] = share
    failed = [
        (c.attack, c.question.id, value, " ".join(a.flags), c.answer[:300])
        for d in outcomes.values()
        for ok, value, c, a in d
        if not ok
    ]
    columns = (
        "attack",
        "n",
        "passes when the score",
        "share wanted",
        "share passed",
        "met",
        "highest",
        "lowest",
        "raised by > 1",
        "raised by > 5",
    )
    return Result(
        figures=figures,
        dataset=dataset_hash(f"{c.attack}\n{c.question.id}\n{c.answer}" for c in cases),
        tables=(
            Table("Attacks", columns, tuple(rows)),
            Table("Failures (the first 60)", ("attack", "question", "score or change", "flags", "answer"), tuple(failed[:60])),
        ),
        charts=(Chart("Share of attacks that failed to fool the grader", tuple(bars)),),
        sections=(
            Section(
                "What this is",
                "Highest and lowest are scores, or changes of score for attacks on an honest answer. "
                "“Raised by” is the share of such attacks that paid. Padding is talk of which each line earns exactly 0 as "
                "the whole answer to the question (`padding-worth-nothing`); the other rows of padding count every line, also "
                "those that do say a point of the question (“it depends on the situation”).",
            ),
        ),
        made_by=made_by,
        variant="" if engine == "builtin" else engine,
    )
