"""The contract of `grade --batch`: order kept, bad rows ungraded with a reason, nothing that breaks a reader of the output."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from interviewer.domain.assessment import Assessment, GraderInfo
from interviewer.domain.questions import Question
from interviewer.grading import BuiltinGrader, grade_rows
from interviewer.grading.builtin import VERSION
from interviewer.ports import GradingItem
from tests.grading_samples import BANK, GOOD, QUESTION

GRADER = BuiltinGrader(BANK)
KEY_POINTS = [p.statement.zh for p in QUESTION.key_points]


def run(*rows: Any) -> list[dict[str, Any]]:
    lines = [r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in rows]
    return list(grade_rows(lines, BANK.get, GRADER))


def row(**changes: Any) -> dict[str, Any]:
    made = {"id": "a", "question": QUESTION.text.zh, "answer": GOOD, "question_id": QUESTION.id, **changes}
    return {k: v for k, v in made.items() if v is not ...}


def test_a_good_row_has_the_whole_contract() -> None:
    (out,) = run(row())
    assert list(out) == ["id", "status", "reason", "score", "low", "high", "points", "flags", "grader"]
    assert out["status"] == "graded"
    assert out["reason"] is None
    assert 0 <= out["low"] <= out["score"] <= out["high"] <= 100
    assert out["grader"] == {"name": "builtin", "version": VERSION, "model": None}
    for point in out["points"]:
        assert list(point) == ["statement", "weight", "verdict", "probability", "evidence"]
        start, end = point["evidence"]["start"], point["evidence"]["end"]
        assert GOOD[start:end] == point["evidence"]["text"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("not json", "not valid JSON"),
        ("[1, 2]", "must be a JSON object, not a list"),
        ("null", "must be a JSON object, not null"),
        ('{"id": "a", "score": NaN}', "NaN is not JSON"),
        ('{"id": "a", "x": Infinity}', "Infinity is not JSON"),
        ("[" * 100_000, "not valid JSON|nested too deeply"),
        (row(id=...), "id is missing"),
        (row(id=["a"]), "id must be a text or a whole number, not a list"),
        (row(id=1.5), "id must be"),
        (row(id=True), "id must be"),
        (row(answer=...), "answer is missing"),
        (row(answer=7), "answer must be a text, not a number"),
        (row(answer={"text": "x"}), "answer must be a text, not an object"),
        (row(question_id="nobody"), "'nobody' is not in the bank"),
        (row(question_id=["x"]), "question_id must be a text"),
        (row(question_id=...), "needs question_id, key_points or reference"),
        (row(question_id=..., key_points=[]), "key_points is empty"),
        (row(question_id=..., key_points="one"), "key_points must be a list"),
        (row(question_id=..., key_points=["ok", 3]), "entry 2 must be a text"),
        (row(question_id=..., key_points=["ok", " "]), "entry 2 is empty"),
        (row(question_id=..., key_points=["x"] * 1000), "has 1000 entries"),
        (row(question_id=..., reference=[1]), "reference must be a text"),
        (row(question_id=..., reference="。"), "no claim"),
        (row(question_id=..., question=..., reference="梯度先累加再更新"), "question is missing"),
        (row(question_id=..., question=3, reference="梯度先累加再更新"), "question must be a text"),
        (row(answer="x" * 4_000_001), "at most 4000000"),
    ],
)
def test_a_bad_row_is_ungraded_with_its_reason(bad: Any, reason: str) -> None:
    first, out, last = run(row(id="first"), bad, row(id="last"))
    assert (first["id"], last["id"]) == ("first", "last")
    assert first["score"] == last["score"]
    assert out["status"] == "ungraded"
    assert (out["score"], out["low"], out["high"], out["points"]) == (None, None, None, [])
    assert any(part in out["reason"] for part in reason.split("|"))


def test_no_answer_is_graded_zero() -> None:
    empty, unknown = run(row(answer=""), row(id="b", answer="不知道"))
    assert (empty["status"], empty["score"], unknown["status"], unknown["score"]) == ("graded", 0.0, "graded", 0.0)


def test_rows_bring_their_own_points_or_prose() -> None:
    points, prose, both = run(
        row(question_id=..., key_points=KEY_POINTS),
        row(id="b", question_id=..., reference=QUESTION.reference.zh),
        row(id=3, question_id=..., key_points=KEY_POINTS[:1], reference=QUESTION.reference.zh),
    )
    assert [p["statement"] for p in points["points"]] == KEY_POINTS
    assert len(prose["points"]) >= 3
    assert len(both["points"]) == 1
    assert both["id"] == 3
    assert points["score"] > 20
    assert prose["score"] > 20


def test_order_and_neighbours_change_no_score() -> None:
    rows = [row(id=str(n), answer=text) for n, text in enumerate([GOOD, "", GOOD[:30], "今天天气很好，我们去公园走了走吧"])]
    forward = {r["id"]: r for r in run(*rows)}
    backward = {r["id"]: r for r in run(*rows[::-1])}
    assert forward == backward
    assert [r["id"] for r in run(*rows)] == ["0", "1", "2", "3"]


def test_repeated_ids_are_graded_and_marked() -> None:
    first, second = run(row(), row())
    assert "duplicate-id" not in first["flags"]
    assert "duplicate-id" in second["flags"]
    assert first["score"] == second["score"]
    bad, after = run(row(answer=...), row())
    assert (bad["status"], bad["score"], after["flags"]) == ("ungraded", None, [*first["flags"], "duplicate-id"])


def test_an_id_comes_back_as_it_came() -> None:
    odd = " a\u200b\tb\u2028 "
    assert run(row(id=odd))[0]["id"] == odd


def test_blank_lines_and_a_byte_order_mark_are_passed_over() -> None:
    assert [r["id"] for r in run("\ufeff" + json.dumps(row()), "", "  \n", json.dumps(row(id="b")))] == ["a", "b"]


def test_half_characters_and_huge_answers_can_be_written() -> None:
    hostile = ["\ud800" + GOOD + "\udfff", GOOD + "\x00\u202e", "梯度" * 500_000]
    lines = [json.dumps(row(id=f"\ud83d{n}", answer=text)) for n, text in enumerate(hostile)]
    for out in run(*lines):
        assert out["status"] == "graded"
        json.dumps(out, ensure_ascii=False, allow_nan=False).encode("utf-8")
    assert "truncated" in run(lines[2])[0]["flags"]


class Broken:
    """A grader with a defect."""

    info = GraderInfo("broken", "1")

    def grade(self, item: GradingItem) -> Assessment:
        raise ZeroDivisionError

    def grade_many(self, items: Sequence[GradingItem]) -> list[Assessment]:
        raise ZeroDivisionError


def test_a_defect_costs_one_row_and_is_no_zero() -> None:
    def lookup(_: str) -> Question:
        return QUESTION

    (out,) = grade_rows([json.dumps(row())], lookup, Broken())
    assert out["status"] == "ungraded"
    assert out["score"] is None
    assert "ZeroDivisionError" in out["reason"]
