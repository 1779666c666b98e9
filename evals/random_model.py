"""Write a model of a real shape with random weights to a folder: `python -m evals.random_model FOLDER --shape 0.6B`.

What it says is noise; templates, memory and time are those of a real model of that size, so that whole interviews can be tried
where none can be downloaded. Its tokenizer is trained on the shipped bank: text takes about as many tokens as with real ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evals.speed_models import SHAPES, WINDOW, Shape
from interviewer.config import corpus_dir
from interviewer.domain.questions import Bank
from interviewer.ingest.bankfile import load_bank

#: Tokens of the vocabulary: a bank's worth of text fills no more.
VOCABULARY = 24_000
_CONTROL = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
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


def tokenizer_of(
    texts: Sequence[str],
    vocab_size: int = VOCABULARY,
    *,
    names: Sequence[str] = (),
    template: str = CHAT_TEMPLATE,
    window: int = WINDOW,
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
        eos_token="<|im_end|>",  # noqa: S106
        pad_token="<|endoftext|>",  # noqa: S106
        additional_special_tokens=["<|im_start|>"],
        chat_template=template,
        model_max_length=window,
    )


def write(folder: Path, shape: Shape, bank: Bank, seed: int = 0) -> None:
    """The model and its tokenizer, as a user would have downloaded them."""
    import torch
    from transformers import Qwen3ForCausalLM

    texts = [text for question in bank for text in (*question.text.both(), *question.reference.both())]
    texts += [saying for question in bank for point in question.key_points for saying in (*point.accepted, *point.contrasts)]
    tokenizer = tokenizer_of(texts)
    config = shape.config(len(tokenizer), eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen3ForCausalLM._from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evals.random_model", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="0.6B")
    args = parser.parse_args()
    write(args.folder, SHAPES[args.shape], load_bank([corpus_dir() / "bank"]))
    print(f"written: {args.folder}, random weights; try: interviewer chat --engine transformers --model {args.folder}")


if __name__ == "__main__":
    main()
