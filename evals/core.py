"""The runner: `python -m evals TASK [--out DIR] [--gate | --update-baseline] …`.

A task is a module with `NAME`, `HELP`, `add_arguments(parser)` and `run(args, progress) -> Result`. The runner imports the
one that is asked for, stamps its result with what produced it, writes report.md, report.html and results.json, and compares
it with the committed baseline. It knows nothing of what is measured.
"""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, cast

from evals import gate, reporting
from evals.results import Bar, Chart, Result, Section, Table, dataset_hash
from evals.stamp import make_stamp
from interviewer.config import without_password
from interviewer.domain.errors import InterviewerError

__all__ = ["Bar", "Chart", "Progress", "Result", "Section", "Table", "Task", "dataset_hash", "main"]

Progress = Callable[[str], None]

#: Every task there is: its name and module. A module is imported only when its task is run, or described.
TASKS: dict[str, str] = {
    "grading": "evals.grading",
    "interview": "evals.interview",
    "latency": "evals.latency",
    "retrieval": "evals.retrieval",
    "robustness": "evals.robustness",
    "speed": "evals.speed",
}
BASELINES = Path(__file__).parent / "baselines"


class Task(Protocol):
    """What a task module offers. Nothing heavy may be imported at its top, since `--help` imports it."""

    NAME: str
    HELP: str

    def add_arguments(self, parser: ArgumentParser) -> None: ...

    def run(self, args: Namespace, progress: Progress) -> Result: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 a figure fell below its baseline or something is missing, 2 wrong usage, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = _parser(arguments).parse_args(arguments)
    task = _load(args.task)
    try:
        return _run(task, args, arguments)
    except InterviewerError as error:
        print(f"evals: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nevals: stopped; what a task keeps is kept, and the same command goes on from there", file=sys.stderr)
        return 130


def _load(name: str) -> Task:
    return cast(Task, importlib.import_module(TASKS[name]))


def _parser(arguments: Sequence[str]) -> ArgumentParser:
    """The parser; only the chosen task's module is imported, or all of them to list them."""
    parser = ArgumentParser(prog="python -m evals", description="Measure the grading, the retrieval and the interviewer.")
    commands = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    for name in TASKS:
        if chosen in TASKS and chosen != name:
            commands.add_parser(name)
            continue
        task = _load(name)
        sub = commands.add_parser(name, help=task.HELP, description=task.HELP)
        sub.add_argument("--out", type=Path, metavar="DIR", help="folder for the report (default: artifacts/evals/TASK)")
        baseline = sub.add_mutually_exclusive_group()
        baseline.add_argument("--gate", action="store_true", help="fail when a figure fell below its committed baseline")
        baseline.add_argument("--update-baseline", action="store_true", help="make this run the committed baseline")
        sub.add_argument("--baselines", type=Path, default=BASELINES, help=argparse.SUPPRESS)
        task.add_arguments(sub)
    return parser


def _run(task: Task, args: Namespace, arguments: Sequence[str]) -> int:
    started = time.monotonic()
    result = task.run(args, lambda line: print(line, file=sys.stderr, flush=True))
    stamp = make_stamp(task.NAME, _shown(arguments), result, time.monotonic() - started)
    out = args.out or Path("artifacts") / "evals" / task.NAME
    reporting.write(out, task.NAME, result, stamp)
    print(f"written: {out / 'report.md'}, {out / 'report.html'}, {out / 'results.json'}", file=sys.stderr)
    print(reporting.summary(result))
    statuses = [_against_baseline(task, part, args, arguments) for part in result.measured]
    return max(statuses)


def _against_baseline(task: Task, result: Result, args: Namespace, arguments: Sequence[str]) -> int:
    """Write the baseline of one thing measured, or compare with it, or neither: 0, or 1 when the gate fails."""
    path = args.baselines / (f"{task.NAME}-{result.variant}.json" if result.variant else f"{task.NAME}.json")
    if args.update_baseline:
        gate.write_baseline(path, result, _shown(_repeatable(args, arguments)))
        print(f"baseline written: {path}", file=sys.stderr)
    if not args.gate:
        return 0
    failures, notes = gate.compare(path, result)
    name = f"{result.label}: " if result.label else ""
    for note in notes:
        print(f"note: {name}{note}", file=sys.stderr)
    for failure in failures:
        print(f"FAILED {name}{failure}")
    return 1 if failures else 0


def _shown(arguments: Sequence[str]) -> str:
    """The command as a line for people, without passwords inside addresses."""
    return "python -m evals " + shlex.join(without_password(word) for word in arguments)


def _repeatable(args: Namespace, arguments: Sequence[str]) -> list[str]:
    """The arguments without those that say where files go or what to do with the baseline: no path of this machine is kept."""
    places = {str(place) for place in (args.out, args.baselines) if place is not None}
    skipped = {
        "--out",
        "--baselines",
        "--update-baseline",
        *places,
        *(f"{o}={p}" for o in ("--out", "--baselines") for p in places),
    }
    return [word for word in arguments if word not in skipped]
