"""Keeps the key-value caches of prompts that were read, for the next prompt that begins the same way.

Knows token ids and cache layers; runs no model. Nothing that a cache held when it was handed out or taken in is written to:
layers that only grow are shared, all others are copied.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

#: From this share on, what a new prompt has in common with a kept one makes the new one a fit replacement: the next turn of
#: the same conversation, as against another one under the same instructions. A round number: at worst the rest is read again.
_SAME = 0.75


@dataclass(frozen=True, slots=True)
class _Kept:
    tokens: tuple[int, ...]
    cache: Any
    size: int
    croppable: bool


class PrefixStore:
    """At most `limit` bytes of caches; past that, what was used longest ago goes. Safe to call from several threads.

    Every length in and out is a multiple of `block` tokens. A prompt read in whole blocks from a kept cache goes through the
    same forward passes as one read from the start, so reuse changes no bit of the outcome.
    """

    def __init__(self, limit: int, block: int) -> None:
        self._limit = limit
        self._block = block
        self._lock = threading.Lock()
        self._kept: list[_Kept] = []  # longest unused first

    @property
    def size(self) -> int:
        """Bytes held now."""
        with self._lock:
            return sum(kept.size for kept in self._kept)

    def take(self, tokens: Sequence[int], limit: int) -> tuple[Any, int, int]:
        """A cache of one's own for the first `n` of `tokens`, n ≤ `limit`, and n: (None, 0, …) when nothing fits.

        The third is where a kept cache that can't be cropped parts from `tokens`, 0 if none does later than n: a good place
        to keep another one, since the next prompt will likely part there too.
        """
        best, length, parting = None, 0, 0
        with self._lock:
            for kept in self._kept:
                common = min(common_length(kept.tokens, tokens), limit) // self._block * self._block
                whole = common == len(kept.tokens)
                if not whole and not kept.croppable:
                    parting = max(parting, common)
                elif common > length:
                    best, length = kept, common
            if best is not None:
                self._kept.remove(best)
                self._kept.append(best)
        parting = parting if parting > length else 0
        return (fork(best.cache, length) if best else None), length, parting

    def keep(self, tokens: Sequence[int], cache: Any) -> None:
        """Remember the cache of exactly `tokens`, which the caller may go on using."""
        size = cache_bytes(cache)
        if not tokens or size > self._limit:
            return
        new = _Kept(tuple(tokens), fork(cache, len(tokens)), size, only_grows(cache))
        with self._lock:
            if any(_serves(kept, new) for kept in self._kept):
                return
            self._kept = [kept for kept in self._kept if not _replaces(new, kept)]
            self._kept.append(new)
            while sum(kept.size for kept in self._kept) > self._limit:
                del self._kept[0]

    def clear(self) -> None:
        """Give all memory back."""
        with self._lock:
            self._kept.clear()


def fork(cache: Any, length: int) -> Any:
    """A cache that can be written to while the other stays as it is. `length` may be less than what it holds only where
    every layer only grows."""
    import torch

    with torch.inference_mode():
        if not only_grows(cache):
            return copy.deepcopy(cache)
        other = copy.copy(cache)
        other.layers = [copy.copy(layer) for layer in cache.layers]
        for layer in other.layers:
            if layer.is_initialized:
                layer.keys, layer.values = layer.keys[..., :length, :], layer.values[..., :length, :]
        return other


def spread(cache: Any, rows: int, length: int) -> Any:
    """A one-row cache of `length` tokens for `rows` rows, which can be written to. Takes no memory before that, as a rule."""
    import torch

    with torch.inference_mode():
        other = fork(cache, length)
        if only_grows(other):
            for layer in other.layers:
                if layer.is_initialized:
                    layer.keys, layer.values = layer.keys.expand(rows, -1, -1, -1), layer.values.expand(rows, -1, -1, -1)
        else:
            other.reorder_cache(torch.zeros(rows, dtype=torch.long))  # picking row 0 again works for every kind of layer
        return other


def cache_bytes(cache: Any) -> int:
    """Bytes of the memory a cache holds on to: that of whole tensors, even where it shows only a part of them."""
    storages: dict[int, int] = {}

    def walk(value: Any) -> None:
        if hasattr(value, "untyped_storage"):
            storage = value.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
        elif isinstance(value, dict):
            list(map(walk, value.values()))
        elif isinstance(value, list | tuple):
            list(map(walk, value))

    for layer in cache.layers:
        walk(vars(layer))
    return sum(storages.values())


def common_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def only_grows(cache: Any) -> bool:
    """Whether every layer keeps all tokens and leaves those it has shown as they are, so that any beginning is a cache too."""
    from transformers.cache_utils import DynamicLayer

    from interviewer.engines.growing import GrowingLayer

    return all(type(layer) in (DynamicLayer, GrowingLayer) for layer in cache.layers)


def _serves(kept: _Kept, new: _Kept) -> bool:
    """Whether all that `new` could give is there already."""
    enough = kept.tokens[: len(new.tokens)] == new.tokens
    return enough and (kept.croppable or len(kept.tokens) == len(new.tokens))


def _replaces(new: _Kept, kept: _Kept) -> bool:
    return new.croppable and common_length(new.tokens, kept.tokens) >= _SAME * len(kept.tokens)
