"""The transformers engine's shortcuts on tiny models: eight-bit weights, texts written together, choices as one flat tree, the
warm-up that proves them, and the choice of a number format. No test looks at a time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from interviewer.engines import TransformersEngine, attention, hardware, processor
from interviewer.engines.flat import flat_trees
from interviewer.engines.floor import Floor
from interviewer.engines.quantise import MOST_ROWS, Int8Weights, quantised
from interviewer.engines.rows import Row
from interviewer.engines.sampling import Sampling, picker
from interviewer.ports import ChatRequest, ChoiceRequest, Message
from tests.test_engines_transformers import build_model
from tests.tiny_models import build_tiny_model

CPU = {"": "cpu"}
ASK = ChatRequest((Message("system", "Be brief."), Message("user", "什么是知识蒸馏？")), max_tokens=24)
POINTS = ChoiceRequest(
    (Message("system", "You judge an answer. " * 5), Message("user", "自注意力用查询、键和值计算加权和。")),
    ("Is it covered? scores are divided", "Is it covered? 温度", "Is it wrong? low rank", "提到了吗？"),
    ("yes", "no", "partly covered"),
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def fast(tiny: Path) -> TransformersEngine:
    """Writes with eight-bit weights, up to four texts in a pass."""
    return TransformersEngine(str(tiny), dtype="bfloat16", device_map=CPU, int8=True)


def said(engine: TransformersEngine, request: ChatRequest = ASK) -> str:
    return "".join(engine.stream(request))


# ---------------------------------------------------------------- eight-bit weights


def test_eight_bits_come_near_the_weights() -> None:
    weight = torch.randn(300, 64, generator=torch.Generator().manual_seed(0)).bfloat16()
    weight[7] = 0
    weight[8, 3] = 40.0  # an outlier costs its own output only
    packed, scales = quantised(weight)
    back = packed.float() * scales.float()[:, None]
    step = weight.float().abs().amax(1, keepdim=True) / 127
    assert ((back - weight.float()).abs() <= 0.51 * step + 1e-9).all()
    assert (back[7] == 0).all()


def trained(folder: Path) -> Any:
    """A tiny model that has learnt to count on: after n comes n + 3, of 50 tokens. Sure of itself, as real models mostly are."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(60):
        starts = torch.randint(0, 50, (16, 1), generator=generator)
        ids = (starts + 3 * torch.arange(12)) % 50
        optimiser.zero_grad()
        model(input_ids=ids, labels=ids).loss.backward()
        optimiser.step()
    return model.eval()


def test_a_trained_model_says_the_same_in_eight_bits(tiny: Path) -> None:
    model = trained(tiny).bfloat16()
    weights = Int8Weights(model)
    assert weights.size > 0
    with torch.inference_mode():
        for start in range(50):
            ids = (start + 3 * torch.arange(MOST_ROWS))[None] % 50
            plain = model(input_ids=ids).logits[0].float()
            with weights.used():
                fast = model(input_ids=ids).logits[0].float()
            assert torch.equal(model(input_ids=ids).logits[0].float(), plain)  # outside, the model's own weights again
            assert not torch.equal(fast, plain)
            assert int(fast[-1].argmax()) == int(plain[-1].argmax()) == (start + 12) % 50
            kl = torch.nn.functional.kl_div(fast.log_softmax(-1), plain.log_softmax(-1), reduction="none", log_target=True)
            assert kl.sum(-1).max() < 0.02


def test_prompts_are_read_with_the_models_own_weights(tiny: Path, fast: TransformersEngine) -> None:
    plain = TransformersEngine(str(tiny), dtype="bfloat16", device_map=CPU, int8=False)
    assert fast.info.device == "cpu bfloat16+int8"
    assert plain.info.device == "cpu bfloat16"
    assert fast.score_choices(POINTS) == plain.score_choices(POINTS)
    assert said(fast)[:1] == said(plain)[:1]  # the first token comes of reading


# ---------------------------------------------------------------- texts written together


def test_texts_written_together_are_those_written_alone(fast: TransformersEngine) -> None:
    decoder = fast._open()
    assert decoder.rows_together == MOST_ROWS
    requests = [
        ChatRequest((Message("user", f"{n} 号：" + "为什么？" * n),), max_tokens=20, seed=n, temperature=n % 2)
        for n in range(7)
    ]
    alone = [said(fast, request) for request in requests]
    sizes: list[int] = []
    run = decoder._floor.run

    def counted(steps: Sequence[Any]) -> Sequence[Any]:
        sizes.append(len(steps))
        return run(steps)

    decoder._floor.run = counted
    try:
        with ThreadPoolExecutor(len(requests)) as pool:
            scores = pool.submit(fast.score_choices, POINTS)
            assert list(pool.map(lambda request: said(fast, request), requests)) == alone
            assert scores.result() == fast.score_choices(POINTS)
    finally:
        decoder._floor.run = run
    assert 1 < max(sizes) <= MOST_ROWS


