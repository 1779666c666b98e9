"""The bank linter: silent on good questions, and each defect found where it stands."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from interviewer.config import corpus_dir
from interviewer.domain.questions import Bank, KeyPoint, LocalText, Question
from interviewer.ingest.bankfile import LoadedBank, load_located, read_bank_file
from interviewer.ingest.lint import Finding, coverage_table, lint_bank


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Question:
    """The worked example of corpus/README.md, which has to be a good one."""
    block = re.search(r"```yaml\n(.*?)```", (corpus_dir() / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block
    path = tmp_path_factory.mktemp("lint") / "training.yaml"
    path.write_text(block[1], encoding="utf-8")
    return read_bank_file(path).questions[0]


@pytest.fixture(scope="module")
def shipped() -> LoadedBank:
    return load_located([corpus_dir() / "bank"])


def lint(*questions: Question) -> list[Finding]:
    return [f for f in lint_bank(Bank(questions)) if f.rule != "levels"]


def changed(question: Question, **fields: Any) -> Question:
    """The question with fields of its first key point replaced."""
    first, *rest = question.key_points
    return replace(question, key_points=(replace(first, **fields), *rest))


def test_the_worked_example_is_clean(example: Question) -> None:
    assert lint(example) == []


def test_the_shipped_bank_has_no_errors(shipped: LoadedBank) -> None:
    assert [str(f) for f in lint_bank(shipped.bank, shipped.locations) if f.severity == "error"] == []


def first_with(**fields: Any) -> Callable[[Question], Question]:
    """Spoils the first key point with new values; a function of the point makes its value from it."""

    def spoil(question: Question) -> Question:
        point = question.key_points[0]
        return changed(question, **{name: value(point) if callable(value) else value for name, value in fields.items()})

    return spoil


_DEFECTS: dict[str, tuple[Callable[[Question], Question], str, str]] = {
    "no answer": (lambda q: replace(q, reference=LocalText()), "no-answer", "error"),
    "cut off": (lambda q: replace(q, reference=replace(q.reference, zh=q.reference.zh[:-9])), "cut-off", "error"),
    "cut off, en": (lambda q: replace(q, reference=replace(q.reference, en=q.reference.en[:-9])), "cut-off", "error"),
    "long": (lambda q: replace(q, reference=replace(q.reference, en="More words. " * 200)), "length", "warning"),
    "short": (lambda q: replace(q, reference=replace(q.reference, zh="太短了。")), "length", "warning"),
    "one language": (lambda q: replace(q, text=LocalText(zh=q.text.zh)), "missing-text", "error"),
    "two marks": (lambda q: replace(q, text=replace(q.text, zh="是什么？为什么？")), "question-mark", "warning"),
    "two points": (lambda q: replace(q, key_points=q.key_points[:2]), "count", "error"),
    "no rephrasing": (lambda q: replace(q, rephrasings=()), "count", "error"),
    "no reading": (lambda q: replace(q, reading=()), "no-reading", "warning"),
    "no prerequisite": (lambda q: replace(q, level=2), "count", "warning"),
    "no misconception": (lambda q: replace(q, misconceptions=()), "count", "warning"),
    "itself": (lambda q: replace(q, related=(q.id,)), "self-reference", "error"),
    "unknown": (lambda q: replace(q, prerequisites=("gone",)), "unknown-question", "warning"),
    "hint in English only": (
        first_with(hints=lambda p: (LocalText(en="Think."), p.hints[1])),
        "missing-text",
        "error",
    ),
    "no probe": (first_with(probe=LocalText()), "missing-text", "error"),
    "one hint": (first_with(hints=lambda p: p.hints[:1]), "count", "error"),
    "no terms": (first_with(terms=()), "count", "warning"),
    "three accepted": (first_with(accepted=lambda p: p.accepted[:3]), "count", "error"),
    "no English contrast": (first_with(contrasts=("甲", "乙", "丙")), "count", "error"),
    "right contrast": (first_with(contrasts=lambda p: (*p.contrasts, p.accepted[0] + " ")), "contrast-is-right", "error"),
    "almost right contrast": (
        first_with(contrasts=lambda p: (*p.contrasts, "嗯" + p.accepted[0])),
        "contrast-is-right",
        "warning",
    ),
    "term in probe": (first_with(probe=LocalText("那更新参数是什么时候？", "When?")), "probe-leak", "error"),
    "term in English probe": (first_with(probe=LocalText("什么时候？", "When is the optimizer step?")), "probe-leak", "error"),
    "paraphrase in probe": (
        first_with(probe=LocalText("是不是梯度一直往上加，先不急着更新，加够了再更新？", "Is it?")),
        "probe-leak",
        "error",
    ),
    "statement in English probe": (
        first_with(
            probe=LocalText("是吗？", "Do you run forward and backward on pieces, sum, and step only after several of them?")
        ),
        "probe-leak",
        "error",
    ),
    "first hint tells": (
        first_with(hints=lambda p: (LocalText(p.accepted[0], "Think."), p.hints[1])),
        "hint-leak",
        "warning",
    ),
    "same point twice": (
        lambda q: replace(q, key_points=(*q.key_points, replace(q.key_points[0], id="again", accepted=tuple("一二三a")))),
        "repeated-point",
        "error",
    ),
    "point in other order": (
        first_with(statement=LocalText("累加后的梯度会偏大，所以每个 micro-batch 的损失要除以累积步数。", "Something else.")),
        "repeated-point",
        "error",
    ),
    "phrase accepted twice": (
        lambda q: changed(q, accepted=(*q.key_points[0].accepted, q.key_points[1].accepted[2])),
        "repeated-point",
        "error",
    ),
}


@pytest.mark.parametrize("defect", _DEFECTS)
def test_each_defect_is_found(example: Question, defect: str) -> None:
    spoil, rule, severity = _DEFECTS[defect]
    assert (rule, severity) in {(f.rule, f.severity) for f in lint(spoil(example))}


def test_a_probe_may_use_words_of_the_question_and_terms_that_points_share(example: Question) -> None:
    asked = changed(
        example, probe=LocalText("梯度累积的时候，循环里怎么写？", "In gradient accumulation, how does the loop look?")
    )
    assert lint(asked) == []


def test_duplicates_name_the_first(example: Question) -> None:
    twin = replace(
        example,
        id="twin",
        text=LocalText("换个问法？", "Another?"),
        rephrasings=(LocalText("请解释" + example.text.zh, "Well?"),),
    )
    found = [f for f in lint(example, twin) if f.rule == "duplicate"]
    assert [(f.question_id, f.severity) for f in found] == [("twin", "error")]
    assert "gradient-accumulation" in found[0].message


def test_derived_questions_may_lack_what_a_document_cannot_give() -> None:
    point = KeyPoint("p1", LocalText("先打乱过期时间。"), 2)
    question = Question("d-1", "d", 2, LocalText("怎么避免雪崩？"), LocalText("先打乱过期时间。"), (point,), origin="derived")
    assert lint(question) == []
    assert [f.rule for f in lint(replace(question, reference=LocalText("先打乱过期时")))] == ["cut-off"]


def test_findings_say_where(example: Question) -> None:
    bad = changed(example, hints=())
    places = {bad.id: "x.yaml:4", f"{bad.id}/add-then-step": "x.yaml:31"}
    finding = next(f for f in lint_bank(Bank((bad,)), places) if f.rule == "count")
    assert finding.where == "x.yaml:31"
    assert str(finding).startswith("x.yaml:31: error: gradient-accumulation / add-then-step: has 0 hints")
    assert next(f for f in lint(bad) if f.rule == "count").where == bad.id


def test_a_topic_needs_all_levels(example: Question) -> None:
    levels = [f.message for f in lint_bank(Bank((example,))) if f.rule == "levels"]
    assert len(levels) == 2
    assert all("training" in message for message in levels)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_coverage_counts_every_question(example: Question, lang: Any) -> None:
    bank = Bank(
        (example, replace(example, id="b", level=3), replace(example, id="c", topic="other")),
        {"training": LocalText("训练", "Training")},
    )
    rows = [line.split() for line in coverage_table(bank, lang).splitlines()]
    assert ["other", "1", "0", "0", "1"] in rows
    assert [bank.topic_title("training", lang), "1", "0", "1", "2"] in rows
    assert rows[-1][1:] == ["2", "0", "1", "3"]


def test_a_point_that_nobody_says_in_mixed_words_is_found(bank: Bank) -> None:
    question = bank.questions[0]
    point = replace(
        question.key_points[0], accepted=("一二三四五六七", "七六五四三二一", "only in English words", "English words only")
    )
    spoiled = replace(question, key_points=(point, *question.key_points[1:]))
    assert any("mixes the languages" in finding.message for finding in lint_bank(Bank((spoiled,), bank.topics)))


def test_a_thin_topic_is_found_in_a_large_bank_only(bank: Bank) -> None:
    alone = replace(bank.questions[0], id="alone", topic="thin")
    large = Bank((alone, *bank.questions[1:]), {**bank.topics, "thin": bank.questions[0].text})
    assert [f.where for f in lint_bank(large) if f.rule == "topics"] == ["thin"]
    assert not [f for f in lint_bank(Bank((alone,), large.topics)) if f.rule == "topics"]


def test_prerequisites_are_no_harder_and_lead_nowhere_back(example: Question) -> None:
    first = replace(example, id="first", prerequisites=("second",), level=1)
    second = replace(example, id="second", prerequisites=("third",), level=2)
    third = replace(example, id="third", prerequisites=("second",), level=2)
    found = {(f.question_id, f.rule) for f in lint(first, second, third) if "prerequisite" in f.rule}
    assert found == {
        ("first", "hard-prerequisite"),
        ("second", "circular-prerequisites"),
        ("third", "circular-prerequisites"),
    }
