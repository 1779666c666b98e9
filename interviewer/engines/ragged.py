"""One step of several texts of different lengths in one forward pass: layers work on all, attention on each by itself.

No padding and no copying of caches, and each text's arithmetic stays that of a pass of its own: with row-wise exact layers, its
bits too. Works through transformers' own interfaces for caches and attention; knows no prompts, and no model by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

#: The name under which attention of a row's own is known to transformers.
NAME = "interviewer_row_by_row"


class RaggedCache:
    """Stands in for a cache of one row during one pass; each row grows its own."""

    def __init__(self, caches: Sequence[Any]) -> None:
        self._caches = caches

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *args: Any, **named: Any
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Each row's keys and values: lists, which only `_row_by_row` understands."""
        grown = [
            cache.update(keys[row : row + 1], values[row : row + 1], layer, *args, **named)
            for row, cache in enumerate(self._caches)
        ]
        return [pair[0] for pair in grown], [pair[1] for pair in grown]

    def get_seq_length(self, layer: int = 0) -> int:
        """Of the longest; positions are given with the pass."""
        return max(int(cache.get_seq_length(layer)) for cache in self._caches)


def allow(model: Any) -> bool:
    """Make the model's attention able to take a RaggedCache; nothing else of it changes. False where it can't be done."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    if model.config._attn_implementation != "sdpa":
        return model.config._attn_implementation == NAME

    def row_by_row(module: Any, query: torch.Tensor, key: Any, value: Any, mask: Any, **named: Any) -> tuple[Any, None]:
        import torch

        if not isinstance(key, list):
            return sdpa_attention_forward(module, query, key, value, mask, **named)
        rows = [
            sdpa_attention_forward(module, query[row : row + 1], key[row], value[row], None, **named)[0]
            for row in range(len(key))
        ]
        return torch.cat(rows), None

    AttentionInterface.register(NAME, row_by_row)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)
    return bool(model.config._attn_implementation == NAME)


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
