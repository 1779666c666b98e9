"""Attention as it is fastest on a CPU in bfloat16, and over several texts of different lengths, behind transformers' interface.

torch's kernel for grouped heads took 1.1 ms for one token over 300, and 8.5 ms for 64 tokens over 1,000 (16 heads on 8, one
core of an AMD EPYC with AVX-512): as long as all matrices of a small model's layer. Arranged otherwise, the same took 0.11 and
4.7 ms. Knows queries, keys and values; no model by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: The name under which this attention is known to transformers.
NAME = "interviewer_cpu"
#: The one it stands in for.
PLAIN = "sdpa"


def install(model: Any) -> bool:
    """Let the model use it, if it runs in bfloat16 on a CPU and would use torch's own; whether it now does."""
    import torch
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    fit = model.device.type == "cpu" and model.dtype == torch.bfloat16 and model.config._attn_implementation == PLAIN
    if fit:
        AttentionInterface.register(NAME, _attend)
        AttentionMaskInterface.register(NAME, sdpa_mask)
        model.set_attn_implementation(NAME)
    return bool(model.config._attn_implementation == NAME)


def uninstall(model: Any) -> None:
    """Back to torch's own."""
    if model.config._attn_implementation == NAME:
        model.set_attn_implementation(PLAIN)


@contextmanager
def plain(model: Any) -> Iterator[None]:
    """Inside, the model works as transformers runs it."""
    installed = model.config._attn_implementation == NAME
    uninstall(model)
    try:
        yield
    finally:
        if installed:
            install(model)


def _attend(module: Any, query: Any, key: Any, value: Any, mask: Any, **named: Any) -> tuple[Any, None]:
    """[rows, tokens, heads, size]. Keys and values may be lists, of one text each: see `ragged`."""
    import torch
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if isinstance(key, list):  # the one mask they share says nothing: a last token sees all of its own text
        rows = [_attend(module, query[n : n + 1], key[n], value[n], None, **named)[0] for n in range(len(key))]
        return torch.cat(rows), None
    length, groups = query.shape[2], query.shape[1] // key.shape[1]
    known = named.get("position_bias") is None and named.get("softcap") is None and named.get("scaling") is not None
    if known and length == 1 and mask is None:
        # Query heads that share keys stand as queries of one head: their kernel then reads the keys once.
        packed = query.reshape(query.shape[0], key.shape[1], groups, -1)
        out = torch.nn.functional.scaled_dot_product_attention(packed, key, value, scale=named["scaling"])
        return out.reshape(query.shape[0], 1, query.shape[1], -1), None
    if known and mask is not None and mask.dtype == torch.bool:
        return _as_products(query, key, value, mask, named["scaling"]), None
    out, _ = sdpa_attention_forward(module, query, key, value, mask, **named)
    return out, None


def _as_products(query: Any, key: Any, value: Any, mask: Any, scaling: float) -> Any:
    """Two products of matrices with a softmax between, as in transformers' "eager" attention."""
    import torch

    rows, heads, length, size = query.shape
    groups = heads // key.shape[1]
    packed = (query * scaling).reshape(rows, key.shape[1], groups * length, size)
    scores = torch.matmul(packed, key.transpose(-1, -2)).view(rows, heads, length, -1)
    hidden = ~mask[..., : key.shape[2]]
    before = key.shape[2] - length
    if hidden[..., :before].any():
        scores.masked_fill_(hidden, -torch.inf)
    else:  # as a rule everything read before is seen, and only new tokens are hidden from each other
        scores[..., before:].masked_fill_(hidden[..., before:], -torch.inf)
    shares = torch.softmax(scores, -1)
    out = torch.matmul(shares.view(rows, key.shape[1], groups * length, -1), value)
    return out.view(rows, heads, length, -1).transpose(1, 2)
