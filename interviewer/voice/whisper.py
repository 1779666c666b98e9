"""Hears with a model of the whisper family: words with times and confidences, helped by a prompt of expected terms.

One piece of at most 30 s at a time. Knows no threads, pages or glossaries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interviewer.domain.errors import VoiceError
from interviewer.domain.questions import Lang
from interviewer.domain.text import CJK_RUN
from interviewer.domain.transcript import HeardWord
from interviewer.voice.audio import RATE

if TYPE_CHECKING:
    from interviewer.voice.audio import Samples

#: Tokens of the prompt: half of what whisper keeps for it, since a long one makes it repeat the prompt.
_PROMPT_TOKENS = 110


@dataclass(frozen=True, slots=True)
class _Token:
    """One token as it was heard: its place in the vocabulary, its probability and when it begins, in seconds."""

    number: int
    probability: float
    start: float


class Whisper:
    """A loaded model. `device` and `dtype` are torch's. Not for several threads at once."""

    def __init__(self, folder: Path, device: str, dtype: str) -> None:
        import torch
        from transformers import WhisperForConditionalGeneration, WhisperProcessor

        self._processor = WhisperProcessor.from_pretrained(folder)
        self._dtype = getattr(torch, dtype)
        self._model = WhisperForConditionalGeneration.from_pretrained(folder, dtype=self._dtype).to(device).eval()
        self._config = self._model.generation_config
        self._config.max_length = self._model.config.max_target_positions
        self._config.return_dict_in_generate = self._config.output_scores = True
        # Whisper's vocabulary has its control tokens after the words: this one, languages, tasks, times.
        self._first_control = int(self._processor.tokenizer.eos_token_id)

    @property
    def knows_times(self) -> bool:
        """Whether the model says which of its attention heads follow the sound."""
        return bool(getattr(self._config, "alignment_heads", None))

    def hear(self, samples: Samples, lang: Lang, terms: Iterable[str], stop: Callable[[], bool]) -> list[HeardWord]:
        """The words of one piece, times counted from its start. Without word times: one entry, the whole piece.

        Raises VoiceError once `stop()` is true.
        """
        import torch
        from transformers import StoppingCriteriaList

        heard = self._processor.feature_extractor(samples, sampling_rate=RATE, return_tensors="pt", return_attention_mask=True)
        features = heard.input_features.to(self._model.device, self._dtype)
        with torch.inference_mode():
            # The encoder by itself: `generate` would keep its attentions as well, gigabytes of them for a large model.
            self._model.set_attn_implementation("sdpa")
            encoded = self._model.model.encoder(features)
            if stop():
                raise VoiceError("stopped", "recognition was stopped")
            out = self._model.generate(
                encoder_outputs=encoded,
                attention_mask=heard.attention_mask,
                **self._language(lang),
                prompt_ids=self._prompt(terms),
                return_token_timestamps=self.knows_times,
                return_dict_in_generate=True,
                force_unique_generate_call=True,
                do_sample=False,
                num_beams=1,
                stopping_criteria=StoppingCriteriaList([lambda _ids, _scores, **_: torch.tensor([stop()])]),
            )
        if stop():
            raise VoiceError("stopped", "recognition was stopped")
        tokens = self._tokens(out)
        length = len(samples) / RATE
        if self.knows_times:
            return words(tokens, self._processor.tokenizer.decode, length)
        text = self._processor.tokenizer.decode([token.number for token in tokens]).strip()
        return [HeardWord(text, 0.0, length, _confidence(tokens))] if text else []

    def _language(self, lang: Lang) -> dict[str, str]:
        """An English-only model takes no language."""
        return {"language": lang, "task": "transcribe"} if getattr(self._config, "is_multilingual", False) else {}

    def _prompt(self, terms: Iterable[str]) -> Any:
        """Terms to expect, as tokens of an earlier sentence, as many as fit; None for models that take no prompt."""
        tokenizer = self._processor.tokenizer
        if "<|startofprev|>" not in tokenizer.get_vocab():
            return None
        text = ""
        for term in terms:
            longer = f"{text}, {term}" if text else term
            if len(tokenizer(longer, add_special_tokens=False)["input_ids"]) > _PROMPT_TOKENS:
                break
            text = longer
        return tokenizer.get_prompt_ids(text, return_tensors="pt").to(self._model.device) if text else None

    def _tokens(self, out: Any) -> list[_Token]:
        """The newly heard tokens, without control tokens."""
        scores = out["scores"]
        new = out["sequences"][0][-len(scores) :].tolist()
        starts = out["token_timestamps"][0][-len(scores) :].tolist() if "token_timestamps" in out else [0.0] * len(new)
        kept = []
        for number, score, start in zip(new, scores, starts, strict=True):
            if number < self._first_control:
                kept.append(_Token(number, float(score[0].float().softmax(-1)[number]), float(start)))
        return kept


def words(tokens: list[_Token], decode: Callable[[list[int]], str], length: float) -> list[HeardWord]:
    """Tokens as words: Latin ones begin at a blank, Chinese ones wherever whole characters end. Punctuation stays with the
    word before it. A character may be several tokens; none is ever cut.

    `length` is the piece's, in seconds: a word ends where the next begins.
    """
    groups: list[tuple[str, list[_Token]]] = []
    open_tokens: list[_Token] = []
    for token in tokens:
        open_tokens.append(token)
        text = decode([item.number for item in open_tokens])
        if "�" in text and len(open_tokens) < 4:  # a character of UTF-8 has at most four bytes
            continue
        if groups and _continues(groups[-1][0], text):
            groups[-1] = (groups[-1][0] + text, groups[-1][1] + open_tokens)
        else:
            groups.append((text, open_tokens))
        open_tokens = []
    spoken = [(text.strip(), inside) for text, inside in groups if text.strip()]
    ends = [inside[0].start for _, inside in spoken[1:]] + [length]
    return [
        HeardWord(text, min(inside[0].start, length), min(max(end, inside[0].start), length), _confidence(inside))
        for (text, inside), end in zip(spoken, ends, strict=True)
    ]


def _continues(word: str, text: str) -> bool:
    """Whether `text` goes on with `word`: a part of a Latin word, or a mark that follows it."""
    if text[:1].isspace() or not word.strip():
        return not word.strip()
    if not any(letter.isalnum() for letter in text):
        return True
    return not CJK_RUN.search(word[-1]) and not CJK_RUN.match(text) and word[-1].isalnum()


def _confidence(tokens: list[_Token]) -> float | None:
    """The geometric mean of the tokens' probabilities: what whisper's own average log probability is for a segment."""
    if not tokens:
        return None
    return round(math.exp(sum(math.log(max(token.probability, 1e-9)) for token in tokens) / len(tokens)), 3)
