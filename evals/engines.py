"""Which grader a task measures: the options that choose it, and the grader made from them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import cast

from interviewer.config import ENGINE_KINDS, EngineKind, load_settings, prompts_dir
from interviewer.domain.questions import Bank
from interviewer.ports import Grader


def add_engine_arguments(parser: ArgumentParser) -> None:
    """`--engine`, `--model` and `--base-url`."""
    parser.add_argument(
        "--engine", choices=ENGINE_KINDS, help="what grades (default: what --model or --base-url asks for, else builtin)"
    )
    parser.add_argument("--model", default="", help="model name or folder for the engine")
    parser.add_argument("--base-url", default="", metavar="URL", help="OpenAI-compatible server; its key is OPENAI_API_KEY")


def engine_kind(args: Namespace) -> EngineKind:
    """The engine that the options ask for. Unlike the program's own, the environment has no say: a baseline must not move."""
    if args.engine:
        return cast(EngineKind, args.engine)
    return "openai" if args.base_url else "transformers" if args.model else "builtin"


def make_grader(args: Namespace, bank: Bank) -> tuple[Grader, Callable[[], None]]:
    """The grader to measure, and what frees it. Raises ConfigError, EngineUnavailable."""
    from interviewer.grading import BuiltinGrader, ModelGrader
    from interviewer.prompting import load_prompts

    builtin, kind = BuiltinGrader(bank), engine_kind(args)
    if kind == "builtin":
        return builtin, lambda: None
    from interviewer.engines import load_engine

    settings = load_settings(engine=kind, model=args.model or None, base_url=args.base_url or None)
    engine = load_engine(settings)
    return ModelGrader(engine, load_prompts(prompts_dir()), builtin), engine.close
