"""Prompt files are validated, and what they render to is reviewed as golden files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from interviewer.domain.errors import PromptError
from interviewer.prompting import PromptBook, load_prompts

GOLDEN = Path(__file__).parent / "golden"


def write(folder: Path, name: str, text: str) -> Path:
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id: a\nversion: 1\nvariables: []\nzh: 好\n", "needs exactly the fields"),
        ("id: b\nversion: 1\nvariables: []\nzh: 好\nen: ok\n", "id must be 'a'"),
        ("id: a\nversion: one\nvariables: []\nzh: 好\nen: ok\n", "version a number"),
        ("id: a\nversion: 1\nvariables: []\nzh: 好\nen: '{x}'\n", "undeclared"),
        ("id: a\nversion: 1\nvariables: [x]\nzh: 好\nen: ok\n", "declares"),
        ("id: a\nversion: 1\nvariables: []\nzh: '{'\nen: ok\n", "zh"),
        ("id: a\nversion: 1\nvariables: []\nzh: []\nen: ok\n", "must be a text"),
        ("id: [a\n", "a.yaml"),
    ],
)
def test_a_malformed_prompt_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        load_prompts(write(tmp_path, "a", text))


def test_values_are_inserted_as_they_are(tmp_path: Path) -> None:
    book = load_prompts(
        write(tmp_path, "a", "id: a\nversion: 2\nvariables: [x]\nzh: '<{x}> {{y}}'\nen: ['{x}', 'again {x}']\n")
    )
    assert book.render("a", "zh", x="{x} {0}").text == "<{x} {0}> {y}"
    assert book.render("a", "en", 3, x="1").text == "again 1"
    assert book.render("a", "en", x="1").label == "a@2"
    with pytest.raises(PromptError, match="lacks"):
        book.render("a", "zh")
    with pytest.raises(PromptError, match="no variable"):
        book.render("a", "zh", x="1", z="2")
    with pytest.raises(PromptError, match="no prompt"):
        book.render("missing", "zh")


def test_no_prompts_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="no prompts"):
        load_prompts(tmp_path)


def rendered(prompts: PromptBook) -> str:
    """Every prompt, each variant, with its variables shown by name."""
    out = []
    for prompt_id in prompts.ids():
        prompt = prompts.get(prompt_id)
        values = {name: f"⟨{name}⟩" for name in prompt.variables}
        for lang, texts in sorted(prompt.variants.items()):
            label = f"=== {prompt_id}@{prompt.version} {lang}"
            out += [f"{label} {i}\n{prompts.render(prompt_id, lang, i, **values).text}\n" for i in range(len(texts))]
    return "\n".join(out)


def test_rendered_prompts_are_as_reviewed(prompts: PromptBook) -> None:
    """A change here is a change of what models and people are told: read the difference, then write it with
    INTERVIEWER_WRITE_GOLDEN=1."""
    golden = GOLDEN / "prompts.txt"
    text = rendered(prompts)
    if os.environ.get("INTERVIEWER_WRITE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
