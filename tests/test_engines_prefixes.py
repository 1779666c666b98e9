"""What is kept of prompts that were read: it saves work, changes nothing, stays within its bound, and is nobody's to spoil."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import DynamicCache

from interviewer.domain.errors import EngineUnavailable
from interviewer.engines import TransformersEngine, decoding
from interviewer.engines.prefixes import PrefixStore, cache_bytes
from interviewer.engines.rows import Row, Stem, stem_of
from interviewer.ports import ChatRequest, ChoiceRequest, Message
from tests.test_engines_transformers import build_model
from tests.tiny_models import build_tiny_model

KINDS = ("plain", "sliding window", "linear attention")
RULES = Message("system", "You interview a candidate. Ask one short question at a time. " * 6)
ANSWERS = ("自注意力用查询、键和值计算加权和。", "LoRA freezes the weights.", "批归一化和层归一化的区别是什么？", "Yes.")
POINTS = ChoiceRequest(
    (RULES, Message("user", "批归一化在批上求均值。")), ("covered?", "Is it wrong?", "提到了吗？"), ("yes", "no")
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def conversation(engine: TransformersEngine) -> list[Any]:
    """Replies turn by turn, each answer judged before the reply, as an interview goes."""
    messages, heard = [RULES], []
    for answer in ANSWERS:
        messages.append(Message("user", answer))
        heard.append(engine.score_choices(ChoiceRequest((RULES, messages[-1]), POINTS.endings, POINTS.choices)))
        heard.append("".join(engine.stream(ChatRequest(tuple(messages), max_tokens=12))))
        messages.append(Message("assistant", str(heard[-1])))
    return heard


@contextmanager
def passes(engine: TransformersEngine) -> Iterator[list[tuple[int, ...]]]:
    """The shapes (rows, tokens) of the forward passes made inside."""
    shapes: list[tuple[int, ...]] = []
    decoder = engine._open()
    run = decoder._pass

    def noted(ids: torch.Tensor, cache: Any, wanted: torch.Tensor, **named: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(ids.shape))
        return run(ids, cache, wanted, **named)

    decoder._pass = noted  # type: ignore[method-assign]
    yield shapes
    decoder._pass = run  # type: ignore[method-assign]


def tokens_in(shapes: list[tuple[int, ...]]) -> int:
    return sum(rows * width for rows, width in shapes)


@pytest.mark.parametrize("kind", KINDS)
def test_reuse_saves_passes_and_changes_no_bit(tmp_path: Path, kind: str) -> None:
    folder = build_model(tmp_path / "model", kind)
    fresh, keeping = TransformersEngine(str(folder), prefix_bytes=0), TransformersEngine(str(folder))
    with passes(fresh) as all_of_it:
        expected = conversation(fresh)
    with passes(keeping) as what_was_left:
        assert conversation(keeping) == expected
    assert tokens_in(what_was_left) < 0.6 * tokens_in(all_of_it)
    assert conversation(keeping) == expected  # now with caches of a conversation that went further
    assert fresh._open().prefixes.size == 0


def test_reuse_changes_no_bit_in_bfloat16(tiny: Path) -> None:
    made = [TransformersEngine(str(tiny), dtype="bfloat16", device_map={"": "cpu"}, prefix_bytes=n) for n in (0, 2**24)]
    assert conversation(made[0]) == conversation(made[1])


def test_a_later_turn_reads_only_what_is_new(tiny: Path) -> None:
    engine = TransformersEngine(str(tiny))
    talk = (RULES, *(Message("user" if n % 2 == 0 else "assistant", f"{n}. {ANSWERS[n % 4]}") for n in range(13)))
    first = len(engine._renderer.encode(engine._renderer.prompt(talk)))
    list(engine.stream(ChatRequest(talk, max_tokens=1)))
    longer = (*talk, Message("assistant", "Why?"), Message("user", "Because."))
    with passes(engine) as shapes:
        list(engine.stream(ChatRequest(longer, max_tokens=1)))
    whole = len(engine._renderer.encode(engine._renderer.prompt(longer)))
    assert tokens_in(shapes) <= whole - first + 2 * decoding.PREFILL_TOKENS < whole / 2


def test_memory_is_bounded_and_what_is_used_stays(tiny: Path) -> None:
    engine = TransformersEngine(str(tiny), prefix_bytes=200_000)
    store = engine._open().prefixes

    def tell(text: str) -> int:
        with passes(engine) as shapes:
            list(engine.stream(ChatRequest((Message("user", text * 20),), max_tokens=1)))
        return tokens_in(shapes)

    whole = tell("used ")
    for number in range(8):
        tell(f"other {number} ")
        assert 0 < store.size <= 200_000
        assert tell("used ") < whole / 2
    tell("other 0 ")
    assert tell("other 1 ") > whole / 2  # gone long ago
    assert tell("too long to keep " * 2) > whole
    assert store.size <= 200_000


def test_threads_share_what_was_read(tiny: Path) -> None:
    fresh, engine = TransformersEngine(str(tiny), prefix_bytes=0), TransformersEngine(str(tiny))
    expected = conversation(fresh)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: conversation(engine), range(4))) == [expected] * 4


def test_running_out_of_memory_gives_back_what_was_kept(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TransformersEngine(str(tiny))
    engine.score_choices(POINTS)
    assert engine._open().prefixes.size > 0

    def full(*args: Any, **named: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(engine._open(), "_forward", full)
    with pytest.raises(EngineUnavailable, match="out of memory"):
        engine.score_choices(POINTS)
    assert engine._open().prefixes.size == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_scoring_batch_is_bounded_with_its_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    engine = TransformersEngine(str(build_model(tmp_path / "model", kind)), prefix_bytes=0)
    engine._open().flat = False
    together = engine.score_choices(POINTS)
    assert together is not None
    monkeypatch.setattr(decoding, "BATCH_CACHE_BYTES", 1)  # less than one row takes: they still go, one by one
    with passes(engine) as shapes:
        alone = engine.score_choices(POINTS)
    assert {rows for rows, _ in shapes} == {1}
    assert alone == [pytest.approx(row, rel=1e-3, abs=1e-9) for row in together]


def test_the_cache_of_a_batch_stays_within_its_bytes(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TransformersEngine(str(tiny), prefix_bytes=0)
    monkeypatch.setattr(decoding, "BATCH_CACHE_BYTES", 500_000)
    largest: list[int] = []
    decoder = engine._open()
    decoder.flat = False
    forward = decoder._forward

    def weighed(ids: torch.Tensor, cache: Any, keep: int) -> torch.Tensor:
        logits = forward(ids, cache, keep)
        largest.append(cache_bytes(cache) if len(ids) > 1 else 0)
        return logits

    monkeypatch.setattr(decoder, "_forward", weighed)
    engine.score_choices(ChoiceRequest(POINTS.prefix, tuple(f"Is point {n} covered?" for n in range(12)), POINTS.choices))
    assert 250_000 < max(largest) <= 500_000


# ---------------------------------------------------------------- the store alone


def cache_of(tokens: tuple[int, ...]) -> DynamicCache:
    """One layer that holds the token ids themselves."""
    cache = DynamicCache()
    values = torch.tensor(tokens, dtype=torch.float32).reshape(1, 1, -1, 1)
    cache.update(values, values.clone(), 0)
    return cache


def held(cache: Any) -> list[float]:
    found: list[float] = cache.layers[0].keys.flatten().tolist()
    return found


def test_the_longest_beginning_in_whole_blocks() -> None:
    store = PrefixStore(10_000, block=4)
    for tokens in ((1, 2, 3, 4, 5, 6, 7, 8), (1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9), (7, 7, 7, 7)):
        store.keep(tokens, cache_of(tokens))
    cache, length, parting = store.take((1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 0), 11)
    assert (length, parting) == (8, 0)
    assert held(cache) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert store.take((1, 2, 3, 4, 5, 6, 7, 8), 7)[1] == 4  # one token is left to be read for its logits
    assert store.take((7, 7, 7), 3)[:2] == (None, 0)
    assert store.take((), 0)[:2] == (None, 0)


def test_what_is_taken_can_be_written_to() -> None:
    store = PrefixStore(10_000, block=2)
    mine = cache_of((1, 2, 3, 4))
    store.keep((1, 2, 3, 4), mine)
    mine.update(torch.full((1, 1, 1, 1), 5.0), torch.full((1, 1, 1, 1), 5.0), 0)
    taken = store.take((1, 2, 3, 4, 6), 4)[0]
    taken.update(torch.full((1, 1, 1, 1), 6.0), torch.full((1, 1, 1, 1), 6.0), 0)
    assert held(taken) == [1, 2, 3, 4, 6]
    assert held(store.take((1, 2, 3, 4), 4)[0]) == [1, 2, 3, 4]


def test_a_conversation_replaces_its_own_past_and_no_other() -> None:
    store = PrefixStore(10_000, block=1)
    rules, own, other = tuple(range(10)), tuple(range(20, 50)), tuple(range(60, 90))
    store.keep((*rules, *own), cache_of((*rules, *own)))
    one = store.size
    store.keep((*rules, *other), cache_of((*rules, *other)))
    assert store.size == 2 * one
    longer = (*rules, *own, 99, 98)
    store.keep(longer, cache_of(longer))
    assert store.size == 2 * one + 2 * 2 * 4  # two more tokens, a key and a value of four bytes each
    store.keep((*rules, *own), cache_of((*rules, *own)))  # known already
    assert store.size == 2 * one + 16
    store.clear()
    assert store.size == 0


# ---------------------------------------------------------------- what rows share


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=9), min_size=1, max_size=12), st.data())
def test_every_row_has_its_place_under_a_beginning_it_has(texts: list[list[int]], data: st.DataObject) -> None:
    rows = [Row(tuple(t), (data.draw(st.integers(0, len(t) - 1)),), ((0,),)) for t in texts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("interviewer.engines.rows.WORTH_TOKENS", data.draw(st.integers(1, 6)))
        stem = stem_of(rows, range(len(rows)))
    assert sorted(stem.all_rows) == list(range(len(rows)))

    def check(stem: Stem) -> None:
        beginnings = {rows[number].tokens[: stem.length] for number in stem.all_rows}
        assert len(beginnings) == 1
        assert all(stem.length <= rows[number].at[0] for number in stem.all_rows)
        for branch in stem.branches:
            assert branch.length > stem.length
            check(branch)

    check(stem)


def test_endings_that_begin_alike_are_read_once(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TransformersEngine(str(tiny), prefix_bytes=0)
    engine._open().flat = False
    asked = ("Does the answer state the whole meaning of this point? ", "Is this point contradicted by the answer? ")
    points = ("scores are divided", "温度", "low rank", "two steps", "beam", "cache")
    request = ChoiceRequest(POINTS.prefix, tuple(a * 2 + p for p in points for a in asked), POINTS.choices)
    with passes(engine) as branched:
        scores = engine.score_choices(request)
    monkeypatch.setattr("interviewer.engines.rows.WORTH_TOKENS", 10**9)
    with passes(engine) as flat:
        expected = engine.score_choices(request)
    assert expected is not None
    assert scores == [pytest.approx(row, rel=1e-3, abs=1e-9) for row in expected]
    assert len({tuple(row) for row in expected}) == len(request.endings)  # the comparison would see a mix-up
    assert tokens_in(branched) < 0.7 * tokens_in(flat)