def test_steps_that_wait_go_together_and_readers_wait_their_turn() -> None:
    begun, go = threading.Event(), threading.Event()
    passes: list[list[int]] = []

    def run(steps: Sequence[int]) -> list[int]:
        passes.append(list(steps))
        return [10 * step for step in steps]

    floor: Floor[int, int] = Floor(run, most=2)

    def read() -> str:
        begun.set()
        go.wait(10)
        return "read"

    def write(number: int) -> int:
        with floor.seat() as seat:
            return floor.together(seat, number)

    with ThreadPoolExecutor(4) as pool:
        reading = pool.submit(floor.alone, read)
        assert begun.wait(10)
        writing = [pool.submit(write, number) for number in (1, 2, 3)]
        while len(floor._queue) < 4:
            pass
        assert passes == []  # the model is taken
        go.set()
        assert [future.result(10) for future in writing] == [10, 20, 30]
        assert reading.result(10) == "read"
    assert sorted(map(len, passes)) == [1, 2]
    assert sorted(number for batch in passes for number in batch) == [1, 2, 3]
    assert not floor._queue
    assert not floor._seats


def test_a_pass_that_fails_fails_for_all_in_it_and_for_no_other() -> None:
    def run(steps: Sequence[int]) -> list[int]:
        if 0 in steps:
            raise MemoryError
        return list(steps)

    floor: Floor[int, int] = Floor(run)
    with floor.seat() as seat, pytest.raises(MemoryError):
        floor.together(seat, 0)
    with pytest.raises(ZeroDivisionError):
        floor.alone(lambda: 1 // 0)
    with floor.seat() as seat:
        assert floor.together(seat, 5) == 5


def test_whoever_is_interrupted_in_the_queue_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    floor: Floor[int, int] = Floor(list)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(floor._changed, "wait_for", interrupted)
        with pytest.raises(KeyboardInterrupt):
            floor.alone(lambda: 1)
        with floor.seat() as seat, pytest.raises(KeyboardInterrupt):
            floor.together(seat, 1)
    assert not floor._queue
    assert floor.alone(lambda: 2) == 2


# ---------------------------------------------------------------- choices as one flat tree


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=7), min_size=1, max_size=9), st.integers(1, 12), st.data())
def test_a_flat_tree_holds_every_row(texts: list[list[int]], most: int, data: st.DataObject) -> None:
    shared = data.draw(st.integers(0, 2))
    rows = [Row((*[9] * shared, *text), (shared + len(text) - 1,), ((0,),)) for text in texts]
    found: dict[int, tuple[int, ...]] = {}
    for tree in flat_trees(rows, shared, most, 10**6):
        assert len(tree.tokens) <= most or len(tree.rows) == 1
        seen = tree.mask()[0, 0]
        for number, path in zip(tree.rows, tree.paths, strict=True):
            found[number] = tuple(tree.tokens[node] for node in path)
            assert [tree.depths[node] for node in path] == list(range(len(path)))
            sees = [shared + node for node in path]
            assert seen[path[-1]].nonzero().flatten().tolist() == [*range(shared), *sorted(sees)]
            assert all(before < after for before, after in pairwise(path))  # causal as it lies
        assert len(set(zip(tree.parents, tree.tokens, strict=True))) == len(tree.tokens)  # each beginning once
    assert found == {number: tuple(text) for number, text in enumerate(texts)}


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(0, 9), st.booleans(), st.integers(0, 99))
def test_attention_of_our_own_is_torchs(new: int, before: int, window: bool, seed: int) -> None:
    """Under any mask by which a token sees itself, with four query heads on two of keys."""
    draw = torch.Generator().manual_seed(seed)
    query, key, value = (
        torch.randn(1, heads, length, 8, generator=draw) for heads, length in ((4, new), (2, before + new), (2, before + new))
    )
    mask = torch.rand(1, 1, new, before + new, generator=draw) < 0.5
    if not window:
        mask[..., :before] = True
    mask |= torch.eye(new, before + new, dtype=torch.bool).roll(before, -1)
    alike = [tensor.repeat_interleave(2, 1) for tensor in (key, value)]
    expected = torch.nn.functional.scaled_dot_product_attention(query, *alike, attn_mask=mask, scale=0.3)
    out, _ = attention._attend(torch.nn.Module(), query, key, value, mask, scaling=0.3)
    torch.testing.assert_close(out, expected.transpose(1, 2))


