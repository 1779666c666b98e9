"""HTML for what the pages show, from Jinja templates that escape every value by themselves.

Answers, bank questions and imported documents are strangers' texts: none of them is ever joined into markup by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import TYPE_CHECKING

from interviewer.report.words import word
from interviewer.ui.words import Words

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("interviewer.ui", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, words: Words, **values: object) -> str:
    """The template `templates/<template>.html`, with `words` for its labels and `word` for those a report has on paper too."""
    shared = partial(word, lang=words.lang)
    return _environment().get_template(f"{template}.html").render(words=words, word=shared, **values)


def static(name: str, values: Mapping[str, str] | None = None) -> str:
    """A file of `static/`, with each `%name%` of `values` filled in."""
    from importlib.resources import files

    text = files("interviewer.ui").joinpath("static", name).read_text(encoding="utf-8")
    for key, value in (values or {}).items():
        text = text.replace(f"%{key}%", value)
    return text


def styles() -> str:
    """All style sheets of `static/`: the common one first, then a part of the page each, by name."""
    from importlib.resources import files

    names = sorted(file.name for file in files("interviewer.ui").joinpath("static").iterdir() if file.name.endswith(".css"))
    return "\n".join(static(name) for name in sorted(names, key=lambda name: name != "style.css"))
