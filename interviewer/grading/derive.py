"""Questions from what a batch row brings: key points as strings, or a reference answer in prose.

Knows the row's fields. Points made here have a statement alone, so graders say by a wide band that they know less.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import KeyPoint, LocalText, Question
from interviewer.domain.text import LATIN_WORD, chinese_share, detect_language, normalise, sentences, tokens
from interviewer.grading.lexicon import STOP_WORDS
from interviewer.grading.neutralise import clean


class RowError(InterviewerError):
    """A batch row can't be graded. The message is the row's reason."""


#: More points than this and each would weigh next to nothing; neighbours are put together.
MAX_POINTS = 12
#: Given points are kept as they are, up to this many; texts up to this many characters.
MAX_GIVEN = 60
MAX_TEXT = 20_000
#: A sentence of fewer tokens (the first words of a list, a heading) claims nothing.
_MIN_TOKENS = 4

_BULLET = re.compile(r"^\s*(?:[-*•·●▪]|\d{1,2}[.)、．]|[（(]\d{1,2}[)）]|[一二三四五六七八九十][、.])\s*", re.MULTILINE)
_INLINE_NUMBER = re.compile(r"[①-⑳]|[（(]\d{1,2}[)）]|(?<=[；;。\s])\d{1,2}[.、)）](?!\d)")


def points_from_reference(reference: str) -> tuple[KeyPoint, ...]:
    """One point for each claim (bullet, numbered item or sentence) of a reference answer, of equal weight.

    Raises RowError when the text holds no claim.
    """
    text = _INLINE_NUMBER.sub("\n", _BULLET.sub("", clean(reference)))
    claims: list[str] = []
    seen: set[str] = set()
    for a, b in sentences(text):
        claim = text[a:b].strip()
        key = normalise(claim)
        if len(tokens(claim)) >= _MIN_TOKENS and key not in seen:
            seen.add(key)
            claims.append(claim)
    if not claims and tokens(text):
        claims = [" ".join(text.split())]  # a reference as short as one name is a claim of its own
    if not claims:
        raise RowError("reference holds no claim to grade against")
    return tuple(_point(n, claim) for n, claim in enumerate(_gathered(claims), 1))


def question_from_row(row: Mapping[str, Any]) -> Question:
    """A question out of `question` and `key_points` (a list of strings) and/or `reference` (prose).

    Raises RowError naming the field that is missing, empty or of the wrong type.
    """
    text = _text(row, "question")
    reference = _text(row, "reference", required=False)
    points = _given_points(row.get("key_points"))
    if points is None or not points:
        if not reference:
            raise RowError("key_points is empty" if points == () else "needs question_id, key_points or reference")
        points = points_from_reference(reference)
    return Question(
        id="row",
        topic="",
        level=1,
        text=_local(text),
        reference=_local(reference) if reference else LocalText(),
        key_points=points,
        origin="derived",
    )


def _text(row: Mapping[str, Any], name: str, required: bool = True) -> str:
    value = row.get(name)
    if value is None and not required:
        return ""
    if value is None:
        raise RowError(f"{name} is missing")
    if not isinstance(value, str):
        raise RowError(f"{name} must be a text, not {kind_of(value)}")
    if len(value) > MAX_TEXT:
        raise RowError(f"{name} has {len(value)} characters; at most {MAX_TEXT} can be used")
    value = clean(value)
    if required and not tokens(value):
        raise RowError(f"{name} is empty")
    return value


def _given_points(value: Any) -> tuple[KeyPoint, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise RowError(f"key_points must be a list of texts, not {kind_of(value)}")
    if len(value) > MAX_GIVEN:
        raise RowError(f"key_points has {len(value)} entries; at most {MAX_GIVEN} can be used")
    points = []
    for number, entry in enumerate(value, 1):
        if not isinstance(entry, str):
            raise RowError(f"key_points entry {number} must be a text, not {kind_of(entry)}")
        statement = clean(entry).strip()
        if not tokens(statement):
            raise RowError(f"key_points entry {number} is empty")
        if len(statement) > MAX_TEXT:
            raise RowError(f"key_points entry {number} has {len(statement)} characters; at most {MAX_TEXT} can be used")
        points.append(_point(number, statement))
    return tuple(points)


def _point(number: int, statement: str) -> KeyPoint:
    return KeyPoint(id=f"p{number}", statement=_local(statement), weight=1.0, terms=_names(statement))


def _names(statement: str) -> tuple[tuple[str, ...], ...]:
    """Latin names inside a Chinese statement are its terms; in an English one they can't be told from plain words."""
    if chinese_share(statement) < 0.25:
        return ()
    found = dict.fromkeys(m.group().casefold() for m in LATIN_WORD.finditer(statement))
    names = [w for w in found if len(w) > 1 and w not in STOP_WORDS and not w.isdigit()]
    return tuple((w,) for w in names[:4])


def _local(text: str) -> LocalText:
    return LocalText(zh=text) if detect_language(text) == "zh" else LocalText(en=text)


def _gathered(claims: Sequence[str]) -> list[str]:
    """At most MAX_POINTS claims: neighbours joined evenly."""
    count = min(MAX_POINTS, len(claims))
    bounds = [round(i * len(claims) / count) for i in range(count + 1)]
    return [" ".join(claims[a:b]) for a, b in itertools.pairwise(bounds)]


def kind_of(value: object) -> str:
    """A JSON value's type, as people say it."""
    names = {bool: "true/false", int: "a number", float: "a number", list: "a list", dict: "an object", str: "a text"}
    return "null" if value is None else names.get(type(value), type(value).__name__)
