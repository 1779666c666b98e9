"""Token ids in, token ids and log-probabilities out: the forward passes of a causal language model.

Knows tensors and caches, no text and no messages. Calls of several threads interleave pass by pass, and a reader that stalls
holds nobody up; steps of several texts go as one pass where that changes no bit of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from interviewer.engines import ragged
from interviewer.engines.flat import FlatTree, flat_trees
from interviewer.engines.floor import Floor
from interviewer.engines.prefixes import PrefixStore, cache_bytes, fork, only_grows, spread
from interviewer.engines.quantise import Int8Weights
from interviewer.engines.rows import Row, Stem, shared_by_all, stem_of
from interviewer.engines.sampling import Sampling, picker

if TYPE_CHECKING:
    import torch

#: Prompt tokens per forward pass, on a CPU and elsewhere. What is kept of a prompt is kept in whole passes, so smaller ones
#: leave less to be read again, but cost more: 64 against 512 took 9 % more time in bfloat16 and 17 % in float32 on one core
#: (three layers of the 0.6B shape). An accelerator spends the time of a pass on launching it.
PREFILL_TOKENS, ACCELERATED_PREFILL_TOKENS = 64, 256
#: Bounds on one scoring batch: new tokens in it, bytes of float32 logits coming out of it, and bytes of its key-value cache
#: (every row has the whole prefix in it: thirty rows of a thousand tokens would take 4 GiB on an 8B model in bfloat16).
BATCH_TOKENS, BATCH_LOGIT_BYTES, BATCH_CACHE_BYTES = 4096, 256 * 1024**2, 1024**3
#: New tokens in a scoring pass on a CPU, which gains nothing by more, while others wait for their next word.
CPU_BATCH_TOKENS = 256

#: Called between forward passes: false ends the work quietly, an exception ends it loudly.
GoOn = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Step:
    """One more token of the text that `cache` holds."""

    token: int
    cache: Any


class CausalDecoder:
    """Runs one model. Safe to call from several threads. Keeps up to `prefix_bytes` of what it read for later prompts.

    With `int8`, tokens are written with eight-bit weights; prompts are read, and choices scored, with the model's own.
    `flat` scores choices as a tree laid flat and `rows_together` bounds the steps in one pass: `warmup` finds out what a model
    can do, and until then both are off.
    """

    def __init__(self, model: Any, stop_tokens: frozenset[int], prefix_bytes: int = 0, int8: Int8Weights | None = None) -> None:
        self._model = model
        on_cpu = model.device.type == "cpu"
        self._block = PREFILL_TOKENS if on_cpu else ACCELERATED_PREFILL_TOKENS
        self._batch_tokens = CPU_BATCH_TOKENS if on_cpu else BATCH_TOKENS
        self.prefixes = PrefixStore(prefix_bytes, self._block)
        self.int8 = int8
        self.flat = False
        self._floor: Floor[Step, torch.Tensor] = Floor(self.steps)
        self._stop_tokens = stop_tokens
        self._vocabulary = int(model.config.get_text_config(decoder=True).vocab_size)

    @property
    def vocabulary(self) -> int:
        return self._vocabulary

    @property
    def rows_together(self) -> int:
        return self._floor.most

    @rows_together.setter
    def rows_together(self, rows: int) -> None:
        self._floor.most = rows

    def generate(self, prompt: Sequence[int], limit: int, sampling: Sampling, go_on: GoOn) -> Iterator[int]:
        """At most `limit` new tokens, without the stop token. Begins work when the first one is asked for."""
        pick = picker(sampling, prompt)
        cache, logits = self._read(prompt, len(prompt) - 1, go_on)
        if logits is None:
            return
        scores = logits[0, -1]
        with self._floor.seat() as seat:
            for number in range(limit):
                if not go_on():
                    return
                token = pick(scores)
                if token in self._stop_tokens:
                    return
                yield token
                if number + 1 < limit and go_on():
                    scores = self._floor.together(seat, Step(token, cache))

    def log_probabilities(self, rows: Sequence[Row], go_on: GoOn) -> list[list[list[float]]]:
        """For each row and position the log-probabilities of its targets. What rows begin with alike is read once.

        There is no such thing as half an answer here: `go_on` ends it by raising only.
        """
        if not rows:
            return []
        results: list[list[list[float]]] = [[] for _ in rows]
        start = shared_by_all(rows, range(len(rows)))
        base, _ = self._read(rows[0].tokens[:start], start, go_on, wanted=False)
        if self.flat and only_grows(base):
            most_wanted = max(1, BATCH_LOGIT_BYTES // (4 * self._vocabulary))
            for tree in flat_trees(rows, start, self._batch_tokens, most_wanted):
                go_on()
                self._score_tree(rows, tree, base, results)
        else:
            self._score(rows, stem_of(rows, range(len(rows))), base, results, go_on)
        return results

    def read(self, tokens: Sequence[int]) -> Any:
        """A cache of all `tokens`, of one's own."""
        return self._read(tokens, len(tokens), lambda: True, wanted=False)[0]

    def _score_tree(self, rows: Sequence[Row], tree: FlatTree, base: Any, results: list[list[list[float]]]) -> None:
        """Fills in the results of the tree's rows, of which `base` is the cache of what all share."""
        import torch

        spots = [path[at - tree.start] for number, path in zip(tree.rows, tree.paths, strict=True) for at in rows[number].at]
        wanted = sorted(set(spots))
        place = {node: index for index, node in enumerate(wanted)}
        positions = torch.tensor([tree.depths]) + tree.start
        logits = self._pass(
            torch.tensor([tree.tokens]),
            fork(base, tree.start),
            torch.tensor(wanted),
            attention_mask=tree.mask().to(self._model.device),
            position_ids=positions.to(self._model.device),
        )[0]
        shares = torch.log_softmax(logits, -1)
        for number, path in zip(tree.rows, tree.paths, strict=True):
            results[number] = [
                shares[place[path[at - tree.start]], list(targets)].tolist()
                for at, targets in zip(rows[number].at, rows[number].targets, strict=True)
            ]

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
        from interviewer.engines.growing import new_cache

        return new_cache(self._model.config)

    def _read(self, tokens: Sequence[int], reusable: int, go_on: GoOn, wanted: bool = True) -> tuple[Any, torch.Tensor | None]:
        """A cache of all `tokens` and, if wanted, the logits after the last, as `_prefill` gives them. At most `reusable`
        tokens come from what was read before."""
        cache, done, parting = self.prefixes.take(tokens, reusable)
        cache = self._new_cache() if cache is None else cache
        worth_keeping = {parting, len(tokens) // self._block * self._block}

        def keep(read: int) -> None:
            if done + read in worth_keeping:
                self.prefixes.keep(tokens[: done + read], cache)

        return cache, self._prefill(tokens[done:], cache, go_on, keep, wanted)

    def _prefill(
        self,
        tokens: Sequence[int],
        cache: Any,
        go_on: GoOn,
        read: Callable[[int], None] = lambda _: None,
        wanted: bool = False,
    ) -> torch.Tensor | None:
        """If wanted, logits after the last token, [1, 1, vocabulary]; None when there was none to run, or when told to stop.

        `read` hears after every pass how many tokens were run.
        """
        import torch

        logits = None
        for start in range(0, len(tokens), self._block):
            if not go_on():
                return None
            end = min(start + self._block, len(tokens))
            logits = self._forward(torch.tensor([tokens[start:end]]), cache, keep=int(wanted and end == len(tokens)))
            read(end)
        return logits if wanted else None

    def _forward(self, ids: torch.Tensor, cache: Any, keep: int) -> torch.Tensor:
        """float32 logits of the last `keep` positions, [rows, keep, vocabulary], on the CPU."""
        import torch

        width = ids.shape[1]
        return self._pass(ids, cache, torch.arange(width - keep, width))

    def _pass(self, ids: torch.Tensor, cache: Any, wanted: torch.Tensor, **named: torch.Tensor) -> torch.Tensor:
        """float32 logits of the positions `wanted`, [rows, positions, vocabulary], on the CPU."""
        import torch

        device = self._model.device

        def run() -> torch.Tensor:
            with torch.inference_mode():
                output = self._model(
                    input_ids=ids.to(device),
                    past_key_values=cache,
                    use_cache=True,
                    logits_to_keep=wanted.to(device),
                    **named,
                )
                logits: torch.Tensor = output.logits
                if logits.shape[1] != len(wanted):  # some models return every position whatever they are told
                    logits = logits[:, wanted.to(logits.device)]
                return logits.to("cpu", torch.float32)

        return self._floor.alone(run)

    def steps(self, steps: Sequence[Step]) -> list[torch.Tensor]:
        """Logits [vocabulary] after each step, as from a pass of its own. For one thread at a time: others ask `generate`."""
        import torch

        with torch.inference_mode(), self.int8.used() if self.int8 else nullcontext():
            if len(steps) > 1:
                logits = ragged.step(self._model, [step.token for step in steps], [step.cache for step in steps])
            else:
                ids = torch.tensor([[steps[0].token]], device=self._model.device)
                logits = self._model(input_ids=ids, past_key_values=steps[0].cache, use_cache=True, logits_to_keep=1).logits
            return list(logits[:, -1].to("cpu", torch.float32))
