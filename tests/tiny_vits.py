"""Builds a tiny VITS with its tokenizer on the spot: nothing is downloaded. What it says is noise, but it says it as the real ones
do: letters in, a waveform out, longer for longer sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LETTERS = "abcdefghijklmnopqrstuvwxyz' ,"
CHARACTERS = "你好我是的面试官题第一二三四五六七八九十百零点分之模型注意力机制请说，。 "


def build_tiny_vits(folder: Path, letters: str, *, speakers: int = 1, **tokenizer: Any) -> Path:
    """A voice that knows `letters`. The rest is the tokenizer's, such as `is_uroman=True`."""
    import torch
    from transformers import VitsConfig, VitsModel, VitsTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {letter: number for number, letter in enumerate(["<pad>", "<unk>", *letters])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    VitsTokenizer(str(folder / "vocab.json"), **{"phonemize": False, **tokenizer}).save_pretrained(folder)
    config = VitsConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, ffn_dim=16, flow_size=16,
        spectrogram_bins=9, upsample_initial_channel=16, upsample_rates=[8, 8], upsample_kernel_sizes=[16, 16],
        resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1]], prior_encoder_num_flows=1,
        prior_encoder_num_wavenet_layers=1, posterior_encoder_num_wavenet_layers=1, duration_predictor_num_flows=2,
        duration_predictor_filter_channels=16, depth_separable_num_layers=1, wavenet_dilation_rate=1,
        use_stochastic_duration_prediction=False, sampling_rate=16_000, num_speakers=speakers,
        speaker_embedding_size=8 if speakers > 1 else 0,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = VitsModel(config)
    with torch.no_grad():  # every letter lasts as long: 8 ms
        model.duration_predictor.proj.weight.zero_()
        model.duration_predictor.proj.bias.zero_()
    model.save_pretrained(folder)
    return folder
