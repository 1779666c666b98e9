"""Token ids in, token ids and log-probabilities out: the forward passes of a causal language model.

Knows tensors and caches, no text and no messages. Each forward pass takes the lock by itself, so calls of several threads
interleave token by token, and a reader that stalls holds nobody up. Sampling uses a generator of its own: the same seed
gives the same tokens whatever other threads do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from interviewer.engines.prefixes import PrefixStore, cache_bytes, fork, spread
from interviewer.engines.rows import Row, Stem, stem_of

if TYPE_CHECKING:
    import torch

#: Prompt tokens per forward pass, on a CPU and elsewhere. What is kept of a prompt is kept in whole passes, so smaller ones
#: leave less to be read again, but cost more: 64 against 512 took 9 % more time in bfloat16 and 17 % in float32 on one core
#: (three layers of the 0.6B shape). An accelerator spends the time of a pass on launching it.
PREFILL_TOKENS, ACCELERATED_PREFILL_TOKENS = 64, 256
#: Bounds on one scoring batch: new tokens in it, bytes of float32 logits coming out of it, and bytes of its key-value cache
#: (every row has the whole prefix in it: thirty rows of a thousand tokens would take 4 GiB on an 8B model in bfloat16).
BATCH_TOKENS, BATCH_LOGIT_BYTES, BATCH_CACHE_BYTES = 4096, 256 * 1024**2, 1024**3

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


class CausalDecoder:
    """Runs one model. Safe to call from several threads. Keeps up to `prefix_bytes` of what it read for later prompts."""

    def __init__(self, model: Any, stop_tokens: frozenset[int], prefix_bytes: int = 0) -> None:
        self._model = model
        self._block = PREFILL_TOKENS if model.device.type == "cpu" else ACCELERATED_PREFILL_TOKENS
        self.prefixes = PrefixStore(prefix_bytes, self._block)
        self._stop_tokens = stop_tokens
        self._lock = threading.Lock()
        self._vocabulary = int(model.config.get_text_config(decoder=True).vocab_size)

    def generate(self, prompt: Sequence[int], limit: int, sampling: Sampling, go_on: GoOn) -> Iterator[int]:
        """At most `limit` new tokens, without the stop token. Begins work when the first one is asked for."""
        import torch

        pick = self._picker(sampling, prompt)
        cache, logits = self._read(prompt, len(prompt) - 1, go_on)
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
        """For each row and position the log-probabilities of its targets. What rows begin with alike is read once.

        There is no such thing as half an answer here: `go_on` ends it by raising only.
        """
        if not rows:
            return []
        stem = stem_of(rows, range(len(rows)))
        base, _ = self._read(rows[0].tokens[: stem.length], stem.length, go_on)
        results: list[list[list[float]]] = [[] for _ in rows]
        self._score(rows, stem, base, results, go_on)
        return results

    def _score(self, rows: Sequence[Row], stem: Stem, base: Any, results: list[list[list[float]]], go_on: GoOn) -> None:
        """Fills in the results of the stem's rows, of which `base` is the cache."""
        import torch

        for batch in self._batches(rows, stem, cache_bytes(base) // max(1, stem.length)):
            go_on()
            chosen = [rows[index] for index in batch]
            width = max(len(row.tokens) for row in chosen) - stem.length
            first = min(row.at[0] for row in chosen) - stem.length
            # Padding stands on the right: under causal attention no position that is read sees it, so no mask is needed.
            ids = torch.tensor([[*row.tokens[stem.length :], *[0] * (width + stem.length - len(row.tokens))] for row in chosen])
            logits = self._forward(ids, spread(base, len(batch), stem.length), keep=width - first)
            for place, (index, row) in enumerate(zip(batch, chosen, strict=True)):
                results[index] = [
                    torch.log_softmax(logits[place, at - stem.length - first], -1)[list(targets)].tolist()
                    for at, targets in zip(row.at, row.targets, strict=True)
                ]
        for branch in stem.branches:
            longer = fork(base, stem.length)
            self._prefill(rows[branch.all_rows[0]].tokens[stem.length : branch.length], longer, go_on)
            self._score(rows, branch, longer, results, go_on)

    def _batches(self, rows: Sequence[Row], stem: Stem, token_bytes: int) -> Iterator[list[int]]:
        """Indices of the stem's own rows that fit one forward pass, shortest first so that little padding is computed.

        `token_bytes` is what the cache takes for one token of one row.
        """
        batch: list[int] = []
        for index in sorted(stem.rows, key=lambda number: (len(rows[number].tokens), number)):
            length = len(rows[index].tokens)  # the longest so far
            keep = length - min(rows[number].at[0] for number in [*batch, index])
            size = len(batch) + 1
            if batch and (
                size * (length - stem.length) > BATCH_TOKENS
                or size * keep * self._vocabulary * 4 > BATCH_LOGIT_BYTES
                or size * length * token_bytes > BATCH_CACHE_BYTES
            ):
                yield batch
                batch = []
            batch.append(index)
        if batch:
            yield batch

    def _new_cache(self) -> Any:
        from transformers import DynamicCache

        return DynamicCache(config=self._model.config)

    def _read(self, tokens: Sequence[int], reusable: int, go_on: GoOn) -> tuple[Any, torch.Tensor | None]:
        """A cache of all `tokens` and the logits after the last, as `_prefill` gives them. At most `reusable` tokens come
        from what was read before."""
        cache, done, parting = self.prefixes.take(tokens, reusable)
        cache = self._new_cache() if cache is None else cache
        worth_keeping = {parting, len(tokens) // self._block * self._block}

        def keep(read: int) -> None:
            if done + read in worth_keeping:
                self.prefixes.keep(tokens[: done + read], cache)

        return cache, self._prefill(tokens[done:], cache, go_on, keep)

    def _prefill(
        self, tokens: Sequence[int], cache: Any, go_on: GoOn, read: Callable[[int], None] = lambda _: None
    ) -> torch.Tensor | None:
        """Logits after the last token, [1, 1, vocabulary]; None when there was none to run, or when told to stop.

        `read` hears after every pass how many tokens were run.
        """
        import torch

        logits = None
        for start in range(0, len(tokens), self._block):
            if not go_on():
                return None
            end = min(start + self._block, len(tokens))
            logits = self._forward(torch.tensor([tokens[start:end]]), cache, keep=1)
            read(end)
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
