"""How fast a local model answers and judges here: `python -m evals speed`.

Random weights at the shapes of real models, nothing downloaded: time depends on shapes, not on what the weights say. Every
figure is a ratio of things measured by turns in one run, since machines are shared and seconds mean little; none is ever
held against a baseline. What is run is in `speed_models`.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evals.results import Bar, Chart, Result, Section, Table, dataset_hash
from evals.speed_models import POINTS, SHAPES, Shape, build, conversation, ids_of, judging_prompts, tokens_of
from interviewer.config import corpus_dir, prompts_dir
from interviewer.domain.errors import InterviewerError
from interviewer.engines.choices import plan_rows
from interviewer.engines.decoding import CausalDecoder, Sampling
from interviewer.engines.prefixes import cache_bytes
from interviewer.engines.rows import Row

if TYPE_CHECKING:
    from evals.core import Progress

NAME = "speed"
HELP = "How fast a model of a given shape answers and judges on this machine, as ratios (random weights, nothing downloaded)"

MIB = 1024**2
#: Room for prefixes; the engine's own default is a share of free memory, which would make runs differ.
PREFIX_BYTES = 1024 * MIB
_GREEDY = Sampling(temperature=0.0, top_p=1.0, seed=0)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--shape", choices=tuple(SHAPES), default="0.1B", help="of the model (default: 0.1B, a few minutes)")
    parser.add_argument("--turns", type=int, default=6, metavar="N", help="turns of the conversation (default: 6)")
    parser.add_argument("--tokens", type=int, default=24, metavar="N", help="tokens to decode at a time (default: 24)")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="how often each is measured (default: 3)")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), help="default: what the engine would choose here")


def run(args: Namespace, progress: Progress) -> Result:
    """Measure all. Raises InterviewerError when asked to gate, or when the model does not fit into memory."""
    if args.gate or args.update_baseline:
        raise InterviewerError("speed is never gated: it says more about the machine and its load than about the program")
    if min(args.turns, args.repeats) < 1 or args.tokens < 2:
        raise InterviewerError("--turns and --repeats must be at least 1, --tokens at least 2")
    from interviewer.ingest.bankfile import load_bank
    from interviewer.prompting import load_prompts

    bank, prompts = load_bank([corpus_dir() / "bank"]), load_prompts(prompts_dir())
    shape = SHAPES[args.shape]
    progress(f"making a model of the shape {args.shape} with random weights")
    model, why = build(shape, args.dtype)
    bench = Bench(model, shape, args.repeats, progress)
    talk = [ids_of(text, shape) for text in conversation(bank, prompts, args.turns)]
    with_all = bench.first_tokens(talk)
    decode = bench.decoding(talk[0], args.tokens)
    judging = bench.judging(*judging_prompts(bank, prompts))
    return _result(args, bench, why, talk, with_all, decode, judging)


# ---------------------------------------------------------------- measuring


@dataclass(frozen=True, slots=True)
class Decoding:
    """Tokens a second, one conversation at a time, and what memory bandwidth allows."""

    ours: float
    plain: float
    limit: float


@dataclass(frozen=True, slots=True)
class Judging:
    """Seconds for one answer: by all choices, by those that tell what JSON tells, and by JSON. Tokens read and written."""

    choices: float
    same: float
    json: float
    read: int
    written: int


class Bench:
    """Runs one model. What is compared is measured by turns, so that load on the machine falls on both."""

    def __init__(self, model: Any, shape: Shape, repeats: int, progress: Progress) -> None:
        self.model = model
        self.shape = shape
        self._repeats = repeats
        self._progress = progress
        self.weights = sum(p.numel() * p.element_size() for p in model.parameters())  # tied ones come once
        self.kept = 0
        list(self.decoder().generate([1] * 80, 3, _GREEDY, _on))  # libraries set themselves up at the first passes

    def decoder(self, prefix_bytes: int = 0) -> CausalDecoder:
        return CausalDecoder(self.model, frozenset(), prefix_bytes)

    def first_tokens(self, talk: Sequence[Sequence[int]]) -> list[tuple[float, float]]:
        """Seconds to the first token of each turn, without and with what was read before."""
        runs: list[list[tuple[float, float]]] = []
        for number in range(self._repeats):
            self._progress(f"first token by turn: {number + 1} of {self._repeats}")
            fresh, keeping = self.decoder(), self.decoder(PREFIX_BYTES)
            runs.append([])
            for turn, prompt in enumerate(talk, 1):
                runs[-1].append((self._first(fresh, prompt), self._first(keeping, prompt)))
                self._progress("  turn {}: {:.2f} s without, {:.2f} s with reuse".format(turn, *runs[-1][-1]))
            self.kept = max(self.kept, keeping.prefixes.size)
        return [(_median(r[turn][0] for r in runs), _median(r[turn][1] for r in runs)) for turn in range(len(talk))]

    def decoding(self, prompt: Sequence[int], tokens: int) -> Decoding:
        """After a prompt, by the engine's decoder and by transformers' own `generate`, which its pipeline calls."""
        ours, plain, limit = [], [], []
        for number in range(self._repeats):
            self._progress(f"decoding: {number + 1} of {self._repeats}")
            ours.append(self._rate_of_decoder(prompt, tokens))
            plain.append(self._rate_of_generate(prompt, tokens))
            limit.append(bandwidth(self.model.device) / self.weights)
            self._progress(f"  {ours[-1]:.2f} tokens/s here, {plain[-1]:.2f} by generate; bandwidth's limit {limit[-1]:.2f}")
        return Decoding(_median(ours), _median(plain), max(limit))

    def judging(self, endings: list[str], same: list[str], ask: str, reply: str) -> Judging:
        """One answer, nothing of it read before."""
        everything, fewer = self._rows(endings), self._rows(same)
        prompt, written = ids_of(ask, self.shape), len(tokens_of(reply))
        choices, alike, json = [], [], []
        for number in range(self._repeats):
            self._progress(f"judging {POINTS} points: {number + 1} of {self._repeats}")
            choices.append(_seconds(lambda: self.decoder().log_probabilities(everything, _on)))
            alike.append(_seconds(lambda: self.decoder().log_probabilities(fewer, _on)))
            json.append(_seconds(lambda: list(self.decoder().generate(prompt, written, _GREEDY, _on))))
            self._progress(f"  {choices[-1]:.2f} s by choices, {alike[-1]:.2f} s by those of JSON, {json[-1]:.2f} s by JSON")
        return Judging(_median(choices), _median(alike), _median(json), len(prompt), written)

    def token_bytes(self) -> int:
        """Bytes of key-value cache for a token."""
        decoder = self.decoder()
        cache, _ = decoder._read([1] * 8, 0, _on)
        return cache_bytes(cache) // 8

    def _rows(self, endings: Sequence[str]) -> list[Row]:
        choices = [tuple(ids_of(word, self.shape)) for word in ("yes", "no", "Yes", "No", "A", "B", "C")]
        return [row for text in endings for row in plan_rows(tuple(ids_of(text, self.shape)), choices)[0]]

    def _first(self, decoder: CausalDecoder, prompt: Sequence[int]) -> float:
        return _seconds(lambda: next(iter(decoder.generate(prompt, 1, _GREEDY, _on))))

    def _rate_of_decoder(self, prompt: Sequence[int], tokens: int) -> float:
        times = [time.perf_counter() for _ in self.decoder().generate(prompt, tokens, _GREEDY, _on)]
        return (len(times) - 1) / (times[-1] - times[0])

    def _rate_of_generate(self, prompt: Sequence[int], tokens: int) -> float:
        import torch

        ids = torch.tensor([prompt], device=self.model.device)
        streamer = _Clock()
        self.model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=tokens, pad_token_id=0, streamer=streamer
        )
        times = streamer.times[1:]  # the first call brings the prompt
        return (len(times) - 1) / (times[-1] - times[0])


class _Clock:
    """Notes when tokens come."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put(self, _: Any) -> None:
        self.times.append(time.perf_counter())

    def end(self) -> None:
        pass


