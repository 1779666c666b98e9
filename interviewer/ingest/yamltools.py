"""YAML for files that people write: text stays text, every value has its line, mistakes come back in plain words.

Knows nothing of banks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from interviewer.domain.text import CJK_RUN

#: libyaml's parser and emitter, about ten times faster, where PyYAML was built with them.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

Key = str | int
#: A bank file needs 7 levels.
_MAX_DEPTH = 40
#: Where a folded line break between Chinese characters (or next to full-width punctuation) left a space.
_WIDE = "\u3000-\u303f\uff00-\uffef“”‘’…—"
_HAN = CJK_RUN.pattern.removesuffix("+")
_FOLD_SPACE = re.compile(f"(?<={_HAN}) (?={_HAN})|(?<=[{_WIDE}]) (?=\\S)|(?<=\\S) (?=[{_WIDE}])")
_LONG = 80
_WIDTH = 128


class YamlProblem(Exception):
    """The text is no YAML. Line is 1-based."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(slots=True)
class ParsedYaml:
    """Data of dicts, lists, strings and None (every scalar is text: `no`, `1e-5` and `2024-01-01` mean themselves);
    `lines[path]`, 1-based, for every key and list item; problems that leave the rest readable, as (line, message)."""

    data: Any = None
    lines: dict[tuple[Key, ...], int] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)


def parse_yaml(text: str) -> ParsedYaml:
    """Parse one YAML document. Raises YamlProblem with line and reason when it can't be parsed."""
    parsed = ParsedYaml()
    try:
        events = _Events(text, parsed)
        events.document()
    except yaml.YAMLError as error:
        raise YamlProblem(*_explain(error, text)) from None
    return parsed


def dump_yaml(data: Any) -> str:
    """Readable YAML: keys in the given order, long text in blocks, lists of short strings inside lists on one line."""
    text: str = yaml.dump(data, Dumper=_ReadableDumper, allow_unicode=True, sort_keys=False, width=_WIDTH, indent=2)
    return text


def unfold(text: str) -> str:
    """Take out the spaces that folding lines puts between Chinese characters and beside full-width punctuation."""
    return _FOLD_SPACE.sub("", text)


class _Events:
    """Builds plain data from parser events, noting lines, repeated keys and aliases.

    From events and not from PyYAML's nodes: libyaml composes nodes recursively, and a file of ten thousand opening brackets
    ends the process there.
    """

    def __init__(self, text: str, parsed: ParsedYaml) -> None:
        self.parsed = parsed
        self.stream = yaml.parse(text, Loader=_Loader)
        self.depth = 0

    def document(self) -> None:
        next(self.stream)  # the stream's start
        if isinstance(next(self.stream), yaml.StreamEndEvent):
            return
        event = next(self.stream)
        self.parsed.lines[()] = _line(event)
        self.parsed.data = self.value(event, ())
        next(self.stream)  # the document's end
        if not isinstance(extra := next(self.stream), yaml.StreamEndEvent):
            self.problem(extra, "begins a second document (`---`); a bank file holds one")

    def value(self, event: Any, path: tuple[Key, ...]) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.AliasEvent):
            self.problem(event, f"uses the alias *{event.anchor}; write the value out, or quote it if it is text")
            return None
        if self.depth == _MAX_DEPTH:
            raise YamlProblem(_line(event), "is nested too deeply")
        self.depth += 1
        data = self.items(path) if isinstance(event, yaml.SequenceStartEvent) else self.mapping(path)
        self.depth -= 1
        return data

    def items(self, path: tuple[Key, ...]) -> list[Any]:
        out: list[Any] = []
        while not isinstance(event := next(self.stream), yaml.SequenceEndEvent):
            here = (*path, len(out))
            self.parsed.lines[here] = _line(event)
            out.append(self.value(event, here))
        return out

    def mapping(self, path: tuple[Key, ...]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        while not isinstance(event := next(self.stream), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self.problem(event, "has something else than a word where a field name belongs")
                self.value(event, path)
                self.value(next(self.stream), path)
                continue
            key, here = str(event.value), (*path, str(event.value))
            if key in out:
                self.problem(event, f"has the field {key!r} twice in one place")
            self.parsed.lines.setdefault(here, _line(event))
            value = self.value(next(self.stream), here)
            out.setdefault(key, value)
        return out

    def problem(self, event: Any, message: str) -> None:
        self.parsed.problems.append((_line(event), message))


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _scalar(event: Any) -> str | None:
    text = str(event.value)
    if event.style in (None, "") and text in ("", "~", "null"):
        return None
    if event.style in (None, ">", "") and event.end_mark.line > event.start_mark.line:
        return unfold(text)
    return text


def _explain(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else 1
    problem = getattr(error, "problem", None) or str(error)
    advice = ""
    if "mapping values are not allowed" in problem:
        advice = "; quote a value that contains `: `"
    elif "cannot start any token" in problem or "undefined alias" in problem or "expected <block end>" in problem:
        advice = (
            "; check the indentation, and quote a value that begins with a quote, bracket, `*`, `&`, `%`, `@` or a backquote"
        )
    elif isinstance(error, yaml.reader.ReaderError):
        at = getattr(error, "position", 0)
        line = text.count("\n", 0, at) + 1 if isinstance(at, int) else 1
        problem = "holds a character that is not allowed in YAML"
    return line, f"is no valid YAML: {problem}{advice}"


class _ReadableDumper(_Dumper):  # type: ignore[misc]
    """Block scalars for long text, flow style for lists of strings that sit in a list (term groups)."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _represent_text(dumper: Any, text: str) -> Any:
    style = None
    tidy = text == text.strip() and "  " not in text and "\t" not in text
    if "\n" in text:
        style = "|" if all(line == line.strip() for line in text.split("\n")) else '"'
    elif unfold(text) != text:
        style = '"'  # written plain or folded, reading would take a wanted space away
    elif len(text) > _LONG:
        style = ">" if tidy else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_list(dumper: Any, items: list[Any]) -> Any:
    """Term groups are lists of strings inside a list; they are read best on one line."""
    node = dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=not items)
    for child in node.value:
        if isinstance(child, yaml.SequenceNode) and all(isinstance(leaf, yaml.ScalarNode) for leaf in child.value):
            child.flow_style = True
    return node


_ReadableDumper.add_representer(str, _represent_text)
_ReadableDumper.add_representer(list, _represent_list)
