"""Builds a tiny instruct model with its tokenizer and chat template on the spot: nothing is downloaded.

The weights are random, so what it says is noise; every mechanism around it (templates, caches, streaming across byte
boundaries, scoring, serving) is the real one. It can be trained for a few steps like any other model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evals.random_model import tokenizer_of

_TEXT = (
    "知识蒸馏把大模型的软标签教给小模型，温度越高分布越平滑。",
    "自注意力用查询、键和值计算加权和，除以根号 d_k 防止 softmax 饱和。",
    "请解释一下批归一化和层归一化的区别，以及它们各自适合什么场景。",
    "LoRA freezes the pretrained weights and learns a low-rank update, so few parameters are trained.",
    "The interviewer asks one question, listens, and follows up on what the answer left out.",
    "Answer yes or no. Is the key point covered, partly covered, missing or contradicted?",
)


def tiny_tokenizer(texts: Sequence[str] = _TEXT, **named: Any) -> Any:
    """A byte-level BPE tokenizer of some hundred tokens; `named` as for `tokenizer_of`."""
    return tokenizer_of(texts, **{"vocab_size": 600, "window": 1024, **named})


def build_tiny_model(folder: Path, *, seed: int = 0, tokenizer: Any = None, **config: Any) -> Path:
    """A two-layer Qwen3 with random weights (the same for the same `seed`), saved as a user would find it. Returns `folder`.

    `config` overrides fields of its configuration, for example `max_position_embeddings=64`.
    """
    import torch
    from transformers import GenerationConfig, Qwen3Config, Qwen3ForCausalLM

    tokenizer = tokenizer or tiny_tokenizer()
    fields: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 1024,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": None,
        "initializer_range": 0.2,  # peaked enough that greedy text varies and probabilities differ
        **config,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen3ForCausalLM(Qwen3Config(**fields))
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