def bandwidth(device: Any) -> float:
    """Bytes a second that can be read from memory: the best of a few sums over 256 MiB, more than caches hold."""
    import torch

    block = torch.ones(64 * MIB, dtype=torch.float32, device=device)
    return block.nbytes / min(_seconds(lambda: float(block.sum())) for _ in range(5))


def _on() -> bool:
    return True


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _median(values: Any) -> float:
    return float(statistics.median(values))


# ---------------------------------------------------------------- reporting


def _result(
    args: Namespace,
    bench: Bench,
    why: str,
    talk: Sequence[Sequence[int]],
    first: Sequence[tuple[float, float]],
    decode: Decoding,
    judging: Judging,
) -> Result:
    ratios = {
        f"first_token_turn_{len(talk)}_sooner": first[-1][0] / first[-1][1],
        "decode_vs_plain": decode.ours / decode.plain,
        "decode_vs_bandwidth": decode.ours / decode.limit,
        "judging_vs_json": judging.json / judging.choices,
        "judging_same_questions_vs_json": judging.json / judging.same,
    }
    turns = [(n, len(p), *pair, pair[0] / pair[1]) for n, (p, pair) in enumerate(zip(talk, first, strict=True), 1)]
    bars = tuple(
        Bar(f"turn {n} {name}", s, series=i)
        for n, _, *pair, _ in turns
        for i, (name, s) in enumerate(zip(_WAYS, pair, strict=True))
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    memory = {"weights": bench.weights, "key-value cache of 1,000 tokens": 1000 * bench.token_bytes()}
    memory |= {f"kept of a conversation of {len(talk)} turns": bench.kept, "this process at most": peak}
    return Result(
        figures=ratios,
        dataset=dataset_hash(str(prompt) for prompt in talk),
        tables=(
            Table("Time to the first token, s", ("turn", "prompt tokens", *_WAYS, "ratio"), tuple(turns)),
            Table(
                "Decoding, tokens/s",
                ("here", "transformers' generate", "memory bandwidth's limit"),
                ((decode.ours, decode.plain, decode.limit),),
            ),
            Table(
                f"Judging {POINTS} points of one answer, s",
                ("by choices, as graded", "by choices, the questions of JSON", "by JSON", "tokens read", "tokens written"),
                ((judging.choices, judging.same, judging.json, judging.read, judging.written),),
            ),
            Table("Memory, MiB", ("what", "MiB"), tuple((what, size / MIB) for what, size in memory.items())),
        ),
        charts=(Chart("Time to the first token by turn, s", bars, None),),
        sections=(Section("What this is", _ABOUT),),
        made_by={"model": f"random weights, shape {args.shape}", "dtype": str(bench.model.dtype), "why": why, "seed": 0},
        variant=args.shape,
    )


_WAYS = ("without reuse", "with reuse")
_ABOUT = (
    "A model with random weights takes as long as a real one of its shape. Seconds depend on the machine and on what else runs "
    "there; ratios are of things measured by turns in this run, each the median of its repeats. Tokens are those of a stand-in "
    "tokenizer on the real prompts.\n\n"
    "The bandwidth's limit is what decoding could reach if reading every weight once per token were all there is to do. JSON "
    "is timed as if the model wrote a perfect reply and nothing else; a real one may have to be asked twice."
)
