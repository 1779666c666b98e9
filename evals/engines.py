"""Which graders a task measures: the options that choose them, and the graders made from them.

`--grader` names any number of them side by side; `--engine`, `--model` and `--base-url` choose a single one.
"""

from __future__ import annotations

import hashlib
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from interviewer.config import ENGINE_KINDS, EngineKind, load_settings, prompts_dir, without_password
from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import Bank
from interviewer.ports import Grader

if TYPE_CHECKING:
    from interviewer.ports import Engine

_FORMS = "builtin, transformers:MODEL, openai:MODEL or openai:MODEL@URL"


@dataclass(frozen=True, slots=True)
class Spec:
    """One grader asked for. `model` is a name or a folder, `url` the server's address."""

    kind: EngineKind
    model: str = ""
    url: str = ""

    @property
    def label(self) -> str:
        """What reports call it: no path of this machine, no password."""
        if self.kind == "builtin":
            return "builtin"
        name = Path(self.model).name if Path(self.model).is_dir() else self.model
        return f"{self.kind}:{name}" + (f"@{without_password(self.url)}" if self.url else "")

    @property
    def variant(self) -> str:
        """What its baseline is filed under: empty for the built-in grader, else one for each model and server."""
        if self.kind == "builtin":
            return ""
        digest = hashlib.sha256(f"{self.kind}\n{self.model}\n{self.url}".encode()).hexdigest()[:6]
        name = Path(self.model).name if Path(self.model).is_dir() else self.model
        slug = re.sub(r"[^A-Za-z0-9._]+", "-", f"{self.kind}-{name}").strip("-.")
        return f"{slug[:80]}-{digest}"


def parse_spec(text: str) -> Spec:
    """A grader from `builtin`, `transformers:MODEL`, `openai:MODEL` or `openai:MODEL@URL`. Raises ArgumentTypeError."""
    kind, _, rest = text.partition(":")
    if text == "builtin":
        return Spec("builtin")
    if kind == "transformers" and rest:
        return Spec("transformers", rest)
    if kind == "openai" and rest:
        served = re.fullmatch(r"(.*)@(https?://.+)", rest)
        return Spec("openai", served[1], served[2]) if served else Spec("openai", rest)
    raise ArgumentTypeError(f"{text!r} is no grader; it can be {_FORMS}")


def add_engine_arguments(parser: ArgumentParser) -> None:
    """`--engine`, `--model` and `--base-url`."""
    parser.add_argument(
        "--engine", choices=ENGINE_KINDS, help="what grades (default: what --model or --base-url asks for, else builtin)"
    )
    parser.add_argument("--model", default="", help="model name or folder for the engine")
    parser.add_argument("--base-url", default="", metavar="URL", help="OpenAI-compatible server; its key is OPENAI_API_KEY")


def add_grader_arguments(parser: ArgumentParser) -> None:
    """`--grader`, as often as wanted, and the three options that choose a single one."""
    parser.add_argument(
        "--grader",
        action="append",
        type=parse_spec,
        metavar="SPEC",
        help=f"grader to measure; repeat it to compare several: {_FORMS} (default: builtin)",
    )
    add_engine_arguments(parser)


def chosen_spec(args: Namespace) -> Spec:
    """The single grader that `--engine`, `--model` and `--base-url` ask for."""
    kind = args.engine or ("openai" if args.base_url else "transformers" if args.model else "builtin")
    return Spec("builtin") if kind == "builtin" else Spec(cast(EngineKind, kind), args.model, args.base_url)


def chosen_specs(args: Namespace) -> list[Spec]:
    """Every grader asked for, in the order given. Raises InterviewerError when one is there twice, or both ways are used."""
    if not args.grader:
        return [chosen_spec(args)]
    if args.engine or args.model or args.base_url:
        raise InterviewerError("--grader says it all: leave out --engine, --model and --base-url")
    twice = {spec.label for spec in args.grader if args.grader.count(spec) > 1}
    if twice:
        raise InterviewerError(f"asked for twice: {', '.join(sorted(twice))}")
    return list(args.grader)


@dataclass(frozen=True, slots=True)
class Made:
    """A grader ready to grade. `identity` is what it is made of beyond its info (revision, device), one per line."""

    spec: Spec
    grader: Grader
    identity: str
    close: Callable[[], None]


def make(spec: Spec, bank: Bank) -> Made:
    """The grader, loaded (for a model that can take minutes). Raises ConfigError, EngineUnavailable."""
    from interviewer.grading import BuiltinGrader, ModelGrader
    from interviewer.prompting import load_prompts

    builtin = BuiltinGrader(bank)
    if spec.kind == "builtin":
        return Made(spec, builtin, "", lambda: None)
    from interviewer.engines import load_engine

    engine = load_engine(load_settings(engine=spec.kind, model=spec.model or None, base_url=spec.url or None))
    grader = ModelGrader(engine, load_prompts(prompts_dir()), builtin, bank=bank)
    return Made(spec, grader, _identity(spec, engine), engine.close)


def make_grader(args: Namespace, bank: Bank) -> tuple[Grader, Callable[[], None]]:
    """The single grader to measure, and what frees it. Raises ConfigError, EngineUnavailable."""
    made = make(chosen_spec(args), bank)
    return made.grader, made.close


def _identity(spec: Spec, engine: Engine) -> str:
    """Revision, device and libraries of a model; for a folder, its files as they are: weights have no version of their own."""
    from evals.stamp import library_versions

    info = engine.info
    parts = [spec.model, spec.url, str(info.revision), info.device, str(info.context_tokens)]
    if spec.kind == "transformers":
        parts += [f"{name} {version}" for name, version in library_versions().items()]
        folder = Path(spec.model)
        files = sorted(p for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else []
        parts += [f"{p.relative_to(folder)} {p.stat().st_size} {p.stat().st_mtime_ns}" for p in files]
    return "\n".join(parts)
