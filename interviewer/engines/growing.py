"""A key-value cache that grows in place: appending a token writes that token, where transformers' own copies all before it.

On a CPU those copies, and the fresh memory for them, were a tenth of the time of a step and more, and grew with each text that
was written along. Imported only where transformers is needed anyway; knows layers of caches, no model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

#: Room is made for so many tokens at a time. How much there is follows from the length alone, so the same texts lie the same
#: way in memory however their caches came about, and kernels give the same bits.
ROOM = 128


@dataclass(frozen=True, slots=True)
class _Room:
    """A tensor with room behind its tokens, [rows, heads, tokens, size], and what is shown of it."""

    whole: torch.Tensor
    shown: torch.Tensor


class GrowingLayer(DynamicLayer):  # type: ignore[misc]  # transformers is not typed
    """`keys` and `values` show the filled part of what has room for more.

    Whoever puts others in their place, by slicing or expanding them, has a layer whose next token goes to new memory, while
    this one may go on growing: it writes behind all that was ever shown.
    """

    keys: torch.Tensor
    values: torch.Tensor
    _rooms: tuple[_Room, _Room] | tuple[None, None] = None, None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append [rows, heads, tokens, size] of each; all that is there now, in the same form."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        keys, values = self._rooms
        rooms = _appended(keys, self.keys, key_states), _appended(values, self.values, value_states)
        self._rooms = rooms
        self.keys, self.values = (room.shown for room in rooms)
        return self.keys, self.values


def _appended(room: _Room | None, old: torch.Tensor, new: torch.Tensor) -> _Room:
    """`old` and `new` behind each other: in `room`, if that shows `old` and has space, otherwise in a new one."""
    before = old.shape[-2] if old.numel() else 0
    after = before + new.shape[-2]
    if room is not None and room.shown is old and after <= room.whole.shape[-2]:
        whole = room.whole
    else:
        whole = new.new_empty(*new.shape[:-2], -(-after // ROOM) * ROOM, new.shape[-1])
        if before:
            whole[..., :before, :] = old
    whole[..., before:after, :] = new
    return _Room(whole, whole[..., :after, :])


def new_cache(config: Any) -> DynamicCache:
    """An empty cache for one model, growing in place where every layer of it keeps all tokens."""
    cache = DynamicCache(config=config)
    if all(type(layer) is DynamicLayer for layer in cache.layers):
        cache.layers = [GrowingLayer() for _ in cache.layers]
    return cache
