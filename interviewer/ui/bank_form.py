"""The form a question is edited in: a question to its fields' texts, and what came back to a question or its problems.

What comes back is a stranger's JSON: only texts under known names are taken from it, and only for what the form shows; the
rest of the question (its id, rephrasings, misconceptions, reading) stays as it is. Knows neither pages nor files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from interviewer.domain.questions import KeyPoint, LocalText, Question
from interviewer.ingest.bankfile import question_data
from interviewer.ingest.bankmodels import checked_question
from interviewer.ui.words import Words

QUESTION_FIELDS = ("level", "text_zh", "text_en", "reference_zh", "reference_en")
POINT_FIELDS = (
    "id", "weight", "statement_zh", "statement_en", "terms", "accepted", "contrasts", "probe_zh", "probe_en", "hints_zh",
    "hints_en",
)  # fmt: skip
#: Characters of one field, and points: far beyond any question, far below what would hurt.
LONGEST_FIELD, MOST_POINTS = 10_000, 30
#: What no bank file can hold or show: control characters and halves of surrogate pairs.
_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_BETWEEN_NAMES = re.compile(r"[、，;；]|,(?!\d)")
_BAR = re.compile(r"\s*\|\s*")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Draft:
    """The texts in the form's fields, by name."""

    fields: dict[str, str]
    points: tuple[dict[str, str], ...]


@dataclass(frozen=True, slots=True)
class FormProblem:
    """What is wrong with a field. `field` is its id on the page, `label` its name, with the point's number."""

    field: str
    label: str
    message: str


def draft_of(question: Question) -> Draft:
    """The form as it is opened."""
    fields = {"level": str(question.level)}
    fields |= _local("text", question.text) | _local("reference", question.reference)
    return Draft(fields, tuple(map(_point_draft, question.key_points)))


def blank_point() -> dict[str, str]:
    return dict.fromkeys(POINT_FIELDS, "") | {"weight": "2"}


def draft_from(posted: Any) -> Draft:
    """The form as it came back, whatever came."""
    posted = posted if isinstance(posted, dict) else {}
    points = posted.get("points")
    points = [point for point in points if isinstance(point, dict)] if isinstance(points, list) else []
    return Draft(_texts(posted, QUESTION_FIELDS), tuple(_texts(point, POINT_FIELDS) for point in points))


def edited(draft: Draft, base: Question, words: Words) -> tuple[Question | None, list[FormProblem]]:
    """`base` with the draft's texts, or every field's problem in the interface's language."""
    problems = _sizes(draft, words)
    if problems:
        return None, problems
    kept = [i for i, point in enumerate(draft.points) if _filled(point)]
    points, taken = [], {point.id for point in base.key_points}
    seen: set[str] = set()
    for i in kept:
        own = draft.points[i]["id"]
        known = next((p for p in base.key_points if p.id == own and own not in seen), None)
        point_id = known.id if known else _fresh(taken)
        taken.add(point_id)
        seen.add(point_id)
        points.append(_point_data(point_id, draft.points[i], known))
    data = question_data(base) | {"level": draft.fields["level"], "key_points": points}
    data |= {name: _both(draft.fields, name) for name in ("text", "reference")}
    question, found = checked_question(data, base.topic, base.origin)
    return question, [_problem(problem.where, problem.message, kept, words) for problem in found]


# ---------------------------------------------------------------- from a question


def _local(name: str, text: LocalText) -> dict[str, str]:
    return {f"{name}_zh": text.zh, f"{name}_en": text.en}


def _point_draft(point: KeyPoint) -> dict[str, str]:
    return {
        "id": point.id,
        "weight": f"{point.weight:g}",
        **_local("statement", point.statement),
        "terms": "\n".join(map(_group_line, point.terms)),
        "accepted": "\n".join(map(_line, point.accepted)),
        "contrasts": "\n".join(map(_line, point.contrasts)),
        **_local("probe", point.probe),
        "hints_zh": "\n".join(_line(hint.zh) for hint in point.hints),
        "hints_en": "\n".join(_line(hint.en) for hint in point.hints),
    }


def _line(text: str) -> str:
    return " ".join(text.split("\n"))


def _group_line(group: Sequence[str]) -> str:
    return _line(" | ".join(group))


# ---------------------------------------------------------------- from the form


def _texts(posted: dict[Any, Any], names: Iterable[str]) -> dict[str, str]:
    return {name: _clean(posted.get(name)) for name in names}