@pytest.mark.parametrize("kind", ["plain", "sliding window", "linear attention"])
def test_what_a_model_cannot_do_is_found_out_before_it_is_used(tmp_path: Path, kind: str) -> None:
    folder = build_model(tmp_path / "model", kind)
    engine = TransformersEngine(str(folder), dtype="bfloat16", device_map=CPU, int8=True)
    decoder = engine._open()
    assert decoder.prefixes.size == 0  # nothing of the warm-up is left
    assert decoder.rows_together == (MOST_ROWS if kind == "plain" else 1)
    with ThreadPoolExecutor(3) as pool:
        requests = [ChatRequest((Message("user", "为什么？" * n),), max_tokens=30, seed=n) for n in (4, 2, 9)]
        alone = [said(engine, request) for request in requests]
        assert list(pool.map(lambda request: said(engine, request), requests)) == alone


def test_a_tree_laid_flat_scores_as_its_rows_do(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TransformersEngine(str(tiny), prefix_bytes=0)
    decoder = engine._open()
    assert decoder.flat
    together = engine.score_choices(POINTS)
    monkeypatch.setattr(decoder, "_batch_tokens", 10)
    in_parts = engine.score_choices(POINTS)
    monkeypatch.setattr(decoder, "flat", False)
    plain = engine.score_choices(POINTS)
    assert plain is not None
    assert len({tuple(row) for row in plain}) == len(POINTS.endings)
    expected = [pytest.approx(row, rel=1e-3, abs=1e-9) for row in plain]
    assert together == expected
    assert in_parts == expected


# ---------------------------------------------------------------- sampling


@given(st.integers(0, 10**6), st.sampled_from([0, 1, 5, 40]), st.sampled_from([0.05, 0.5, 0.9, 1.0]), st.booleans())
def test_what_may_be_drawn_is_what_transformers_leaves(seed: int, top_k: int, top_p: float, flat: bool) -> None:
    from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    from interviewer.engines.sampling import _likely

    logits = torch.randn(3000, generator=torch.Generator().manual_seed(seed)) * (0.01 if flat else 4)  # flat: past the first
    warpers = LogitsProcessorList([TemperatureLogitsWarper(0.7)])
    warpers.extend([TopKLogitsWarper(top_k)] if top_k else [])
    warpers.extend([TopPLogitsWarper(top_p)] if top_p < 1 else [])
    expected = torch.softmax(warpers(torch.zeros(1, 0, dtype=torch.long), logits[None].clone())[0], -1)
    tokens, shares = _likely(logits / 0.7, Sampling(0.7, top_p, 0, top_k))
    ours = torch.zeros(3000).scatter(0, tokens, shares / shares.sum())
    assert (ours - expected).abs().max() < 2e-3 * expected.max()


def test_the_penalty_and_the_seed() -> None:
    from transformers import RepetitionPenaltyLogitsProcessor

    logits = torch.tensor([1.0, 2.0, -1.0, 1.9])
    expected = RepetitionPenaltyLogitsProcessor(1.5)(torch.tensor([[1, 2]]), logits[None].clone())[0]
    pick = picker(Sampling(0.0, 1.0, 0, repetition_penalty=1.5), [1, 2])
    assert pick(logits) == int(expected.argmax()) == 3
    assert pick(logits) == 1  # 3 has been said since
    drawn = [[picker(Sampling(1.0, 0.9, seed), [])(torch.zeros(50)) for _ in range(2)] for seed in range(20)]
    assert all(one == other for one, other in drawn)
    assert len({one for one, _ in drawn}) > 5


# ---------------------------------------------------------------- the number format


@pytest.mark.parametrize(
    ("billions", "free", "fastest", "dtype", "int8"),
    [
        (0.6, 8, ("bfloat16+int8", "bfloat16", "float32"), "bfloat16", True),
        (1.7, 5, ("bfloat16+int8", "bfloat16", "float32"), "bfloat16", False),
        (0.6, 8, ("float32", "bfloat16"), "float32", False),
        (0.01, 8, ("bfloat16+int8", "bfloat16", "float32"), "float32", False),
    ],
    ids=["all of it", "no room for the copies", "an old processor", "a model too small to need it"],
)
def test_the_format_is_the_fastest_that_fits(
    billions: float, free: int, fastest: tuple[processor.Weights, ...], dtype: str, int8: bool
) -> None:
    found = hardware.Hardware("cpu", "CPU", 1, free * hardware.GIB, free * hardware.GIB, True, 2)
    speeds = processor.Speeds({kind: float(place) for place, kind in enumerate(fastest)})
    plan = hardware.plan(int(billions * 1e9), found, lambda: speeds)
    assert (plan.dtype, plan.int8) == (dtype, int8)
    assert plan.why.startswith(dtype)


def test_this_processor_is_tried_once() -> None:
    speeds = processor.measure()
    assert set(speeds.best_first) >= {"float32", "bfloat16"}
    assert all(seconds > 0 for seconds in speeds.turn.values())
    assert processor.measure() is speeds
