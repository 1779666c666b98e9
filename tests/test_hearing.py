"""Misheard and mistyped words become the question's words; what people meant is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interviewer.domain.questions import Bank
from interviewer.grading import BuiltinGrader
from interviewer.grading.hearing import Hearing
from interviewer.grading.vocabulary import words
from interviewer.ports import GradingItem

PHRASES = (
    "先验分布和后验分布",
    "低秩矩阵 LoRA adapter",
    "KV cache 按序列长度增长",
    "ELBO is the evidence lower bound",
    "attention quantisation",
)
KNOWN = {"事 情": 1.0, "the": 1.0, "cost": 1.0}
HEARING = Hearing([words(p) for p in PHRASES], KNOWN)


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("鲜艳分布", "先验分布"),
        ("低质举阵", "低秩矩阵"),
        ("叫 e l b o", "叫 ELBO"),
        ("k v cash", "kv cache"),
        ("lower a adaptor", "LoRA adapter"),
        ("atention", "attention"),
        ("qantisation", "quantisation"),
    ],
)
def test_what_was_meant(heard: str, meant: str) -> None:
    wanted = words(meant)
    assert [w for w in HEARING.repaired(words(heard)) if w in wanted] == wanted


@pytest.mark.parametrize("said", ["事情很多", "the cost", "LoRA 的 adapter", "我有一只猫", "cats and dogs"])
def test_what_is_left_alone(said: str) -> None:
    assert HEARING.repaired(words(said)) == words(said)


@given(st.text(max_size=60))
def test_any_text_is_heard(text: str) -> None:
    sequence = words(text)
    out = HEARING.repaired(sequence)
    assert len(out) <= len(sequence)
    assert "".join(out) or not sequence


def test_an_answer_misheard_keeps_its_score(bank: Bank) -> None:
    question = next(q for q in bank if q.id == "lora-fine-tuning")
    clean = "。".join(p.accepted[0] for p in question.key_points)
    misheard = clean
    for meant, heard in (
        ("矩阵", "举阵"),
        ("参数", "餐数"),
        ("训练", "讯练"),
        ("主干", "主感"),
        ("梯度", "提督"),
        ("权重", "全重"),
    ):
        misheard = misheard.replace(meant, heard)
    assert misheard != clean
    grader = BuiltinGrader(bank)
    before, after = (grader.grade(GradingItem(question, text)).score or 0 for text in (clean, misheard))
    assert abs(before - after) <= 5
