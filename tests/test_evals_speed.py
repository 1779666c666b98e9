"""`python -m evals speed` on the smallest shape: what it runs and reports. No test looks at a time."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Qwen3ForCausalLM

from evals import core
from evals.openvino_graph import graph_of
from evals.random_model import tokenizer_of, write
from evals.speed_models import POINTS, REPLY, SHAPES, WINDOW, conversation, judging_prompts, tokens_of
from interviewer.domain.questions import Bank
from interviewer.engines.transformers_engine import TransformersEngine
from interviewer.grading.model_prompts import PER_POINT, QUESTIONS
from interviewer.ports import ChatRequest, Message
from interviewer.prompting import PromptBook
from tests.tiny_models import build_tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def test_a_run_reports_every_ratio_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--shape", "tiny", "--turns", "2", "--tokens", "3", "--repeats", "1", "--out", str(tmp_path)]
    assert core.main(["speed", *options]) == 0
    written = json.loads((tmp_path / "results.json").read_text())
    assert set(written["figures"]) == {
        "first_token_turn_2_sooner",
        "decode_vs_plain",
        "decode_vs_bandwidth",
        "4_at_once_vs_one",
        "judging_vs_plain_json",
        "judging_same_questions_vs_plain_json",
        "judging_same_questions_vs_json",
    }
    assert all(value > 0 for value in written["figures"].values())
    tables = {table["title"]: table["rows"] for table in written["tables"]}
    first = tables["Time to the first token, s"]
    assert [row[0] for row in first] == [1, 2]
    assert first[0][1] < first[1][1]  # the prompt grows
    memory = dict(tables["Memory, MiB"])
    assert 0 < memory["key-value cache of 1,000 tokens"] == 1000 * 2 * 2 * 128 * 4 / 2**20
    assert 0 < memory["kept of a conversation of 2 turns"] < memory["this process at most"]
    assert tables["Decoding, tokens/s"][0][0] == "here"
    judging = {row[0]: row[2] for row in tables["Judging 6 points of one answer"]}
    assert judging["choices, as graded"] == 0 < judging["JSON, here"] == judging["JSON, transformers' generate"]
    assert dict(tables["At load"])["choices scored as one flat tree"] == "True"
    assert written["stamp"]["clock"] == "wall clock"
    assert "decode_vs_plain" in capsys.readouterr().out


def test_eight_bit_weights_and_processor_time(tmp_path: Path) -> None:
    options = ["--turns", "1", "--tokens", "5", "--repeats", "1", "--weights", "bfloat16+int8", "--cpu-time"]
    assert core.main(["speed", "--shape", "tiny", *options, "--out", str(tmp_path)]) == 0
    written = json.loads((tmp_path / "results.json").read_text())
    tables = {table["title"]: dict(table["rows"]) for table in written["tables"] if len(table["columns"]) == 2}
    assert tables["At load"]["conversations written in one pass, at most"] == 4
    assert 0 < tables["Memory, MiB"]["eight-bit copies"] < tables["Memory, MiB"]["weights"]
    assert written["stamp"]["clock"] == "processor time"


def test_openvinos_graph_is_the_model(tiny: Path) -> None:
    """What was read stays, masks hide what they say, only what is wanted is told; weights differ by their eight bits."""
    import openvino

    model = Qwen3ForCausalLM.from_pretrained(tiny, dtype=torch.float32).eval()
    exact = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}
    request = openvino.Core().compile_model(graph_of(model), "CPU", exact).create_infer_request()
    tokens = torch.randint(0, 500, (24,), generator=torch.Generator().manual_seed(0)).tolist()

    def run(new: list[int], seen: np.ndarray[Any, Any], start: int, wanted: list[int]) -> torch.Tensor:
        request.infer(
            {
                "tokens": np.array([new]),
                "mask": seen[None, None],
                "positions": np.arange(start, start + len(new))[None],
                "wanted": np.array(wanted),
                "row": np.zeros(1, np.int32),
            }
        )
        return torch.from_numpy(request.get_output_tensor(0).data.copy())[0]

    with torch.inference_mode():
        expected = model(input_ids=torch.tensor([tokens])).logits[0]
    read = run(tokens[:10], np.tri(10, dtype=bool), 0, [3, 9])
    run([7, 7, 7, 7], np.ones((4, 14), bool), 10, [0])
    after = run(tokens[10:], np.hstack([np.ones((14, 10), bool), np.zeros((14, 4), bool), np.tri(14, dtype=bool)]), 10, [0, 13])
    found = torch.cat([read, after])
    exactly = expected[[3, 9, 10, 23]]
    assert (found - exactly).pow(2).mean().sqrt() < 0.1 * (exactly - exactly.roll(1, 0)).pow(2).mean().sqrt()


def test_openvino_stands_beside_it(tmp_path: Path) -> None:
    options = ["--shape", "tiny", "--turns", "2", "--tokens", "3", "--repeats", "1", "--openvino", "--out", str(tmp_path)]
    assert core.main(["speed", *options]) == 0
    written = json.loads((tmp_path / "results.json").read_text())
    table = next(table for table in written["tables"] if table["title"].startswith("Beside OpenVINO"))
    assert [row[0] for row in table["rows"]] == [
        "a prompt of 768 tokens",
        "256 tokens behind it",
        "a reply to 64 tokens",
        "a reply to 1024 tokens",
    ]
    assert all(row[3] == pytest.approx(row[1] / row[2], rel=0.01) for row in table["rows"])
    assert written["figures"]["writing_vs_openvino"] > 0


@pytest.mark.parametrize("option", ["--gate", "--update-baseline"])
def test_it_is_never_gated(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert core.main(["speed", "--shape", "tiny", option, "--out", str(tmp_path / "out")]) == 1
    assert "never gated" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [["--turns", "0"], ["--repeats", "0"], ["--tokens", "1"]])
def test_nothing_to_measure_is_said(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert core.main(["speed", "--shape", "tiny", *options]) == 1
    assert "at least" in capsys.readouterr().err


def test_each_turn_continues_the_one_before(bank: Bank, prompts: PromptBook) -> None:
    talk = conversation(bank, prompts, 4)
    assert all(text.endswith(REPLY) for text in talk)
    assert all(after.startswith(before.removesuffix(REPLY)) for before, after in pairwise(talk))


def test_the_questions_of_json_are_among_the_choices(bank: Bank, prompts: PromptBook) -> None:
    every, same, ask, reply = judging_prompts(bank, prompts)
    assert len(every) == POINTS * PER_POINT
    assert len(same) == POINTS * len(QUESTIONS)
    assert set(same) < set(every)
    assert "JSON" in ask
    assert len(json.loads(reply)["points"]) == POINTS


def test_the_stand_in_for_a_tokenizer() -> None:
    assert tokens_of("Use LoRA, 低秩 updates2.") == ["Use", "LoRA", ",", "低", "秩", "updates", "2", "."]
    assert tokens_of('{"any": true},') == ['{"', "any", '":', "true", "},"]
    assert tokens_of("one two three")[:2] == tokens_of("one two four")[:2]


def test_a_random_model_in_a_folder_is_loaded_like_any_other(tmp_path: Path, bank: Bank) -> None:
    write(tmp_path / "model", SHAPES["tiny"], bank)
    engine = TransformersEngine(str(tmp_path / "model"))
    try:
        assert engine.info.context_tokens == WINDOW
        assert list(engine.stream(ChatRequest((Message("user", "什么是注意力？"),), max_tokens=3)))
        tokens = tokenizer_of([question.reference.zh for question in bank])(bank.questions[0].reference.zh)["input_ids"]
        assert len(tokens) < len(bank.questions[0].reference.zh)  # about as with real vocabularies
    finally:
        engine.close()
