"""Whole interviews with simulated candidates: `python -m evals interview`.

Candidates of known skill answer in the words of the labelled answers; the session code, the store, the policy and the grader
are the real ones. Says whether the report orders the candidates, whether follow-ups go where something is missing, and what
they bring. Retrieved passages are left out: the built-in interviewer uses none.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evals import interview_figures as figures
from evals.candidates import AnswerBook, Candidate
from evals.engines import add_engine_arguments, chosen_spec
from evals.labelled import SPLITS, Labelled, newest_dataset, read_dataset
from evals.results import Result, Section, dataset_hash
from evals.simulation import Held, hold
from interviewer.config import corpus_dir, load_settings, prompts_dir
from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import Bank, Hit, Lang
from interviewer.domain.transcript import Setup
from interviewer.session import Cast, Interviews

if TYPE_CHECKING:
    from evals.core import Progress

NAME = "interview"
HELP = "Whole interviews with simulated candidates: does the score order them, do follow-ups go where something is missing"

#: How far figures may fall short when the grader or the bank changes a little; those of some fifty cases swing more.
NOISE = 0.03
_NOISE = {"recovery": 0.08, "left_too_early": 0.08, "misheard": 0.1}


class NoPassages:
    """A retriever with nothing in it."""

    def search(self, query: str, k: int = 5, *, question_id: str | None = None) -> list[Hit]:  # noqa: ARG002
        """Nothing."""
        return []


def add_arguments(parser: ArgumentParser) -> None:
    add_engine_arguments(parser)
    parser.add_argument("--candidates", type=int, default=40, metavar="N", help="candidates per language (default: 40)")
    parser.add_argument("--questions", type=int, default=5, metavar="N", help="questions per interview (default: 5)")
    parser.add_argument("--follow-ups", type=int, default=2, metavar="N", help="follow-ups per question (default: 2)")
    parser.add_argument("--seed", type=int, default=1, help="decides who knows what (default: 1)")
    parser.add_argument(
        "--held-out-only", action="store_true", help="candidates know only points that another labelled answer has words for"
    )
    parser.add_argument("--lang", choices=("zh", "en", "both"), default="both", help="language of the interviews")
    parser.add_argument(
        "--split",
        choices=(*SPLITS, "all"),
        default="test",
        help="questions that take part (default: test, those the built-in grader was not fitted on)",
    )
    parser.add_argument(
        "--dataset",
        type=Path,
        default=newest_dataset(),
        metavar="FILE",
        help="labelled answers as JSON lines (default: the shipped ones)",
    )


def run(args: Namespace, progress: Progress) -> Result:
    """Hold all interviews and count. Raises InterviewerError when no question has answers enough, or a model can't be had."""
    from interviewer.ingest.bankfile import load_bank

    bank = load_bank([corpus_dir() / "bank"])
    rows = [row for row in read_dataset(args.dataset, bank) if args.split in ("all", row.split)]
    book = AnswerBook(rows)
    langs: tuple[Lang, ...] = ("zh", "en") if args.lang == "both" else (args.lang,)
    held: list[Held] = []
    made_by: dict[str, str | int | float | None] = {"seed": args.seed}
    for lang in langs:
        part = book.bank(bank, lang)
        if len(part) < args.questions:
            progress(f"{lang}: left out, only {len(part)} questions have answers enough to choose from")
            continue
        cast, close = make_cast(args, bank, part)
        info = cast.grader().info
        made_by |= {"grader": info.name, "grader_version": info.version, "model": info.model, "prompts": info.prompt}
        try:
            held += hold_all(args, lang, cast, part, book, progress)
        finally:
            close()
    if not held:
        raise InterviewerError(f"{args.dataset.name} has too few answers for interviews of {args.questions} questions")
    return _result(args, rows, held, made_by)


