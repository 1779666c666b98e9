"""Builds a tiny whisper with tokenizer and feature extractor on the spot: nothing is downloaded.

Every mechanism around it is the real one (mel frames, prompt, decoding, alignment, probabilities). What it hears is fixed: its
decoder layers add nothing, and the place in the sentence alone decides the next token, so it "hears" `says` in whatever
recording. That makes tests of everything behind it exact.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

#: Positions that come before what is said: start, language, task, no timestamps.
_BEGIN = 4
_LANGUAGES = ("en", "zh")
#: As many dimensions as there are tokens before the timestamps, so that each has one of its own.
_WIDTH = 384


def _tokenizer(folder: Path, prompted: bool) -> Any:
    """Byte-level BPE without merges, and whisper's control tokens: language tags, tasks, timestamps."""
    from tokenizers import pre_tokenizers
    from transformers import WhisperTokenizer

    vocabulary = {letter: number for number, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    vocabulary["<|endoftext|>"] = len(vocabulary)
    tokenizer = WhisperTokenizer(vocab=vocabulary, merges=[], language=None, task=None)
    control = ["<|startoftranscript|>", *(f"<|{lang}|>" for lang in _LANGUAGES), "<|translate|>", "<|transcribe|>",
               "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]  # fmt: skip
    if not prompted:
        control.remove("<|startofprev|>")
    tokenizer.add_special_tokens({"additional_special_tokens": control})
    tokenizer.add_tokens([f"<|{place * 0.02:.2f}|>" for place in range(1501)])
    tokenizer.save_pretrained(folder)
    return tokenizer


def build_tiny_whisper(folder: Path, says: str, *, unsure: str = "", alignment: bool = True, prompted: bool = False) -> Path:
    """A whisper that hears `says`, with little confidence in the part `unsure`. Without `alignment` it knows no word times.

    One that is `prompted` takes a prompt, which moves everything along: what it hears then is another sentence.
    """
    import torch
    from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(folder, prompted)
    number = tokenizer.convert_tokens_to_ids
    end = number("<|endoftext|>")
    config = WhisperConfig(
        vocab_size=len(tokenizer), num_mel_bins=80, d_model=_WIDTH, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32,
        max_source_positions=1500, max_target_positions=448, pad_token_id=end, bos_token_id=end, eos_token_id=end,
        decoder_start_token_id=number("<|startoftranscript|>"), suppress_tokens=[], begin_suppress_tokens=[],
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = WhisperForConditionalGeneration(config)
        _speak(model, tokenizer(" " + says, add_special_tokens=False)["input_ids"] + [end], _places(tokenizer, says, unsure))
    generation = GenerationConfig(
        max_length=448, pad_token_id=end, bos_token_id=end, eos_token_id=end,
        decoder_start_token_id=number("<|startoftranscript|>"), no_timestamps_token_id=number("<|notimestamps|>"),
        is_multilingual=True, lang_to_id={f"<|{lang}|>": number(f"<|{lang}|>") for lang in _LANGUAGES},
        task_to_id={"transcribe": number("<|transcribe|>"), "translate": number("<|translate|>")},
        return_timestamps=False,
    )  # fmt: skip
    if prompted:
        generation.prev_sot_token_id = number("<|startofprev|>")
    if alignment:
        generation.alignment_heads = [[0, 0], [0, 1]]
    model.generation_config = generation
    model.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    return folder


def _places(tokenizer: Any, says: str, unsure: str) -> set[int]:
    """Which tokens of `says` belong to `unsure`."""
    if not unsure:
        return set()
    before = tokenizer(" " + says[: says.index(unsure)], add_special_tokens=False)["input_ids"]
    inside = tokenizer(unsure, add_special_tokens=False)["input_ids"]
    return set(range(len(before), len(before) + len(inside)))


def _speak(model: Any, tokens: list[int], unsure: set[int]) -> None:
    """Set the weights so that position n is followed by token n of `tokens`, whatever came before and was heard."""
    import torch

    decoder = model.model.decoder
    with torch.no_grad():
        for layer in decoder.layers:
            for branch in (layer.self_attn.out_proj, layer.encoder_attn.out_proj, layer.fc2):
                branch.weight.zero_()
                branch.bias.zero_()
        decoder.embed_tokens.weight.zero_()
        decoder.embed_tokens.weight[:_WIDTH] = torch.eye(_WIDTH)
        decoder.embed_positions.weight.zero_()
        for place, token in enumerate(tokens):
            decoder.embed_positions.weight[_BEGIN - 1 + place, token] = 20.0
            if place in unsure:  # three others are nearly as likely: a probability of about a third is left
                for rival in (token + 1, token + 2, token + 3):
                    decoder.embed_positions.weight[_BEGIN - 1 + place, rival] = 18.9
