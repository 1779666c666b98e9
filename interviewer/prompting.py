"""Load, validate and render the prompts of `prompts/`: one YAML file each, with id, version, variables, zh and en text.

A language's text is one string, or a list of spoken variants. Placeholders are `{name}`; literal braces are doubled.
Calls no model and knows nothing of interviews.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from interviewer.domain.errors import PromptError
from interviewer.domain.questions import LANGS, Lang

_FIELDS = {"id", "version", "variables", "zh", "en"}


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt file. `variants` has at least one text for each language."""

    id: str
    version: int
    variables: frozenset[str]
    variants: Mapping[Lang, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Rendered:
    """Finished text and the prompt it came from."""

    text: str
    id: str
    version: int

    @property
    def label(self) -> str:
        """`id@version`, as assessments and turns record it."""
        return f"{self.id}@{self.version}"


class PromptBook:
    """All prompts by id."""

    def __init__(self, prompts: Mapping[str, Prompt]) -> None:
        self._prompts = dict(prompts)

    def __contains__(self, prompt_id: object) -> bool:
        return prompt_id in self._prompts

    def ids(self) -> list[str]:
        return sorted(self._prompts)

    def get(self, prompt_id: str) -> Prompt:
        """Raises PromptError for an unknown id."""
        try:
            return self._prompts[prompt_id]
        except KeyError:
            raise PromptError(f"there is no prompt {prompt_id!r}") from None

    def versions(self) -> dict[str, int]:
        """Version by id: what a result is stamped with."""
        return {p.id: p.version for p in self._prompts.values()}

    def count(self, prompt_id: str, lang: Lang) -> int:
        """How many variants there are."""
        return len(self.get(prompt_id).variants[lang])

    def render(self, prompt_id: str, lang: Lang, variant: int = 0, /, **values: object) -> Rendered:
        """The text of one variant (counted round the end) with its variables filled in. Raises PromptError when one is
        missing or unknown. Values are inserted as they are: braces inside them mean nothing."""
        prompt = self.get(prompt_id)
        unknown = values.keys() - prompt.variables
        missing = prompt.variables - values.keys()
        if unknown or missing:
            what = f"lacks {sorted(missing)}" if missing else f"has no variable {sorted(unknown)}"
            raise PromptError(f"prompt {prompt_id} {what}")
        texts = prompt.variants[lang]
        return Rendered(texts[variant % len(texts)].format(**values), prompt.id, prompt.version)


def _load_one(path: Path) -> Prompt:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PromptError(f"{path.name}: {error}") from error
    if not isinstance(raw, dict) or set(raw) != _FIELDS:
        raise PromptError(f"{path.name}: needs exactly the fields {', '.join(sorted(_FIELDS))}")
    if raw["id"] != path.stem or not isinstance(raw["version"], int):
        raise PromptError(f"{path.name}: id must be {path.stem!r} and version a number")
    variables = frozenset(map(str, raw["variables"] or ()))
    variants: dict[Lang, tuple[str, ...]] = {lang: _texts(raw[lang], path, lang, variables) for lang in LANGS}
    used = {name for texts in variants.values() for text in texts for name in _placeholders(text)}
    if used != variables:
        raise PromptError(f"{path.name}: declares {sorted(variables)} but uses {sorted(used)}")
    return Prompt(raw["id"], raw["version"], variables, variants)


def _texts(value: Any, path: Path, lang: Lang, variables: frozenset[str]) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else tuple(value or ())
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise PromptError(f"{path.name}: {lang} must be a text or a list of texts")
    for text in texts:
        try:
            names = _placeholders(text)
        except ValueError as error:
            raise PromptError(f"{path.name}: {lang}: {error}") from error
        if names - variables:
            raise PromptError(f"{path.name}: {lang} uses undeclared {sorted(names - variables)}")
    return tuple(text.strip() for text in texts)


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@lru_cache(maxsize=8)
def load_prompts(directory: Path) -> PromptBook:
    """Every `*.yaml` of the folder. Raises PromptError naming the file."""
    files = sorted(directory.glob("*.yaml"))
    if not files:
        raise PromptError(f"no prompts in {directory}")
    return PromptBook({prompt.id: prompt for prompt in map(_load_one, files)})
