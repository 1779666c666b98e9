"""The cache that grows in place holds what transformers' own holds, whoever shares it and goes on from it."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import DynamicCache, Qwen3Config
from transformers.cache_utils import DynamicLayer

from interviewer.engines.growing import ROOM, GrowingLayer, new_cache
from interviewer.engines.prefixes import fork, only_grows, spread

HEADS, SIZE = 2, 4


def config(**named: object) -> Qwen3Config:
    return Qwen3Config(
        hidden_size=8, intermediate_size=8, num_hidden_layers=2, num_attention_heads=2, head_dim=4, vocab_size=16, **named
    )


def growing() -> DynamicCache:
    return new_cache(config())


def plain() -> DynamicCache:
    return DynamicCache(config=config())


def grow(caches: list[DynamicCache], tokens: int, seed: int, rows: int = 1) -> None:
    """The same random tokens behind each cache, in every layer."""
    draw = torch.Generator().manual_seed(seed)
    for layer in range(2):
        keys, values = (torch.randn(rows, HEADS, tokens, SIZE, generator=draw) for _ in range(2))
        shown = [cache.update(keys, values, layer) for cache in caches]
        for one, other in zip(shown[0], shown[-1], strict=True):
            assert torch.equal(one, other)


def same(one: DynamicCache, other: DynamicCache) -> bool:
    return one.get_seq_length() == other.get_seq_length() and all(
        torch.equal(a.keys, b.keys) and torch.equal(a.values, b.values) for a, b in zip(one.layers, other.layers, strict=True)
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["grow", "fork", "copy"]), st.integers(1, ROOM + 9), st.floats(0.01, 1)),
        min_size=1,
        max_size=12,
    )
)
def test_whoever_shares_it_sees_what_it_would_see_of_copies(steps: list[tuple[int, str, int, float]]) -> None:
    pairs = [(growing(), plain())]
    for seed, (which, what, tokens, share) in enumerate(steps):
        one, other = pairs[which % len(pairs)]
        length = one.get_seq_length()
        if what == "fork" and length:
            kept = max(1, int(length * share))
            pairs.append((fork(one, kept), fork(other, kept)))
        elif what == "copy":
            pairs.append((copy.deepcopy(one), copy.deepcopy(other)))
        else:
            grow([one, other], tokens, seed)
    assert all(same(one, other) for one, other in pairs if one.get_seq_length())


def test_a_token_more_is_written_where_the_others_lie() -> None:
    cache = growing()
    grow([cache], 5, 0)
    places = {cache.layers[0].keys.data_ptr()}
    for seed in range(ROOM - 5):
        grow([cache], 1, seed)
        places.add(cache.layers[0].keys.data_ptr())
    assert len(places) == 1
    assert cache.get_seq_length() == ROOM


def test_two_that_part_both_go_on_in_place() -> None:
    one = growing()
    grow([one], 5, 0)
    other = fork(one, 5)
    places: set[int] = set()
    for seed in range(20):
        grow([one], 1, seed)
        grow([other], 1, 100 + seed)
        places |= {cache.layers[0].keys.data_ptr() for cache in (one, other)}
    assert len(places) == 2


def test_rows_made_of_one_go_on_by_themselves() -> None:
    one, other = growing(), plain()
    grow([one, other], 7, 0)
    rows = [spread(cache, 3, 6) for cache in (one, other)]
    grow(rows, 4, 1, rows=3)
    assert same(*rows)
    assert rows[0].layers[0].keys.shape == (3, HEADS, 10, SIZE)
    assert same(one, other)


@pytest.mark.parametrize("before", [1, 5, ROOM - 1, ROOM, ROOM + 1])
def test_how_it_lies_in_memory_follows_from_its_length_alone(before: int) -> None:
    """Kernels may take another way for another layout; then reuse would change bits."""
    one, other = growing(), growing()
    grow([one, other], before, 0)
    forked = fork(other, before)
    for seed in range(3):
        grow([one, forked], 60, seed)
        assert one.layers[0].keys.stride() == forked.layers[0].keys.stride()


def test_cutting_and_emptying_it_leaves_others_as_they_are() -> None:
    cache = growing()
    grow([cache], 9, 0)
    kept, before = fork(cache, 9), copy.deepcopy(cache)
    for layer in cache.layers:
        layer.crop(-4)
    grow([cache], 6, 1)
    assert same(kept, before)
    cache.layers[0].reset()
    assert cache.layers[0].get_seq_length() == 0
    cache.layers[0].update(torch.ones(1, HEADS, 2, SIZE), torch.ones(1, HEADS, 2, SIZE))
    assert same(kept, before)


def test_models_that_forget_keep_the_caches_that_they_ask_for() -> None:
    mixed = new_cache(config(use_sliding_window=True, sliding_window=4, max_window_layers=1))
    assert not any(isinstance(layer, GrowingLayer) for layer in mixed.layers)
    assert not only_grows(mixed)
    assert only_grows(growing())
    assert all(type(layer) is DynamicLayer for layer in plain().layers)
