"""Builds a tiny instruct model with its tokenizer and chat template on the spot: nothing is downloaded.

The weights are random, so what it says is noise; every mechanism around it (templates, caches, streaming across byte
boundaries, scoring, serving) is the real one. It can be trained for a few steps like any other model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

#: ChatML with a thinking switch, in the manner of current small instruct models.
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}"
    "{{ '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and not enable_thinking -%}{{ '<think>\\n\\n</think>\\n\\n' }}{%- endif -%}"
    "{%- endif -%}"
)

_TEXT = (
    "知识蒸馏把大模型的软标签教给小模型，温度越高分布越平滑。",
    "自注意力用查询、键和值计算加权和，除以根号 d_k 防止 softmax 饱和。",
    "请解释一下批归一化和层归一化的区别，以及它们各自适合什么场景。",
    "LoRA freezes the pretrained weights and learns a low-rank update, so few parameters are trained.",
    "The interviewer asks one question, listens, and follows up on what the answer left out.",
    "Answer yes or no. Is the key point covered, partly covered, missing or contradicted?",
)
_CONTROL = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")


def tiny_tokenizer(
    texts: Sequence[str] = _TEXT,
    *,
    vocab_size: int = 600,
    names: Sequence[str] = (),
    template: str = CHAT_TEMPLATE,
    window: int = 1024,
) -> Any:
    """A byte-level BPE tokenizer: every text encodes, most Chinese characters that are rare in `texts` take several tokens.

    Each of `names` is one token wherever it stands, with the blanks and line breaks around it.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    words = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alone = pre_tokenizers.Split(Regex(r"\p{Han}|\n+"), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([alone, words]) if names else words
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(_CONTROL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in ("<think>", "</think>")])
    tokenizer.add_tokens([AddedToken(name, special=False, normalized=False, lstrip=True, rstrip=True) for name in names])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
        chat_template=template,
        model_max_length=window,
    )


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
