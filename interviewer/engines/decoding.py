"""Token ids in, token ids and log-probabilities out: the forward passes of a causal language model.

Knows tensors and caches, no text and no messages. Each forward pass takes the lock by itself, so calls of several threads
interleave token by token, and a reader that stalls holds nobody up. Sampling uses a generator of its own: the same seed
gives the same tokens whatever other threads do.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

#: Prompt tokens per forward pass: small enough that cancelling and time-outs are noticed while a long prompt is read.
PREFILL_TOKENS = 512
#: Bounds on one scoring batch: tokens in it, and bytes of float32 logits coming out of it.
BATCH_TOKENS, BATCH_LOGIT_BYTES = 4096, 256 * 1024**2

#: Called between forward passes: false ends the work quietly, an exception ends it loudly.
GoOn = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Sampling:
    """Temperature 0 is greedy; `top_k` 0 and `top_p` 1 are off; `repetition_penalty` 1 is off."""

    temperature: float
    top_p: float
    seed: int
    top_k: int = 0
    repetition_penalty: float = 1.0


@dataclass(frozen=True, slots=True)
class Row:
    """`targets[i]` holds the token ids whose log-probability is wanted after `tokens[: at[i] + 1]`."""

    tokens: tuple[int, ...]
    at: tuple[int, ...]
    targets: tuple[tuple[int, ...], ...]


class CausalDecoder:
    """Runs one model. Safe to call from several threads."""

    def __init__(self, model: Any, stop_tokens: frozenset[int]) -> None:
        self._model = model
        self._stop_tokens = stop_tokens
        self._lock = threading.Lock()
        self._vocabulary = int(model.config.get_text_config(decoder=True).vocab_size)

    def generate(self, prompt: Sequence[int], limit: int, sampling: Sampling, go_on: GoOn) -> Iterator[int]:
        """At most `limit` new tokens, without the stop token. Begins work when the first one is asked for."""
        import torch

        pick = self._picker(sampling, prompt)
        cache = self._new_cache()
        logits = self._prefill(prompt, cache, go_on)
        for number in range(limit):
            if logits is None or not go_on():
                return
            token = pick(logits[0, -1])
            if token in self._stop_tokens:
                return
            yield token
            if number + 1 < limit and go_on():
                logits = self._forward(torch.tensor([[token]]), cache, keep=1)

    def log_probabilities(self, rows: Sequence[Row], go_on: GoOn) -> list[list[list[float]]]:
        """For each row and position the log-probabilities of its targets. What all rows begin with is read once.

        There is no such thing as half an answer here: `go_on` ends it by raising only.
        """
        import torch

        shared = _common_prefix([row.tokens[: row.at[0]] for row in rows])
        base = self._new_cache()
        if shared:
            self._prefill(rows[0].tokens[:shared], base, go_on)
        results: list[list[list[float]]] = [[] for _ in rows]
        for batch in self._batches(rows, shared):
            go_on()
            chosen = [rows[index] for index in batch]
            width = max(len(row.tokens) for row in chosen) - shared
            first = min(row.at[0] for row in chosen) - shared
            # Padding stands on the right: under causal attention no position that is read sees it, so no mask is needed.
            ids = torch.tensor([[*row.tokens[shared:], *[0] * (width + shared - len(row.tokens))] for row in chosen])
            logits = self._forward(ids, self._spread(base, len(batch)) if shared else self._new_cache(), keep=width - first)
            for place, (index, row) in enumerate(zip(batch, chosen, strict=True)):
                results[index] = [
                    torch.log_softmax(logits[place, at - shared - first], -1)[list(targets)].tolist()
                    for at, targets in zip(row.at, row.targets, strict=True)
                ]
        return results

    def _batches(self, rows: Sequence[Row], shared: int) -> Iterator[list[int]]:
        """Indices of rows that fit one forward pass, shortest first so that little padding is computed."""
        batch: list[int] = []
        for index in sorted(range(len(rows)), key=lambda number: (len(rows[number].tokens), number)):
            width = len(rows[index].tokens) - shared  # the longest so far
            keep = width + shared - min(rows[number].at[0] for number in [*batch, index])
            size = len(batch) + 1
            if batch and (size * width > BATCH_TOKENS or size * keep * self._vocabulary * 4 > BATCH_LOGIT_BYTES):
                yield batch
                batch = []
            batch.append(index)
        if batch:
            yield batch

    def _new_cache(self) -> Any:
        from transformers import DynamicCache

        return DynamicCache(config=self._model.config)

    def _spread(self, cache: Any, rows: int) -> Any:
        """A copy of a one-row cache for `rows` rows. Picking row 0 again and again works for every kind of cache layer."""
        import torch

        with torch.inference_mode():
            spread = copy.deepcopy(cache)
            spread.reorder_cache(torch.zeros(rows, dtype=torch.long))
        return spread

    def _prefill(self, tokens: Sequence[int], cache: Any, go_on: GoOn) -> torch.Tensor | None:
        """Logits after the last token, [1, 1, vocabulary]; None when told to stop."""
        import torch

        logits = None
        for start in range(0, len(tokens), PREFILL_TOKENS):
            if not go_on():
                return None
            logits = self._forward(torch.tensor([tokens[start : start + PREFILL_TOKENS]]), cache, keep=1)
        return logits

    def _forward(self, ids: torch.Tensor, cache: Any, keep: int) -> torch.Tensor:
        """float32 logits of the last `keep` positions, [rows, keep, vocabulary], on the CPU."""
        import torch

        with self._lock, torch.inference_mode():
            output = self._model(
                input_ids=ids.to(self._model.device), past_key_values=cache, use_cache=True, logits_to_keep=keep
            )
            # Some models return every position whatever they are told.
            logits: torch.Tensor = output.logits[:, -keep:].to("cpu", torch.float32)
            return logits

    def _picker(self, sampling: Sampling, prompt: Sequence[int]) -> Callable[[torch.Tensor], int]:
        """Logits [vocabulary] → the next token, with transformers' own warpers in their usual order."""
        import torch
        from transformers import (
            LogitsProcessorList,
            RepetitionPenaltyLogitsProcessor,
            TemperatureLogitsWarper,
            TopKLogitsWarper,
            TopPLogitsWarper,
        )

        processors = LogitsProcessorList()
        if sampling.repetition_penalty != 1.0:
            processors.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
        if sampling.temperature > 0:
            processors.append(TemperatureLogitsWarper(sampling.temperature))
            if sampling.top_k > 0:
                processors.append(TopKLogitsWarper(sampling.top_k))
            if sampling.top_p < 1.0:
                processors.append(TopPLogitsWarper(sampling.top_p))
        generator = torch.Generator().manual_seed(sampling.seed)
        seen = list(prompt)

        def pick(logits: torch.Tensor) -> int:
            # Only the penalty looks at what was said before.
            said = torch.tensor([seen if sampling.repetition_penalty != 1.0 else []], dtype=torch.long)
            scores = processors(said, logits[None].clone())[0]
            if sampling.temperature > 0:
                token = int(torch.multinomial(torch.softmax(scores, -1), 1, generator=generator))
            else:
                token = int(scores.argmax())
            seen.append(token)
            return token

        return pick


def _common_prefix(rows: Sequence[Sequence[int]]) -> int:
    """How many tokens all rows share from the start; 0 for a single row, where there is nothing to share."""
    if len(rows) < 2:
        return 0
    return next(
        (at for at, column in enumerate(zip(*rows, strict=False)) if len(set(column)) > 1), min(len(row) for row in rows)
    )
