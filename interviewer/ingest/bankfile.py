"""Read, check and write bank files (`<topic>.yaml`, the format of corpus/README.md).

Checks the structure: fields, types, ranges, unique ids. Every problem of every file is reported at once, with file and
line. Does not know what makes a question *good*; that is `lint`'s work.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from interviewer.domain.errors import BankError
from interviewer.domain.questions import Bank, LocalText, Origin, Question
from interviewer.ingest.bankmodels import FileModel, plain_words
from interviewer.ingest.yamltools import Key, YamlProblem, dump_yaml, parse_yaml

_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class LoadedBank:
    """A bank and where its parts are written: `locations[question id]` and `locations[question id + "/" + point id]` are
    `path:line`."""

    bank: Bank
    locations: Mapping[str, str] = field(default_factory=dict)


def load_bank(paths: Iterable[Path]) -> Bank:
    """The questions of all bank files and folders in `paths`, files sorted by path inside a folder.

    Raises BankError whose message lists every problem of every file, one `path:line: message` a line. A folder without
    bank files holds no questions and is no error.
    """
    return load_located(paths).bank


def read_bank_file(path: Path) -> Bank:
    """The questions of one bank file. Raises BankError like `load_bank`."""
    return load_located([path]).bank


def read_bank_text(path: Path, text: str) -> Bank:
    """The questions of a bank file with that text; `path` is only named. Raises BankError like `load_bank`."""
    file = _parsed(path, text)
    problems = [*file.problem_lines(), *_shared_ids([file])]
    if problems:
        raise BankError("\n".join(problems))
    assert file.model is not None  # a file without a model has problems
    return file.model.to_bank()


def load_located(paths: Iterable[Path]) -> LoadedBank:
    """Like `load_bank`, together with where each question and key point is written."""
    problems: list[str] = []
    files = [_read(path) for path in _bank_files(paths, problems)]
    for file in files:
        problems.extend(file.problem_lines())
    problems.extend(_shared_ids(files))
    if problems:
        raise BankError("\n".join(problems))
    bank, locations = Bank(), {}
    for file in files:
        assert file.model is not None  # a file without a model has problems
        bank = bank.merged([file.model.to_bank()])
        locations.update(file.locations())
    return LoadedBank(bank, locations)


def dump_bank_file(path: Path, topic: str, title: LocalText, questions: Iterable[Question], origin: Origin) -> None:
    """Write a bank file that a person can read and edit; replaces an old one in one step, or leaves it as it was.

    Fields that are empty are left out. Raises BankError when the file can't be written.
    """
    text = bank_text(topic, title, questions, origin)
    if origin == "derived":
        text = (
            "# Made from a document by `interviewer ingest`. Edit it freely: the format is described in corpus/README.md.\n"
            + text
        )
    write_bank_text(path, text)


def bank_text(topic: str, title: LocalText, questions: Iterable[Question], origin: Origin) -> str:
    """A bank file's text."""
    head: dict[str, Any] = {"topic": topic, "title": _local(title), "origin": origin}
    return dump_yaml(head | {"questions": [question_data(q) for q in questions]})


