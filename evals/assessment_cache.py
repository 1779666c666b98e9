"""Assessments kept on disk, so that a killed run goes on where it stopped: one file of JSON lines for each state of a grader.

The file's name is a digest of everything beside question and answer that determines a result: the grader's name, version, model
and prompts, what the model is made of, the bank it learnt its vocabulary from, and the source of the grading itself with its
calibration. A line's key is a digest of the question's whole content and the answer. What could not be graded is not kept: a
server that was down may be up again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, astuple
from pathlib import Path
from typing import IO, Any, Self

import interviewer
from evals.engines import Made
from interviewer.config import prompts_dir
from interviewer.domain.assessment import Assessment
from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import Bank
from interviewer.ports import GradingItem

#: Raised when the lines change their shape.
_FORMAT = "1"
#: Packages whose source decides a result.
_SOURCES = ("domain", "engines", "grading")


def default_folder() -> Path:
    """`interviewer/evals` in the platform's folder for caches."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "interviewer" / "Cache" / "evals"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "interviewer" / "evals"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "interviewer" / "evals"


def fingerprint(made: Made, bank: Bank) -> str:
    """The digest of everything that determines the grader's results, given question and answer."""
    digest = hashlib.sha256()
    for part in _determinants(made, bank):
        encoded = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        digest.update(f"{len(encoded)}:".encode())
        digest.update(encoded)
    return digest.hexdigest()[:24]


def _determinants(made: Made, bank: Bank) -> Iterator[str | bytes]:
    yield _FORMAT
    yield json.dumps(astuple(made.grader.info))
    yield made.identity
    yield _stable([asdict(question) for question in bank])
    package = Path(interviewer.__file__).parent
    files = [f for name in _SOURCES for f in (package / name).rglob("*") if f.suffix in (".py", ".json")]
    for file in sorted([*files, *prompts_dir().glob("grade*.yaml")]):
        yield file.name
        yield file.read_bytes()


def item_key(item: GradingItem) -> str:
    """The digest of the question's content, the answer and the passages."""
    text = _stable([asdict(item.question), item.answer, item.passages])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _stable(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


class AssessmentCache:
    """Assessments and the milliseconds they took, by item. Appends a line at a time; a line torn by a kill is passed over."""

    def __init__(self, folder: Path, name: str) -> None:
        """Opens `folder`/`name`.jsonl, making it if need be. Raises InterviewerError when the folder can't be written."""
        from pydantic import TypeAdapter

        self._codec = TypeAdapter(Assessment)
        self._path = folder / f"{name}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._kept = self._read()
            self._file: IO[str] = self._path.open("a", encoding="utf-8")
        except OSError as error:
            raise InterviewerError(
                f"can't keep assessments in {folder}: {error}; choose another --cache, or --no-cache"
            ) from error
        if self._path.stat().st_size and not self._path.read_bytes().endswith(b"\n"):
            self._file.write("\n")

    def _read(self) -> dict[str, tuple[str, float]]:
        kept: dict[str, tuple[str, float]] = {}
        lines = self._path.read_text(encoding="utf-8", errors="replace").split("\n") if self._path.exists() else []
        for line in lines:
            try:
                data = json.loads(line)
                kept[str(data["key"])] = json.dumps(data["assessment"]), float(data["ms"])
            except (ValueError, KeyError, TypeError):
                continue
        return kept

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def get(self, item: GradingItem) -> tuple[Assessment, float] | None:
        """The assessment and its milliseconds, or None."""
        found = self._kept.get(item_key(item))
        if found is None:
            return None
        try:
            return self._codec.validate_json(found[0]), found[1]
        except ValueError:
            return None

    def put(self, item: GradingItem, assessment: Assessment, ms: float) -> None:
        """Keep an assessment; it is on its way to the disk when this returns. Ungraded ones are not kept."""
        if not assessment.graded:
            return
        text = self._codec.dump_json(assessment).decode()
        key = item_key(item)
        self._kept[key] = text, ms
        self._file.write(
            json.dumps({"key": key, "ms": round(ms, 3), "assessment": json.loads(text)}, ensure_ascii=False) + "\n"
        )
        self._file.flush()
