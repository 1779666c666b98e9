"""JSON out of a model that only writes text: ask, take the first value, hold it to the schema, ask once more, give up.

Knows the part of JSON Schema the prompts use and refuses the rest, so that no rule is silently unchecked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from interviewer.domain.errors import EngineError
from interviewer.engines.streams import Deadline
from interviewer.engines.thinking import THINK_CLOSE
from interviewer.ports import ChatRequest, Message

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
#: Characters of a useless reply shown to the model again.
_SHOWN = 500
_ANNOTATIONS = {"title", "description", "default", "examples", "$schema"}
_NUMBERS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "minimum": ("at least", lambda value, bound: value >= bound),
    "maximum": ("at most", lambda value, bound: value <= bound),
}
_SIZES: dict[str, tuple[type[str] | type[list[Any]], str, Callable[[int, int], bool]]] = {
    "minLength": (str, "at least", lambda size, bound: size >= bound),
    "maxLength": (str, "at most", lambda size, bound: size <= bound),
    "minItems": (list, "at least", lambda size, bound: size >= bound),
    "maxItems": (list, "at most", lambda size, bound: size <= bound),
}
_KNOWN = {"type", "enum", "const", "properties", "required", "additionalProperties", "items", *_NUMBERS, *_SIZES, *_ANNOTATIONS}


def find_problem(value: Any, schema: Mapping[str, Any], at: str = "the value") -> str | None:
    """What in `value` breaks `schema`, as one line for the model to read; None if nothing does.

    Raises ValueError for a schema keyword outside the supported part.
    """
    if unknown := set(schema) - _KNOWN:
        raise ValueError(f"unsupported JSON Schema keyword: {', '.join(sorted(unknown))}")
    return _wrong_type(value, schema, at) or _wrong_value(value, schema, at) or _wrong_inside(value, schema, at)


def _wrong_type(value: Any, schema: Mapping[str, Any], at: str) -> str | None:
    wanted = schema.get("type")
    if wanted is None:
        return None
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    if any(_is(value, name) for name in names):
        return None
    return f"{at} must be {' or '.join(names)}"


def _is(value: Any, name: str) -> bool:
    if isinstance(value, bool) and name != "boolean":
        return False  # to Python True is an int, to JSON it is not
    return isinstance(value, _TYPES[name])


def _wrong_value(value: Any, schema: Mapping[str, Any], at: str) -> str | None:
    if "enum" in schema and not any(_same(value, allowed) for allowed in schema["enum"]):
        return f"{at} must be one of {json.dumps(list(schema['enum']), ensure_ascii=False)}"
    if "const" in schema and not _same(value, schema["const"]):
        return f"{at} must be {json.dumps(schema['const'], ensure_ascii=False)}"
    if _is(value, "number"):
        for key, (words, holds) in _NUMBERS.items():
            if key in schema and not holds(value, schema[key]):
                return f"{at} must be {words} {schema[key]}"
    for key, (kind, words, fits) in _SIZES.items():
        if key in schema and isinstance(value, kind) and not fits(len(value), schema[key]):
            return f"{at} must have {words} {schema[key]} {'characters' if kind is str else 'items'}"
    return None


def _same(left: Any, right: Any) -> bool:
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _wrong_inside(value: Any, schema: Mapping[str, Any], at: str) -> str | None:
    if isinstance(value, list) and "items" in schema:
        problems = (find_problem(item, schema["items"], f"item {number} of {at}") for number, item in enumerate(value, 1))
        return next((problem for problem in problems if problem), None)
    if not isinstance(value, dict):
        return None
    for name in schema.get("required", ()):
        if name not in value:
            return f"{at} lacks {name!r}"
    properties = schema.get("properties", {})
    extra = schema.get("additionalProperties", True)
    for name, inner in value.items():
        rule = properties.get(name, extra)
        if rule is False:
            return f"{at} has {name!r}, which is not allowed"
        if isinstance(rule, Mapping) and (problem := find_problem(inner, rule, f"{name!r}")):
            return problem
    return None


def extract_json(reply: str) -> Any:
    """The first JSON object or array in the reply, whatever stands around it (prose, a code fence, thoughts).

    Raises ValueError when there is none.
    """
    mark = reply.rfind(THINK_CLOSE)
    values = list(_values(reply)) if mark >= 0 else []
    around = next((value for value, start, end in values if start < mark < end), None)
    if around is not None:
        return around  # the mark is part of a text in the value: nobody stopped thinking there
    for value, _, _ in _values(reply, max(mark, 0)):
        return value
    raise ValueError("there is no complete JSON value in the reply")


def _values(text: str, start: int = 0) -> Iterator[tuple[Any, int, int]]:
    """(value, start, end) of the objects and arrays from `start` on, none inside another."""
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    end = start
    for opening in re.finditer(r"[{\[]", text):
        if opening.start() < end:
            continue
        try:
            value, end = decoder.raw_decode(text, opening.start())
        except ValueError:
            continue
        except RecursionError:
            return
        yield value, opening.start(), end


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def checked(reply: str, schema: Mapping[str, Any]) -> tuple[Any, str | None]:
    """The value in the reply and what is wrong with it (then the value is None)."""
    try:
        value = extract_json(reply)
    except ValueError as error:
        return None, str(error)
    problem = find_problem(value, schema)
    return (None, problem) if problem else (value, None)


def ask_for_json(ask: Callable[[ChatRequest], str], request: ChatRequest, schema: Mapping[str, Any]) -> tuple[Any, str]:
    """Two tries, the second shown what was wrong with the first; `request.timeout` bounds both together.

    Raises EngineError (with `retryable` set: another seed may do better) when neither gave a valid value.
    """
    find_problem({}, schema)  # a schema we can't check is the programmer's mistake: say so before a model is asked
    deadline = Deadline(request.timeout)
    asking = replace(request, messages=_with_schema(request.messages, schema))
    reply = ask(asking)
    value, problem = checked(reply, schema)
    if problem is None:
        return value, reply
    deadline.check()
    again = Message("user", f"That was not usable: {problem}. Reply again with the JSON value only.")
    messages = (*asking.messages, Message("assistant", reply[:_SHOWN] or "…"), again)
    reply = ask(replace(asking, messages=messages, seed=request.seed + 1, timeout=max(deadline.left(), 0.001)))
    value, problem = checked(reply, schema)
    if problem is None:
        return value, reply
    error = EngineError(f"the model did not reply with usable JSON in two tries: {problem}")
    error.retryable = True
    raise error


def _with_schema(messages: tuple[Message, ...], schema: Mapping[str, Any]) -> tuple[Message, ...]:
    """The schema belongs to the last message: nearest to the reply, and the shared prefix stays shared."""
    rule = (
        f"Reply with one JSON value only, no other text, that fits this JSON Schema:\n{json.dumps(schema, ensure_ascii=False)}"
    )
    *before, last = messages
    if last.role != "user":
        return (*messages, Message("user", rule))
    return (*before, Message("user", f"{last.content}\n\n{rule}"))
