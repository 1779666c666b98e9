"""The bank file format as pydantic models, their way into domain values, and their complaints in plain words.

Checks shape only: which fields there are, their types and ranges. See corpus/README.md for the meaning of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from interviewer.domain.questions import Bank, KeyPoint, LocalText, Misconception, Origin, Question, Reading

#: Lower-case words of any script joined by `-`, `_` or `.`.
Slug = Annotated[str, StringConstraints(pattern=r"^[^\W_A-Z]+(?:[-_.]+[^\W_A-Z]+)*$", max_length=120)]
Phrase = Annotated[str, StringConstraints(min_length=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, data: Any) -> Any:
        """`related:` with nothing after it means the same as leaving the field out."""
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


class TextModel(_Model):
    zh: str = ""
    en: str = ""

    @model_validator(mode="after")
    def _some_text(self) -> TextModel:
        if not (self.zh or self.en):
            raise ValueError("needs a text in zh or en")
        return self

    def to_domain(self) -> LocalText:
        return LocalText(self.zh, self.en)


def _optional(text: TextModel | None) -> LocalText:
    return text.to_domain() if text else LocalText()


class PointModel(_Model):
    id: Slug
    statement: TextModel
    weight: Annotated[float, Field(ge=1, le=3, allow_inf_nan=False)] = 1.0
    terms: tuple[Annotated[tuple[Phrase, ...], Field(min_length=1)], ...] = ()
    accepted: tuple[Phrase, ...] = ()
    contrasts: tuple[Phrase, ...] = ()
    probe: TextModel | None = None
    hints: tuple[TextModel, ...] = ()

    def to_domain(self) -> KeyPoint:
        return KeyPoint(
            id=self.id,
            statement=self.statement.to_domain(),
            weight=self.weight,
            terms=self.terms,
            accepted=self.accepted,
            contrasts=self.contrasts,
            probe=_optional(self.probe),
            hints=tuple(hint.to_domain() for hint in self.hints),
        )


class MisconceptionModel(_Model):
    belief: TextModel
    correction: TextModel
    phrasings: tuple[Phrase, ...] = ()

    def to_domain(self) -> Misconception:
        return Misconception(self.belief.to_domain(), self.correction.to_domain(), self.phrasings)


class ReadingModel(_Model):
    title: Phrase
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/<>\"]+\.[^\s<>\"]+$", max_length=500)]

    def to_domain(self) -> Reading:
        return Reading(self.title, self.url)


class QuestionModel(_Model):
    id: Slug
    level: Annotated[int, Field(ge=1, le=3)]
    text: TextModel
    reference: TextModel
    key_points: Annotated[tuple[PointModel, ...], Field(min_length=1)]
    rephrasings: tuple[TextModel, ...] = ()
    misconceptions: tuple[MisconceptionModel, ...] = ()
    prerequisites: tuple[Slug, ...] = ()
    related: tuple[Slug, ...] = ()
    sources: tuple[Phrase, ...] = ()
    reading: tuple[ReadingModel, ...] = ()

    def to_domain(self, topic: str, origin: Origin) -> Question:
        return Question(
            id=self.id,
            topic=topic,
            level=self.level,
            text=self.text.to_domain(),
            reference=self.reference.to_domain(),
            key_points=tuple(point.to_domain() for point in self.key_points),
            rephrasings=tuple(text.to_domain() for text in self.rephrasings),
            misconceptions=tuple(m.to_domain() for m in self.misconceptions),
            prerequisites=self.prerequisites,
            related=self.related,
            sources=self.sources,
            reading=tuple(work.to_domain() for work in self.reading),
            origin=origin,
        )


class FileModel(_Model):
    topic: Slug
    title: TextModel
    origin: Origin = "authored"
    questions: Annotated[tuple[QuestionModel, ...], Field(min_length=1)]

    def to_bank(self) -> Bank:
        questions = tuple(q.to_domain(self.topic, self.origin) for q in self.questions)
        return Bank(questions, {self.topic: self.title.to_domain()})


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field of a question's data, in plain words. `where` is the field's path in the data."""

    where: tuple[str | int, ...]
    message: str


def checked_question(data: Any, topic: str, origin: Origin) -> tuple[Question | None, list[FieldProblem]]:
    """The question that plain data in the file's shape describes, or every field's problem."""
    try:
        return QuestionModel.model_validate(data).to_domain(topic, origin), []
    except ValidationError as error:
        return None, [
            FieldProblem(item["loc"], complaint(item["loc"], item))
            for item in error.errors(include_url=False)
            if not (item["type"] == "too_short" and item["input"])  # the bad items have complaints of their own
        ]


_FIELDS: dict[str, type[_Model]] = {
    "questions": QuestionModel,
    "key_points": PointModel,
    "misconceptions": MisconceptionModel,
    "reading": ReadingModel,
}


def plain_words(data: Any, where: Sequence[str | int], item: Mapping[str, Any]) -> str:
    """One pydantic error as a sentence for the person who wrote the file. `where` is its path in `data`."""
    about_the_owner = item["type"] in ("missing", "extra_forbidden")
    return _place(data, where[:-1] if about_the_owner else where) + complaint(where, item)


def complaint(where: Sequence[str | int], item: Mapping[str, Any]) -> str:
    """What one pydantic error says of the field at `where`, without saying where that is."""
    kind, given, limits = item["type"], item["input"], item.get("ctx", {})
    name = where[-1] if where else "file"
    if kind == "missing":
        return f"needs the field {name!r}"
    if kind == "extra_forbidden":
        return f"unknown field {name!r}; there can be {', '.join(_known_fields(where))}"
    if kind in ("tuple_type", "list_type"):
        return "must be a list (lines beginning with `- `, or [a, b])"
    if kind in ("too_short", "string_too_short"):
        return "is empty"
    if kind == "string_type":
        return "must be one text; quote it if it contains `: ` or ` #`"
    if kind == "string_pattern_mismatch" and name == "url":
        return f"{given!r} must be a web address (https://…)"
    if kind == "string_pattern_mismatch":
        return f"{given!r} must be lower-case words joined by `-`, without spaces"
    if kind in ("model_type", "model_attributes_type"):
        return f"must be fields, one a line ({', '.join(_known_fields((*where, '')))})"
    if kind in ("greater_than_equal", "less_than_equal", "int_parsing", "float_parsing", "int_from_float", "finite_number"):
        return f"is {given!r}; it must be 1, 2 or 3"
    if kind == "literal_error":
        return f"is {given!r}; it can be {limits.get('expected', '')}"
    return str(item["msg"]).removeprefix("Value error, ")


def _known_fields(where: Sequence[str | int]) -> list[str]:
    """The field names possible at the mapping that holds `where[-1]`."""
    inner = [part for part in where[:-1] if isinstance(part, str)]
    model = _FIELDS.get(inner[-1], TextModel) if inner else FileModel
    return list(model.model_fields)


def _place(data: Any, where: Sequence[str | int]) -> str:
    """`question-id / point-id / hints 2: ` for a path, with ids in place of positions where there are any."""
    parts: list[str] = []
    here = data
    for part in where:
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            here = None
        if isinstance(part, int):
            own = here.get("id") if isinstance(here, dict) else None
            parts[-1] = own if isinstance(own, str) else f"{parts[-1]} {part + 1}"
        else:
            parts.append(part)
    return f"{' / '.join(parts)}: " if parts else ""
