"""The small parts below the engines: text filters, JSON out of prose, shares of choices, device plans, the script, loading."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interviewer.config import load_settings
from interviewer.domain.errors import ContextOverflow, EngineError, EngineTimeout, EngineUnavailable
from interviewer.engines import OpenAIEngine, Reply, ScriptedEngine, TransformersEngine, load_engine
from interviewer.engines.choices import normalised, plan_rows, shares_of_listed
from interviewer.engines.hardware import GIB, Hardware, describe, free_memory, plan
from interviewer.engines.json_reply import ask_for_json, extract_json, find_problem
from interviewer.engines.streams import Detokenizer, visible
from interviewer.ports import ChatRequest, ChoiceRequest, Message
from tests.engines_server import fake_server
from tests.tiny_models import build_tiny_model, tiny_tokenizer

ASK = ChatRequest((Message("user", "什么是量化？"),), max_tokens=50)

# ---------------------------------------------------------------- text filters

_texts = st.text(st.sampled_from("ab<>/think\n 知识"), max_size=40)


@given(_texts, st.lists(st.integers(1, 6), min_size=1, max_size=30), st.sampled_from([(), ("知识",), ("a", "b\n")]))
def test_pieces_of_any_length_show_the_same_text(text: str, sizes: list[int], stops: tuple[str, ...]) -> None:
    text = f"{text}<think>hidden a b\n</think>{text}"
    pieces: list[str] = []
    at = 0
    while at < len(text):
        pieces.append(text[at : at + sizes[len(pieces) % len(sizes)]])
        at += len(pieces[-1])
    shown = list(visible(pieces, stops))
    assert "".join(shown) == "".join(visible([text], stops))
    assert all(shown)
    assert not any(stop in "".join(shown) for stop in stops)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\n\n 你好 ", "你好 "),
        ("<think>a</think>\n\nhi", "hi"),
        ("one <think>a</think>two", "one two"),
        ("<think>cut off", ""),
        ("1 < 2 and <thin", "1 < 2 and <thin"),
        ("</think>kept", "kept"),
        ("<seed:think>a</seed:think>hi", "hi"),
        ("[THINK]a[/THINK] hi", "hi"),
        ("<|channel>thought\nhidden<channel|>hi", "hi"),
        ("<|channel>thought\n<channel|>hi", "hi"),
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>hi<|return|>", "hi"),
        ("<|channel|>commentary<|message|>a<|end|><|start|>assistant<|channel|>final <|constrain|>x<|message|>hi", "hi"),
        ("<|channel|>analysis<|message|>a<|channel|>final<|message|>hi", "hi"),
        ("<|channel|>analysis<|message|>cut off", ""),
        ("<|start|>assistant<|message|>hi<|end|><|start|>assistant<|channel|>analysis<|message|>a", "hi"),
        ("a <|chan b", "a <|chan b"),
    ],
)
def test_thoughts_and_leading_space_are_dropped(text: str, shown: str) -> None:
    assert "".join(visible(list(text), ())) == shown


@given(st.text(st.characters(codec="utf-8", exclude_characters="\ufffd"), max_size=30))
def test_characters_come_out_whole(text: str) -> None:
    tokenizer = _TOKENIZER
    detokenizer = Detokenizer(lambda ids: str(tokenizer.decode(ids)))
    pieces = [detokenizer.feed(token) for token in tokenizer(text, add_special_tokens=False)["input_ids"]]
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)


_TOKENIZER = tiny_tokenizer()


def test_a_reply_cut_inside_a_character_ends_before_it() -> None:
    ids = _TOKENIZER("鑫", add_special_tokens=False)["input_ids"]
    assert len(ids) > 1
    detokenizer = Detokenizer(lambda ids: str(_TOKENIZER.decode(ids)))
    assert [detokenizer.feed(token) for token in ids[:-1]] == [""] * (len(ids) - 1)


# ---------------------------------------------------------------- JSON

POINT = {
    "type": "object",
    "properties": {
        "verdict": {"enum": ["covered", "missing"]},
        "share": {"type": "number", "minimum": 0, "maximum": 1},
        "quotes": {"type": "array", "items": {"type": "string", "minLength": 2, "maxLength": 5}, "maxItems": 2},
        "note": {"type": ["string", "null"]},
    },
    "required": ["verdict"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"verdict": "covered", "share": 0.5, "quotes": ["ab"], "note": None}, None),
        ({"verdict": "covered", "share": 1}, None),
        ([], "must be object"),
        ({}, "lacks 'verdict'"),
        ({"verdict": "maybe"}, "must be one of"),
        ({"verdict": "covered", "share": 1.5}, "'share' must be at most 1"),
        ({"verdict": "covered", "share": True}, "'share' must be number"),
        ({"verdict": "covered", "share": -0.1}, "at least 0"),
        ({"verdict": "covered", "quotes": ["ab", "abcdef"]}, "item 2 of 'quotes' must have at most 5 characters"),
        ({"verdict": "covered", "quotes": ["a"]}, "at least 2 characters"),
        ({"verdict": "covered", "quotes": ["ab"] * 3}, "at most 2 items"),
        ({"verdict": "covered", "extra": 1}, "'extra', which is not allowed"),
        ({"verdict": "covered", "note": 3}, "string or null"),
    ],
)
def test_schema_problems_are_named(value: Any, problem: str | None) -> None:
    found = find_problem(value, POINT)
    assert (found is None) if problem is None else (found is not None and problem in found)


def test_an_unsupported_rule_is_never_skipped() -> None:
    with pytest.raises(ValueError, match="pattern"):
        find_problem("a", {"type": "string", "pattern": "b"})
    with pytest.raises(ValueError, match="oneOf"):
        ask_for_json(lambda asked: "{}", ASK, {"oneOf": []})


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('Here:\n```json\n{"a": [1, 2]}\n``` done {"b": 2}', {"a": [1, 2]}),
        ('<think>{"a": 0}</think>{"a": 1}', {"a": 1}),
        ('{broken} but {"a": "}{"}', {"a": "}{"}),
        ("[1, 2]", [1, 2]),
    ],
)
def test_json_is_found_in_prose(reply: str, value: Any) -> None:
    assert extract_json(reply) == value


@pytest.mark.parametrize("reply", ["", "no", '{"a": ', "{'a': 1}", '{"a": NaN}', "[" * 100_000])
def test_no_json_is_no_json(reply: str) -> None:
    with pytest.raises(ValueError, match="no complete JSON"):
        extract_json(reply)


def test_the_mark_that_ends_a_thought_may_stand_inside_a_value() -> None:
    assert extract_json('Sure: {"</think>": [1]} done') == {"</think>": [1]}
    assert extract_json('{"draft": 0} </think> {"v": "</think>{"}') == {"v": "</think>{"}
    assert extract_json('perhaps {"draft": 0}</think>{"v": 1}') == {"v": 1}


_leaves = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(_leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_any_json_survives_prose_around_it(value: Any) -> None:
    assert extract_json(f"Sure! {json.dumps({'v': value}, ensure_ascii=False)} Hope that helps.") == {"v": value}


# ---------------------------------------------------------------- choices


def test_rows_are_shared_between_choices() -> None:
    rows, places = plan_rows((9, 9), [(1,), (2,), (3, 4), (3, 5, 6)])
    assert [row.tokens for row in rows] == [(9, 9, 3, 5)]
    assert rows[0].at == (1, 2, 3)
    picked = [[rows[row].targets[at][target] for row, at, target in spots] for spots in places]
    assert picked == [[1], [2], [3, 4], [3, 5, 6]]


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=4).map(tuple), min_size=1, max_size=5, unique=True))
def test_rows_show_every_token_of_every_choice_in_its_context(choices: list[tuple[int, ...]]) -> None:
    prompt = (7, 8)
    rows, places = plan_rows(prompt, choices)
    assert len(rows) <= len(choices)
    for choice, spots in zip(choices, places, strict=True):
        for number, (row, at, target) in enumerate(spots):
            assert rows[row].targets[at][target] == choice[number]
            assert rows[row].tokens[: rows[row].at[at] + 1] == (*prompt, *choice[:number])


def test_shares_of_tiny_probabilities() -> None:
    assert normalised([-2000.0, -2000.0 + math.log(3)]) == pytest.approx((0.25, 0.75))


@pytest.mark.parametrize(
    ("listed", "choices", "shares"),
    [
        ({"是": 0.6, "否": 0.2}, ("是", "否"), (0.75, 0.25)),
        ({"covered": 0.5, " cov": 0.25, "miss": 0.25}, ("covered", "missing"), (0.75, 0.25)),
        ({"yes": 0.9, "hm": 0.05}, ("yes", "no"), (0.9 / 0.95, 0.05 / 0.95)),  # at most as likely as the last one listed
        ({"yes": 0.99, "hm": 0.01}, ("yes", "no"), (1.0, 0.0)),  # nothing is left for the unlisted
        ({"yesterday": 0.5, "no": 0.5}, ("yes", "no"), (0.0, 1.0)),  # a longer word is not the choice it begins with
        ({"hm": 1.0}, ("yes", "no"), None),
        ({"co": 0.5, "covered": 0.5}, ("covered", "contradicted"), None),
        ({"co": 0.005, "covered": 0.6, "con": 0.2}, ("covered", "contradicted"), (0.75, 0.25)),
        ({" ": 0.5, "yes": 0.4, "no": 0.1}, ("yes", "no"), (0.8, 0.2)),
    ],
)
def test_shares_from_listed_tokens(listed: dict[str, float], choices: tuple[str, ...], shares: Any) -> None:
    logs = {token.encode(): math.log(probability) for token, probability in listed.items()}
    found = shares_of_listed(logs, choices)
    if shares is None:
        assert found is None
    else:
        assert found == pytest.approx(shares)


def test_a_character_split_over_tokens_still_counts() -> None:
    assert shares_of_listed({"部".encode()[:2]: math.log(0.5), "完".encode(): math.log(0.5)}, ("部分", "完整")) == (0.5, 0.5)


# ---------------------------------------------------------------- hardware


def _cpu(free: float) -> Hardware:
    return Hardware("cpu", "CPU", 1, int(free * GIB), int(free * GIB), True, 2)


def _cuda(free: float, memory: float = 8, bf16: bool = True) -> Hardware:
    return Hardware("cuda", "GPU", 1, int(free * GIB), int(memory * GIB), bf16, 8)


@pytest.mark.parametrize(
    ("billions", "hardware", "dtype", "device"),
    [
        (0.6, _cpu(8), "float32", {"": "cpu"}),
        (1.7, _cpu(6), "bfloat16", {"": "cpu"}),
        (8, _cuda(24), "bfloat16", "auto"),
        (8, _cuda(24, bf16=False), "float16", "auto"),
        (8, _cuda(12, memory=32), "bfloat16", "auto"),
        (1, Hardware("mps", "Apple GPU", 1, 8 * GIB, 8 * GIB, True, 8), "bfloat16", {"": "mps"}),
        (1, Hardware("mps", "Apple GPU", 1, 8 * GIB, 8 * GIB, False, 8), "float16", {"": "mps"}),
    ],
)
def test_format_and_device_follow_the_hardware(billions: float, hardware: Hardware, dtype: str, device: Any) -> None:
    chosen = plan(int(billions * 1e9), hardware)
    assert (chosen.dtype, chosen.device_map) == (dtype, device)
    assert "GiB" in chosen.why


@pytest.mark.parametrize("hardware", [_cpu(8), _cuda(6, memory=4), Hardware("mps", "GPU", 1, GIB, GIB, True, 8)])
def test_what_cannot_fit_is_said_before_loading(hardware: Hardware) -> None:
    with pytest.raises(EngineUnavailable, match=r"7\.0 billion parameters and needs about 1\d\.\d GiB"):
        plan(7_000_000_000, hardware)


def test_a_containers_limit_counts() -> None:
    files = {"memory.max": "1000", "memory.current": "700", "memory.stat": "anon 600\ninactive_file 50\n"}
    assert free_memory(lambda path: files.get(path.name)) == 350
    assert free_memory(lambda path: {"memory.max": "max"}.get(path.name)) > 1000
    assert free_memory(lambda path: None) > 1000


def test_the_machine_can_be_described() -> None:
    assert "GiB" in describe()
    assert "\n" not in describe()


# ---------------------------------------------------------------- the script


def test_replies_come_in_order_and_end_with_an_error() -> None:
    engine = ScriptedEngine(["one", Reply("two", piece=1)])
    assert ["".join(engine.stream(ASK)) for _ in range(2)] == ["one", "two"]
    with pytest.raises(EngineError, match="script is over"):
        list(engine.stream(ASK))
    assert engine.requests == [ASK] * 3


def test_a_scripted_failure_after_some_text() -> None:
    engine = ScriptedEngine([Reply("half", piece=2, fail=EngineUnavailable("gone"))])
    pieces = engine.stream(ASK)
    assert [next(pieces), next(pieces)] == ["ha", "lf"]
    with pytest.raises(EngineUnavailable, match="gone"):
        next(pieces)


def test_a_scripted_hang_ends_by_cancelling_or_by_the_clock() -> None:
    engine = ScriptedEngine(lambda request: Reply("a", hang=True))
    looks = iter(range(100))
    assert list(engine.stream(ASK, lambda: next(looks) > 5)) == ["a"]
    with pytest.raises(EngineTimeout):
        list(engine.stream(ChatRequest(ASK.messages, timeout=0.05)))


def test_scores_come_from_the_table() -> None:
    request = ChoiceRequest((), ("has the temperature", "has the bias"), ("yes", "no"))
    engine = ScriptedEngine(scores={"temperature": (3, 1), "bias": (0, 2)})
    assert engine.score_choices(request) == [(0.75, 0.25), (0.0, 1.0)]
    assert engine.choice_requests == [request]
    assert ScriptedEngine().score_choices(request) is None
    assert ScriptedEngine(scores={"temperature": (1, 1)}).score_choices(request) is None
    assert ScriptedEngine(scores=lambda _, ending: (len(ending), 0)).score_choices(request) == [(1.0, 0.0)] * 2
    with pytest.raises(ValueError, match="weights"):
        ScriptedEngine(scores={"": (1, 2, 3)}).score_choices(request)


def test_a_scripted_window() -> None:
    with pytest.raises(ContextOverflow):
        list(ScriptedEngine(["a"], context_tokens=52).stream(ASK))


# ---------------------------------------------------------------- loading


def test_settings_choose_the_engine(tmp_path: Path) -> None:
    folder = build_tiny_model(tmp_path / "tiny")
    local = load_engine(load_settings({}, model=str(folder), data=tmp_path))
    assert isinstance(local, TransformersEngine)
    local.close()
    with fake_server() as server:
        remote = load_engine(load_settings({}, base_url=server.url, data=tmp_path))
        assert isinstance(remote, OpenAIEngine)
        remote.close()
    with pytest.raises(ValueError, match="builtin"):
        load_engine(load_settings({}, data=tmp_path))


def test_importing_the_engines_loads_no_model_library() -> None:
    heavy = "{'torch', 'transformers', 'openai', 'numpy', 'huggingface_hub', 'accelerate', 'httpx', 'jinja2'}"
    code = f"import sys, interviewer.engines; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