def make_cast(args: Namespace, whole: Bank, asked: Bank) -> tuple[Cast, Callable[[], None]]:
    """Who takes part, and what frees it: questions from `asked`, a grader that knows the whole bank, as in a real interview;
    with an engine, its model speaks and grades. Raises ConfigError, EngineUnavailable."""
    from interviewer.dialogue.speakers import BuiltinSpeaker, ModelSpeaker
    from interviewer.dialogue.wording import Wording
    from interviewer.grading import BuiltinGrader, ModelGrader
    from interviewer.prompting import load_prompts

    prompts, builtin = load_prompts(prompts_dir()), BuiltinGrader(whole)
    wording = Wording(prompts)
    nothing = NoPassages()
    spec = chosen_spec(args)
    if spec.kind == "builtin":
        speaker = BuiltinSpeaker(wording)
        return Cast(lambda: asked, lambda: speaker, lambda: builtin, lambda: nothing), lambda: None
    from interviewer.engines import load_engine

    engine = load_engine(load_settings(engine=spec.kind, model=spec.model or None, base_url=spec.url or None))
    voice, grader = ModelSpeaker(engine, wording, prompts), ModelGrader(engine, prompts, builtin, bank=whole)
    return Cast(lambda: asked, lambda: voice, lambda: grader, lambda: nothing, lambda: builtin), engine.close


def hold_all(args: Namespace, lang: Lang, cast: Cast, bank: Bank, book: AnswerBook, progress: Progress) -> list[Held]:
    """One interview per candidate; their skills are spread evenly over 0–1."""
    from interviewer.storage import open_store

    store = open_store("sqlite://")
    interviews = Interviews(cast, store)
    held = []
    try:
        for number in range(args.candidates):
            skill = (number + 0.5) / args.candidates
            person = Candidate(f"{lang}-{number + 1}", skill, lang, book, args.seed, held_out_only=args.held_out_only)
            seed = args.seed * 100_003 + number + 1
            setup = Setup(lang, questions=args.questions, follow_ups=args.follow_ups, seed=seed)
            held.append(hold(interviews, store, bank, person, setup))
            if (number + 1) % 10 == 0:
                progress(f"{lang}: {number + 1} of {args.candidates} interviews")
    finally:
        store.close()
    return held


def _result(
    args: Namespace, rows: Sequence[Labelled], held: Sequence[Held], made_by: dict[str, str | int | float | None]
) -> Result:
    values = figures.figures(held)
    for lang, part in figures.by_language(held).items():
        if len(part) < len(held):
            values |= {f"{lang}_{name}": v for name, v in figures.figures(part).items() if name in _BY_LANGUAGE}
    return Result(
        figures=values,
        dataset=dataset_hash(f"{r.id}\n{r.answer}\n{sorted(r.labels.items())}" for r in rows),
        noise={name: _NOISE.get(_figure(name), NOISE) for name in values},
        lower_is_better=frozenset(n for n in values if _figure(n) in figures.LOWER_IS_BETTER),
        tables=(
            figures.summary_table(held),
            *figures.phrased_tables(held),
            figures.aims_table(held),
            figures.wordings_table(held),
            figures.closed_table(held),
            *figures.example_tables(held),
        ),
        charts=figures.charts(held),
        sections=(Section("What this is", _ABOUT),),
        made_by={
            **made_by,
            "candidates": args.candidates,
            "questions": args.questions,
            "split": args.split,
            "held_out_only": int(args.held_out_only),
        },
        variant="-".join(filter(None, (chosen_spec(args).variant, "held-out" if args.held_out_only else ""))),
    )


def _figure(name: str) -> str:
    """A figure's name without its language."""
    return name.removeprefix("zh_").removeprefix("en_")


_BY_LANGUAGE = ("spearman_known", "pairwise_accuracy", "aimed_at_open", "recovery", "false_recovery")

_ABOUT = (
    "Each candidate knows every key point with a probability equal to its skill, and may believe something wrong of one "
    "that it doesn't know. Its first answer is the labelled answer nearest to that, or sentences of several where none is "
    "near; where the two differ, its beliefs follow the labels (“revised” says how often), so that what is true of it rests "
    "on reading, not on the grader. On a follow-up it says a sentence of another labelled answer about the point, its "
    "statement re-voiced where there is none (counted below, and kept out of “recovery”), a wrong one, or that it doesn't "
    "know. Sentences were matched to points by the words of the statement and the terms, which favours sentences that any "
    "text matching finds easy. Statements are what a text matching finds easiest of all: what the "
    "ordering is without them, --held-out-only says.\n\n"
    "“tells” and “names” use the leak check that holds a model's words (interviewer/dialogue/guard.py): a sentence holds "
    "45 % of the words of an open point's statement or accepted phrasing that were not said before, or names one of its "
    "concepts (in a hint that is no fault). “repeats” is an asking sentence whose word pairs overlap an earlier one's by 80 %."
)
