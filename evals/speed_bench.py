"""What `evals.speed` measures: each thing against what it is compared with by turns, so that load falls on both.

Knows models and token ids; prints and reports nothing but progress.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from evals.speed_models import POINTS, Built, Shape, ids_of, tokens_of
from interviewer.engines import attention
from interviewer.engines.choices import plan_rows
from interviewer.engines.decoding import CausalDecoder
from interviewer.engines.prefixes import cache_bytes
from interviewer.engines.rows import Row
from interviewer.engines.sampling import Sampling
from interviewer.engines.warmup import warm_up

if TYPE_CHECKING:
    from evals.core import Progress

MIB = 1024**2
#: Room for prefixes; the engine's own default is a share of free memory, which would make runs differ.
PREFIX_BYTES = 1024 * MIB
#: Conversations that are written at once.
AT_ONCE = 4
#: Tokens of a JSON reply that are really written; the time of the rest follows from theirs.
_JSON_TOKENS = 24
#: Tells seconds: of the day, or those this process had a processor for.
Clock = Callable[[], float]
_GREEDY = Sampling(temperature=0.0, top_p=1.0, seed=0)


@dataclass(frozen=True, slots=True)
class Decoding:
    """Tokens a second: of one conversation by this engine, by its own weights only, and by transformers; of several at once
    together; and what memory bandwidth allows at the bytes that this engine, and transformers, read for a token."""

    ours: float
    unquantised: float
    plain: float
    at_once: float
    limit: float
    plain_limit: float


@dataclass(frozen=True, slots=True)
class Judging:
    """Seconds for one answer, nothing of it read before: by all choices, by those that tell what JSON tells, and by JSON from
    this engine and from transformers. Tokens read and written for JSON."""

    choices: float
    same: float
    json: float
    plain_json: float
    read: int
    written: int


class Bench:
    """Runs one model. `clock` tells seconds from anywhere."""

    def __init__(self, built: Built, shape: Shape, repeats: int, progress: Progress, clock: Clock = time.perf_counter) -> None:
        self.model = built.model
        self.int8 = built.int8
        self.shape = shape
        self._repeats = repeats
        self._clock = clock
        self.progress = progress
        self.weights = sum(p.numel() * p.element_size() for p in built.model.parameters())  # tied ones come once
        self.kept = 0
        self._proved = self._new(0)
        self.warm_up = self._seconds(lambda: warm_up(self._proved, built.model))  # libraries set themselves up meanwhile

    @property
    def shortcuts(self) -> tuple[bool, int]:
        """Whether choices are scored as a flat tree, and how many texts are written in one pass."""
        return self._proved.flat, self._proved.rows_together

    def decoder(self, prefix_bytes: int = 0, *, int8: bool = True) -> CausalDecoder:
        decoder = self._new(prefix_bytes, int8=int8)
        decoder.flat, decoder.rows_together = self._proved.flat, self._proved.rows_together if int8 else 1
        return decoder

    def first_tokens(self, talk: Sequence[Sequence[int]]) -> list[tuple[float, float]]:
        """Seconds to the first token of each turn, without and with what was read before."""
        runs: list[list[tuple[float, float]]] = []
        for number in range(self._repeats):
            self.progress(f"first token by turn: {number + 1} of {self._repeats}")
            fresh, keeping = self.decoder(), self.decoder(PREFIX_BYTES)
            runs.append([])
            for turn, prompt in enumerate(talk, 1):
                runs[-1].append((self._first(fresh, prompt), self._first(keeping, prompt)))
                self.progress("  turn {}: {:.2f} s without, {:.2f} s with reuse".format(turn, *runs[-1][-1]))
            self.kept = max(self.kept, keeping.prefixes.size)
        return [(_median(r[turn][0] for r in runs), _median(r[turn][1] for r in runs)) for turn in range(len(talk))]

    def decoding(self, prompt: Sequence[int], tokens: int) -> Decoding:
        """After a prompt, by the engine's decoder and by transformers' own `generate`, which its pipeline calls."""
        kept = [self.decoder(PREFIX_BYTES), self.decoder(PREFIX_BYTES, int8=False)]  # the prompt is read once
        rates: list[tuple[float, ...]] = []
        for number in range(self._repeats):
            self.progress(f"decoding: {number + 1} of {self._repeats}")
            ours, own = (1 / _step(self._times_of_decoder(decoder, prompt, tokens)) for decoder in kept)
            plain = 1 / _step(self._times_of_generate(prompt, tokens))
            rates.append(
                (ours, own, plain, self._rate_at_once(kept[0], prompt, tokens), bandwidth(self.model.device, self._clock))
            )
            self.progress(
                "  {:.2f} tokens/s here ({:.2f} unquantised), {:.2f} by generate, {:.2f} in all of {}".format(
                    *rates[-1][:4], AT_ONCE
                )
            )
        ours, own, plain, at_once = (_median(rate[n] for rate in rates) for n in range(4))
        read = max(rate[-1] for rate in rates)
        return Decoding(ours, own, plain, at_once, read / self.read_per_token, read / self.weights)

    @property
    def read_per_token(self) -> int:
        """Bytes of weights that this engine reads for a token it writes."""
        return self.int8.size if self.int8 else self.weights

    def judging(self, endings: list[str], same: list[str], ask: str, reply: str) -> Judging:
        everything, fewer = self._rows(endings), self._rows(same)
        prompt, written = ids_of(ask, self.shape), len(tokens_of(reply))
        taken: list[tuple[float, ...]] = []
        for number in range(self._repeats):
            self.progress(f"judging {POINTS} points: {number + 1} of {self._repeats}")
            taken.append(
                (
                    self._seconds(lambda: self.decoder().log_probabilities(everything, _on)),
                    self._seconds(lambda: self.decoder().log_probabilities(fewer, _on)),
                    self._whole(lambda: self._times_of_decoder(self.decoder(), prompt, min(_JSON_TOKENS, written)), written),
                    self._whole(lambda: self._times_of_generate(prompt, min(_JSON_TOKENS, written)), written),
                )
            )
            self.progress(
                "  {:.2f} s by choices, {:.2f} s by those of JSON, {:.2f} s by JSON, {:.2f} s by generate's".format(*taken[-1])
            )
        choices, alike, json, plain = (_median(seconds[n] for seconds in taken) for n in range(4))
        return Judging(choices, alike, json, plain, len(prompt), written)

    def token_bytes(self) -> int:
        """Bytes of key-value cache for a token."""
        from interviewer.engines.growing import ROOM

        return cache_bytes(self.decoder().read([1] * ROOM)) // ROOM

    def _new(self, prefix_bytes: int, *, int8: bool = True) -> CausalDecoder:
        return CausalDecoder(self.model, frozenset(), prefix_bytes, self.int8 if int8 else None)

    def _rows(self, endings: Sequence[str]) -> list[Row]:
        choices = [tuple(ids_of(word, self.shape)) for word in ("yes", "no", "Yes", "No", "A", "B", "C")]
        return [row for text in endings for row in plan_rows(tuple(ids_of(text, self.shape)), choices)[0]]

    def _first(self, decoder: CausalDecoder, prompt: Sequence[int]) -> float:
        return self._seconds(lambda: next(iter(decoder.generate(prompt, 1, _GREEDY, _on))))

    def _times_of_decoder(self, decoder: CausalDecoder, prompt: Sequence[int], tokens: int) -> list[float]:
        return [self._clock() for _ in decoder.generate(prompt, tokens, _GREEDY, _on)]

    def _times_of_generate(self, prompt: Sequence[int], tokens: int) -> list[float]:
        import torch

        ids = torch.tensor([prompt], device=self.model.device)
        streamer = _Streamer(self._clock)
        with attention.plain(self.model):
            self.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                max_new_tokens=tokens,
                pad_token_id=0,
                streamer=streamer,
            )
        return streamer.times[1:]  # the first call brings the prompt

    def _whole(self, work: Callable[[], Sequence[float]], tokens: int) -> float:
        """Seconds for so many tokens, of which `work` writes the first and tells when each came."""
        started = self._clock()
        times = work()
        return times[0] - started + (tokens - 1) * (times[-1] - times[0]) / (len(times) - 1)

    def _seconds(self, work: Callable[[], object]) -> float:
        started = self._clock()
        work()
        return self._clock() - started

    def _rate_at_once(self, decoder: CausalDecoder, prompt: Sequence[int], tokens: int) -> float:
        """Tokens a second of several conversations together, once each has its first."""
        begun: list[float] = []
        ended: list[float] = []
        all_begun = threading.Barrier(AT_ONCE, action=lambda: begun.append(self._clock()))

        def write(number: int) -> None:
            for written, _ in enumerate(decoder.generate([*prompt, number], tokens, _GREEDY, _on)):  # no two alike
                if not written:
                    all_begun.wait()
            ended.append(self._clock())

        threads = [threading.Thread(target=write, args=(number,)) for number in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return AT_ONCE * (tokens - 1) / (max(ended) - begun[0])


class _Streamer:
    """Notes when tokens come."""

    def __init__(self, clock: Clock) -> None:
        self.times: list[float] = []
        self._clock = clock

    def put(self, _: Any) -> None:
        self.times.append(self._clock())

    def end(self) -> None:
        pass


def bandwidth(device: Any, clock: Clock) -> float:
    """Bytes a second that can be read from memory: the best of a few sums over 256 MiB, more than caches hold."""
    import torch

    block = torch.ones(64 * MIB, dtype=torch.float32, device=device)

    def once() -> float:
        started = clock()
        float(block.sum())
        return clock() - started

    return block.nbytes / min(once() for _ in range(5))


def _on() -> bool:
    return True


def _step(times: Sequence[float]) -> float:
    """Seconds from one token to the next: half of them took longer."""
    return _median(after - before for before, after in pairwise(times))


def _median(values: Any) -> float:
    return float(statistics.median(values))
