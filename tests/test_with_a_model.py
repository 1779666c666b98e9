"""Whole jobs with a real model behind them: a tiny one with random weights, so what it says is noise and the guard earns its keep."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from interviewer.config import Settings
from interviewer.dialogue.guard import Refusal
from interviewer.dialogue.speakers import NOTHING_ASKED, STOPPED
from interviewer.domain.transcript import Setup, Speaker, TurnKind
from interviewer.session import QuestionClosed, Spoken
from interviewer.wiring import build
from tests.test_cli import Shell
from tests.tiny_models import build_tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = build_tiny_model(tmp_path_factory.mktemp("models") / "tiny", max_position_embeddings=8192)
    config = folder / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_max_length": 8192}))
    return folder


def test_an_interview_on_random_weights_holds_together(tiny: Path, settings: Settings) -> None:
    """It asks every question, leaks nothing, records why the model's words were not used, and judges by its probabilities."""
    parts = build(replace(settings, engine="transformers", model=str(tiny)))
    try:
        assert parts.model.wait(60).state == "ready"
        interview = parts.interviews.start(Setup(lang="zh", questions=2, follow_ups=1, seed=5))
        updates = list(interview.proceed())
        for _ in range(12):
            if interview.finished:
                break
            updates += list(interview.say("我认为它主要是让训练更稳定，同时节省显存，具体做法是分批处理数据"))
        assert interview.finished
        assert interview.interviewer == "tiny"
        known = {*Refusal, STOPPED, NOTHING_ASKED}
        for turn in interview.turns:
            made_by = turn.provenance
            if made_by is not None and made_by.fallback is not None:
                assert made_by.fallback in known or made_by.fallback.startswith("engine: ")
        questions = [t for t in interview.turns if t.kind in (TurnKind.ASK, TurnKind.FOLLOW_UP)]
        for turn in questions:
            assert turn.provenance is not None
            assert turn.provenance.engine == "transformers"
            assert turn.provenance.fallback or turn.provenance.model == "tiny"
            question = parts.bank.get(turn.question_id or "")
            assert question is not None
            authored = question.text.zh if turn.kind is TurnKind.ASK else question.point(turn.key_point_id or "").probe.zh
            assert authored in turn.text or turn.provenance.fallback is None
        graded = [u.assessment for u in updates if isinstance(u, QuestionClosed)]
        assert len(graded) == 2
        for assessment in graded:
            assert assessment is not None
            assert assessment.grader.name == "transformers"
            assert assessment.grader.prompt
            assert assessment.raw_reply
        spoken = "".join(u.delta for u in updates if isinstance(u, Spoken))
        assert spoken == "".join(t.text for t in interview.turns if t.speaker is Speaker.INTERVIEWER)
    finally:
        parts.close()


def test_the_built_in_interviewer_talks_while_the_model_is_missing(settings: Settings, tmp_path: Path) -> None:
    parts = build(replace(settings, engine="transformers", model=str(tmp_path / "nothing-here")))
    try:
        interview = parts.interviews.start(Setup(lang="en", questions=1))
        assert "".join(u.delta for u in interview.proceed() if isinstance(u, Spoken))
        status = parts.model.wait(60)
        assert status.state == "failed"
        assert "nothing-here" in status.detail
        list(interview.say("I would first define it, then explain why it matters in practice"))
        assert interview.interviewer == "built-in"
        assert parts.grader.info.name == "builtin"
    finally:
        parts.close()


def test_the_model_takes_over_at_the_next_question(tiny: Path, settings: Settings) -> None:
    parts = build(replace(settings, engine="transformers", model=str(tiny)))
    try:
        parts.model.wait(60)
        engine, parts.model.engine = parts.model.engine, None  # as if it were still loading
        interview = parts.interviews.start(Setup(lang="zh", questions=3, seed=2))
        list(interview.proceed())
        parts.model.engine = engine
        list(interview.request(TurnKind.CLARIFY_REQUEST))
        assert interview.interviewer == "built-in"
        list(interview.request(TurnKind.SKIP))
        assert interview.interviewer == "tiny"
    finally:
        parts.close()


def test_the_command_line_with_a_model(tiny: Path, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "data")
    said = "我觉得主要是为了让梯度更稳定\n/hint\n/skip\n"
    held = shell("chat", "--lang", "zh", "--questions", "1", "--engine", "transformers", "--model", tiny, stdin=said)
    assert held.returncode == 0, held.stderr
    assert "# 面试报告" in held.stdout
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [
        {
            "id": "a",
            "question": "什么是互斥锁",
            "answer": "同一时间只有一个线程能拿到",
            "key_points": ["同一时刻只有一个线程持有锁"],
        },
        {"id": "b", "question": "什么是互斥锁", "answer": "", "key_points": ["同一时刻只有一个线程持有锁"]},
        {"id": "c", "question": "什么是互斥锁", "answer": "x"},
    ]
    source.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    done = shell("grade", "--batch", source, "--out", out, "--engine", "transformers", "--model", tiny)
    assert done.returncode == 0, done.stderr
    graded = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [row["status"] for row in graded] == ["graded", "graded", "ungraded"]
    assert graded[1]["score"] == 0
    assert graded[0]["grader"]["model"] == "tiny"
