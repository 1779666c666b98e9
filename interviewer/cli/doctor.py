"""`interviewer doctor`: what was found on this machine and what will be used, and why."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from interviewer import __version__
from interviewer.cli.common import print_json, settings_from
from interviewer.cli.doctor_models import cache_contents, fetch, suggested
from interviewer.cli.doctor_voice import recogniser, voices
from interviewer.config import Settings, corpus_dir, without_password
from interviewer.domain.errors import InterviewerError
from interviewer.engines.kinds import Kind

_PACKAGES = ("torch", "transformers", "accelerate", "sentence-transformers", "faiss-cpu", "gradio", "openai", "markitdown")


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the examination. Not `ok` means something asked for will not work."""

    name: str
    ok: bool
    detail: str


def doctor(args: argparse.Namespace) -> int:
    """Examine and print, after fetching a model where `--download` asks for it; 1 when what was asked for will not work."""
    settings = settings_from(args)
    speech: list[tuple[str, Kind]] = [
        (settings.recogniser, "speech"),
        (settings.voice_zh, "voice"),
        (settings.voice_en, "voice"),
    ]
    speech = [(name, kind) for name, kind in speech if name]
    if settings.download:
        for name, kind in speech:
            fetch(name, kind)
    if settings.download and (settings.model or not speech) and settings.engine != "openai":
        fetch(settings.model)
    checks = examine(settings)
    if args.json:
        print_json([{"name": c.name, "ok": c.ok, "detail": c.detail} for c in checks])
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            detail = check.detail.replace("\n", "\n" + " " * (width + 7))
            print(f"{'ok ' if check.ok else 'BAD'}  {check.name:<{width}}  {detail}")
    return 0 if all(check.ok for check in checks) else 1


def examine(settings: Settings) -> list[Check]:
    """Every check, each caught on its own, so that one broken part doesn't hide the others."""
    parts: dict[str, Callable[[Settings], str]] = {
        "program": _program,
        "packages": _packages,
        "hardware": _hardware,
        "data": _data,
        "settings": _kept,
        "database": _database,
        "bank": _bank,
        "encoder": _encoder,
        "models": cache_contents,
        "suggested model": suggested,
        "interviewer": _interviewer,
        "recogniser": recogniser,
        "voices": voices,
    }
    out = []
    for name, part in parts.items():
        try:
            out.append(Check(name, True, part(settings)))
        except InterviewerError as error:
            out.append(Check(name, False, str(error)))
    return out


def _program(_: Settings) -> str:
    return f"interviewer {__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}"


def _packages(_: Settings) -> str:
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def _hardware(_: Settings) -> str:
    from interviewer.engines.hardware import describe

    return describe()


def _data(settings: Settings) -> str:
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        probe = settings.data / ".write-test"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InterviewerError(f"{settings.data} can't be written: {error.strerror}") from error
    return str(settings.data)


def _kept(settings: Settings) -> str:
    """What the settings page has kept, and whether anything counts more than it."""
    if settings.file_problem:
        raise InterviewerError(settings.file_problem)
    if settings.fixed_by:
        return f"the interviewer is set by {', '.join(settings.fixed_by)}, which counts more than {settings.settings_file}"
    there = "read" if settings.settings_file.exists() else "none yet"
    return f"{settings.settings_file} ({there}); the settings page writes it"


def _database(settings: Settings) -> str:
    from interviewer.storage import open_store

    store = open_store(settings.database_url)
    try:
        count = len(store.list(1_000_000))
    finally:
        store.close()
    from sqlalchemy.engine import make_url

    return f"{make_url(settings.database_url).render_as_string(hide_password=True)}, {count} interviews"


def _bank(settings: Settings) -> str:
    from interviewer.library import Library

    library = Library(settings)
    if library.problems:
        raise InterviewerError("; ".join(library.problems))
    shipped = sum(question.origin == "authored" for question in library.bank)
    topics = len({question.topic for question in library.bank})
    own = f", {len(library.bank) - shipped} imported from {settings.banks_dir}" if len(library.bank) > shipped else ""
    return f"{len(library.bank)} questions in {topics} topics ({shipped} authored from {corpus_dir() / 'bank'}{own})"


def _encoder(settings: Settings) -> str:
    from interviewer.library import Library

    index = Library(settings).index
    why = "needs no download" if settings.encoder == "builtin" else "INTERVIEWER_ENCODER asks for it"
    return f"{settings.encoder} ({why}), {index.encoder.dim} dimensions, {len(index.passages)} passages in {settings.index_dir}"


def _interviewer(settings: Settings) -> str:
    """Which interviewer speaks, and why; a model is looked for, but a big one is not loaded."""
    if settings.engine == "builtin":
        return "built-in, because no model was named (--model NAME, --base-url for a server, or the settings page)"
    if settings.engine == "openai":
        from interviewer.engines import load_engine

        engine = load_engine(settings)
        try:
            return f"{engine.info.model} on {without_password(settings.base_url)}, because a server was named"
        finally:
            engine.close()
    from interviewer.engines.locate import find_model

    folder = find_model(settings.model)
    return (
        f"{folder.name} by transformers ({folder.parameters / 1e9:.2f} B weights in {folder.path}), because a model was named"
    )
