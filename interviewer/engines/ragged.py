"""One step of several texts of different lengths in one forward pass: layers work on all, attention on each by itself.

No padding and no copying of caches, and each text's arithmetic stays that of a pass of its own: with row-wise exact layers, its
bits too. Works through transformers' own interface for caches; knows no prompts, and no model by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class RaggedCache:
    """Stands in for a cache of one row during one pass; each row grows its own."""

    def __init__(self, caches: Sequence[Any]) -> None:
        self._caches = caches

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *args: Any, **named: Any
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Each row's keys and values: lists, which only the attention in `attention` understands."""
        grown = [
            cache.update(keys[row : row + 1], values[row : row + 1], layer, *args, **named)
            for row, cache in enumerate(self._caches)
        ]
        return [pair[0] for pair in grown], [pair[1] for pair in grown]

    def get_seq_length(self, layer: int = 0) -> int:
        """Of the longest; positions are given with the pass."""
        return max(int(cache.get_seq_length(layer)) for cache in self._caches)


def step(model: Any, tokens: Sequence[int], caches: Sequence[Any]) -> torch.Tensor:
    """Logits [rows, 1, vocabulary] after one more token of each text, whose caches grow by it."""
    import torch

    lengths = [[int(cache.get_seq_length())] for cache in caches]
    output = model(
        input_ids=torch.tensor([[token] for token in tokens], device=model.device),
        position_ids=torch.tensor(lengths, device=model.device),
        # Taken as a mask made already, and looked at by nobody: a text's last token sees all of it.
        attention_mask=torch.ones(len(caches), 1, 1, 1, dtype=torch.bool, device=model.device),
        past_key_values=RaggedCache(caches),
        use_cache=True,
        logits_to_keep=1,
    )
    logits: torch.Tensor = output.logits
    return logits