def _clean(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    return _UNWRITABLE.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))


def _filled(point: dict[str, str]) -> bool:
    """Whether anything was written: a point that was added and left empty is none."""
    return any(text.strip() for name, text in point.items() if name not in ("id", "weight"))


def _fresh(taken: set[str]) -> str:
    n = 1
    while f"p{n}" in taken:
        n += 1
    return f"p{n}"


def _point_data(point_id: str, texts: dict[str, str], known: KeyPoint | None) -> dict[str, Any]:
    """The point as a bank file has it. A line that nobody touched is what it was, whatever signs it holds."""
    terms = known.terms if known else ()
    hints_zh, hints_en = texts["hints_zh"].split("\n"), texts["hints_en"].split("\n")
    length = max(len(hints_zh), len(hints_en))
    pairs = zip(hints_zh + [""] * (length - len(hints_zh)), hints_en + [""] * (length - len(hints_en)), strict=True)
    hints = [_pair(zh.strip(), en.strip()) for zh, en in pairs if zh.strip() or en.strip()]
    data: dict[str, Any] = {"id": point_id, "statement": _both(texts, "statement"), "weight": texts["weight"]}
    data["terms"] = [list(group) for group in _lines(texts["terms"], terms, _group_line, _group)]
    for name, old in (("accepted", known.accepted if known else ()), ("contrasts", known.contrasts if known else ())):
        data[name] = _lines(texts[name], old, _line, str)
    probe = _both(texts, "probe")
    return data | ({"probe": probe} if probe else {}) | {"hints": hints}


def _lines(text: str, old: Iterable[_T], shown: Callable[[_T], str], read: Callable[[str], _T]) -> list[_T]:
    """The entries that the lines of a field stand for."""
    known = {shown(entry): entry for entry in old}
    return [known[line] if line in known else read(line.strip()) for line in text.split("\n") if line.strip(" |、，,;；")]


def _group(line: str) -> tuple[str, ...]:
    """The names in a line: between bars, or where there is none between commas."""
    names = (_BAR if " | " in f" {line} " else _BETWEEN_NAMES).split(line)
    return tuple(name for name in (name.strip() for name in names) if name)


def _both(texts: dict[str, str], name: str) -> dict[str, str]:
    return _pair(texts[f"{name}_zh"].strip(), texts[f"{name}_en"].strip())


def _pair(zh: str, en: str) -> dict[str, str]:
    return {lang: text for lang, text in (("zh", zh), ("en", en)) if text}


# ---------------------------------------------------------------- problems


def _sizes(draft: Draft, words: Words) -> list[FormProblem]:
    if len(draft.points) > MOST_POINTS:
        return [FormProblem("", words("bank_points"), words("bank_error_points", n=len(draft.points), most=MOST_POINTS))]
    places: list[tuple[int | None, dict[str, str]]] = [(None, draft.fields), *enumerate(draft.points)]
    return [
        _named(name, point, words("bank_error_long", n=len(text), most=LONGEST_FIELD), words)
        for point, texts in places
        for name, text in texts.items()
        if len(text) > LONGEST_FIELD
    ]


def _problem(where: tuple[str | int, ...], message: str, kept: Sequence[int], words: Words) -> FormProblem:
    """A problem of the question's data at the field it came from."""
    match where:
        case ("key_points", int(k), str(name), *rest):
            return _named(_field(name, rest), kept[k], words.problem(message), words)
        case ("key_points", *_):
            return FormProblem("", words("bank_points"), words("bank_error_no_points"))
        case (str(name), *rest):
            return _named(_field(name, rest), None, words.problem(message), words)
    return FormProblem("", "", words.problem(message))


def _field(name: str, rest: Sequence[Any]) -> str:
    """The form's field for a name in the data: texts have one a language, the interface's Chinese one first."""
    if name in ("text", "reference", "statement", "probe", "hints"):
        return f"{name}_{'en' if 'en' in rest else 'zh'}"
    return name


def _named(name: str, point: int | None, message: str, words: Words) -> FormProblem:
    known = name in POINT_FIELDS if point is not None else name in QUESTION_FIELDS
    label = words(f"bank_field_{name}") if known and name != "id" else name
    if point is None:
        return FormProblem(f"bank-{name}", label, message)
    return FormProblem(f"bank-p{point}-{name}", words("bank_point_field", n=point + 1, field=label), message)