def write_bank_text(path: Path, text: str) -> None:
    """Put a bank file's text in place in one step, or leave the old one as it was. Raises BankError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, text)
    except OSError as error:
        raise BankError(f"{path}: can't be written ({error.strerror or error})") from error


# --- reading


@dataclass(slots=True)
class _File:
    """One file on its way in."""

    path: Path
    model: FileModel | None = None
    data: Any = None
    lines: dict[tuple[Key, ...], int] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)

    def line(self, where: tuple[Key, ...]) -> int:
        """The line of a place in the data, or of the nearest thing around it that exists. 1-based."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def problem_lines(self) -> list[str]:
        return [f"{self.path}:{line}: {message}" for line, message in sorted(dict.fromkeys(self.problems))]

    def ids(self) -> list[tuple[str, int]]:
        """(question id, line), read from the raw data so that a file with other problems is checked as well."""
        return [(entry["id"], self.line(("questions", i, "id"))) for i, entry in _entries(self.data, "questions")]

    def locations(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for i, question in _entries(self.data, "questions"):
            found[question["id"]] = f"{self.path}:{self.line(('questions', i))}"
            for k, point in _entries(question, "key_points"):
                found[f"{question['id']}/{point['id']}"] = f"{self.path}:{self.line(('questions', i, 'key_points', k))}"
        return found


def _entries(data: Any, name: str) -> list[tuple[int, dict[str, Any]]]:
    """The mappings with a text id in the list `data[name]`, whatever `data` is, with their positions."""
    items = data.get(name) if isinstance(data, dict) else None
    if not isinstance(items, list):
        return []
    return [(i, item) for i, item in enumerate(items) if isinstance(item, dict) and isinstance(item.get("id"), str)]


def _bank_files(paths: Iterable[Path], problems: list[str]) -> list[Path]:
    found: dict[Path, Path] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in _ENDINGS and p.is_file())
        elif path.is_file():
            inside = [path]
        else:
            problems.append(f"{path}: there is no such bank file or folder")
            continue
        for file in inside:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _read(path: Path) -> _File:
    file = _File(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        file.problems.append((error.object.count(b"\n", 0, error.start) + 1, "is not UTF-8 text; save the file as UTF-8"))
        return file
    except OSError as error:
        file.problems.append((1, f"can't be read ({error.strerror or error})"))
        return file
    return _parsed(path, text)


def _parsed(path: Path, text: str) -> _File:
    file = _File(path)
    try:
        parsed = parse_yaml(text)
    except YamlProblem as problem:
        file.problems.append((problem.line, problem.message))
        return file
    file.data, file.lines = parsed.data, parsed.lines
    file.problems.extend(parsed.problems)
    if not isinstance(file.data, dict):
        file.problems.append((1, "is no bank file: it must begin with `topic:` and hold `questions:` (see corpus/README.md)"))
        return file
    try:
        file.model = FileModel.model_validate(file.data)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            if item["type"] == "too_short" and item["input"]:
                continue  # pydantic counts only the good items; the bad ones have complaints of their own
            file.problems.append((file.line(item["loc"]), plain_words(file.data, item["loc"], item)))
    file.problems.extend(_repeated_point_ids(file))
    return file


def _repeated_point_ids(file: _File) -> list[tuple[int, str]]:
    problems = []
    for i, question in _entries(file.data, "questions"):
        seen: set[str] = set()
        for k, point in _entries(question, "key_points"):
            if point["id"] in seen:
                line = file.line(("questions", i, "key_points", k, "id"))
                problems.append((line, f"{question['id']}: two key points are called {point['id']!r}"))
            seen.add(point["id"])
    return problems


def _shared_ids(files: Iterable[_File]) -> list[str]:
    first: dict[str, str] = {}
    problems = []
    for file in files:
        for question_id, line in file.ids():
            here = f"{file.path}:{line}"
            if question_id in first:
                problems.append(f"{here}: question id {question_id!r} is already used at {first[question_id]}")
            first.setdefault(question_id, here)
    return problems


# --- writing


def _local(text: LocalText) -> dict[str, str]:
    return {lang: value for lang, value in (("zh", text.zh), ("en", text.en)) if value}


def question_data(question: Question) -> dict[str, Any]:
    """The question as plain data in the file's shape and order, without what is empty."""
    data: dict[str, Any] = {
        "id": question.id,
        "level": question.level,
        "text": _local(question.text),
        "rephrasings": [_local(text) for text in question.rephrasings],
        "reference": _local(question.reference),
        "key_points": [
            _filled(
                {
                    "id": point.id,
                    "statement": _local(point.statement),
                    "weight": int(point.weight) if point.weight == int(point.weight) else point.weight,
                    "terms": [list(group) for group in point.terms],
                    "accepted": list(point.accepted),
                    "contrasts": list(point.contrasts),
                    "probe": _local(point.probe),
                    "hints": [_local(hint) for hint in point.hints],
                }
            )
            for point in question.key_points
        ],
        "misconceptions": [
            _filled({"belief": _local(m.belief), "correction": _local(m.correction), "phrasings": list(m.phrasings)})
            for m in question.misconceptions
        ],
        "prerequisites": list(question.prerequisites),
        "related": list(question.related),
        "sources": list(question.sources),
        "reading": [{"title": work.title, "url": work.url} for work in question.reading],
    }
    return _filled(data)


def _filled(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if value not in ("", [], {})}


def _replace(path: Path, text: str) -> None:
    """Write beside the target and rename, so that a reader or a crash never meets half a file."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes files that only their owner may read
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
