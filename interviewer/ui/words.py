"""The interface's words, in Chinese and English, from `words.yaml` and, a part of the page each, `words_*.yaml`.

Knows nothing of pages or interviews; the texts an interviewer speaks live in prompts/, not here.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from interviewer.domain.questions import LANGS, Lang

#: libyaml's parser, about ten times faster, where PyYAML was built with it: the words are read at every start.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: What `<html lang>` and the browser's own number formats want.
LOCALES: dict[Lang, str] = {"zh": "zh-CN", "en": "en"}


class Words:
    """The texts of one language. `words("question_of", n=1, total=5)` fills the named places; KeyError for an unknown text."""

    def __init__(self, lang: Lang, texts: dict[str, str]) -> None:
        self.lang: Lang = lang
        self._texts = texts

    def __call__(self, key: str, /, **values: object) -> str:
        text = self._texts[key]
        return text.format(**values) if values else text

    def problem(self, message: str) -> str:
        """What ingest says of a document, or why there is no grade, in this language; unchanged where there are no words."""
        for key, pattern in _problems():
            found = pattern.fullmatch(message)
            if found:
                return self(f"problem_{key}", **found.groupdict())
        return message

    @property
    def locale(self) -> str:
        return LOCALES[self.lang]

    @property
    def other(self) -> Lang:
        return "en" if self.lang == "zh" else "zh"


@cache
def texts() -> dict[str, dict[Lang, str]]:
    """Every text by key and language, as the files have it."""
    found: dict[str, dict[Lang, str]] = {}
    for file in sorted(files(str(__package__)).iterdir(), key=lambda file: file.name):
        if file.name.startswith("words") and file.name.endswith(".yaml"):
            raw = yaml.load(file.read_text(encoding="utf-8"), _Loader)  # noqa: S506 (both are safe ones)
            assert not found.keys() & raw.keys(), f"{file.name} says again {sorted(found.keys() & raw.keys())}"
            found |= {key: {lang: str(both[lang]) for lang in LANGS} for key, both in raw.items()}
    return found


@cache
def words_for(lang: Lang) -> Words:
    """The words of one language, read once."""
    return Words(lang, {key: both[lang] for key, both in texts().items()})


@cache
def _problems() -> list[tuple[str, re.Pattern[str]]]:
    """Patterns that find the English problem texts, with their places as groups."""
    own = [(key.removeprefix("problem_"), both["en"]) for key, both in texts().items() if key.startswith("problem_")]
    return [(key, re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(text)), re.DOTALL)) for key, text in own]
