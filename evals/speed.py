"""How fast a local model answers and judges here: `python -m evals speed`.

Random weights at the shapes of real models, nothing downloaded: time depends on shapes, not on what the weights say. Every
figure is a ratio of things measured by turns in one run, since machines are shared and seconds mean little; none is ever
held against a baseline. What is run is in `speed_models`, how it is measured in `speed_bench`.
"""

from __future__ import annotations

import resource
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import astuple, replace
from itertools import cycle, islice
from typing import TYPE_CHECKING

from evals.results import Bar, Chart, Result, Section, Table, dataset_hash
from evals.speed_bench import AT_ONCE, MIB, PREFIX_BYTES, Bench, Decoding, Judging
from evals.speed_models import POINTS, SHAPES, Shape, build, conversation, ids_of, judging_prompts
from evals.speed_openvino import BEHIND, READ, SHORT, OpenVINOModel, beside
from interviewer.config import corpus_dir, prompts_dir
from interviewer.domain.errors import InterviewerError
from interviewer.engines.processor import BYTES

if TYPE_CHECKING:
    from evals.core import Progress

NAME = "speed"
HELP = "How fast a model of a given shape answers and judges on this machine, as ratios (random weights, nothing downloaded)"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--shape", choices=tuple(SHAPES), default="0.1B", help="of the model (default: 0.1B, a few minutes)")
    parser.add_argument("--turns", type=int, default=6, metavar="N", help="turns of the conversation (default: 6)")
    parser.add_argument("--tokens", type=int, default=24, metavar="N", help="tokens to decode at a time (default: 24)")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="how often each is measured (default: 3)")
    parser.add_argument("--weights", choices=tuple(BYTES), help="default: what the engine would choose here")
    parser.add_argument("--openvino", action="store_true", help="also beside OpenVINO (pip install openvino), in eight bits")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="count this process's processor time: for a CPU shared with others, with OMP_NUM_THREADS=1",
    )


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
    other = _openvino(shape, progress) if args.openvino else None
    progress(f"making a model of the shape {args.shape} with random weights")
    built = build(shape, args.weights)
    progress(built.why)
    bench = Bench(built, shape, args.repeats, progress, time.process_time if args.cpu_time else time.perf_counter)
    talk = [ids_of(text, shape) for text in conversation(bank, prompts, args.turns)]
    with_all = bench.first_tokens(talk)
    decode = bench.decoding(talk[0], args.tokens)
    judging = bench.judging(*judging_prompts(bank, prompts))
    result = _result(args, bench, built.why, talk, with_all, decode, judging)
    return _with_openvino(result, args, bench, other, [token for prompt in talk for token in prompt]) if other else result


def _openvino(shape: Shape, progress: Progress) -> OpenVINOModel:
    progress("making the same shape for OpenVINO")
    return OpenVINOModel(shape)


def _with_openvino(result: Result, args: Namespace, bench: Bench, other: OpenVINOModel, tokens: Sequence[int]) -> Result:
    """The result with one table and its ratios more."""
    tokens = list(islice(cycle(tokens), READ + BEHIND))
    ours, its = beside(lambda: bench.decoder(PREFIX_BYTES), other, tokens, args.repeats, bench.progress)
    what = (
        ("reading", f"a prompt of {READ} tokens"),
        ("reading_behind", f"{BEHIND} tokens behind it"),
        ("writing", f"a reply to {SHORT} tokens"),
        ("writing_long", f"a reply to {READ + BEHIND} tokens"),
    )
    rows = tuple(
        (text, here, there, here / there) for (_, text), here, there in zip(what, astuple(ours), astuple(its), strict=True)
    )
    beside_it = Table("Beside OpenVINO, tokens/s", ("what", "here", f"OpenVINO {other.version}", "ratio"), rows)
    return replace(
        result,
        figures={**result.figures, **{f"{name}_vs_openvino": row[-1] for (name, _), row in zip(what, rows, strict=True)}},
        tables=(*result.tables, beside_it),
    )


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
        f"{AT_ONCE}_at_once_vs_one": decode.at_once / decode.ours,
        "judging_vs_plain_json": judging.plain_json / judging.choices,
        "judging_same_questions_vs_plain_json": judging.plain_json / judging.same,
        "judging_same_questions_vs_json": judging.json / judging.same,
    }
    turns = [(n, len(p), *pair, pair[0] / pair[1]) for n, (p, pair) in enumerate(zip(talk, first, strict=True), 1)]
    bars = tuple(
        Bar(f"turn {n} {name}", s, series=i)
        for n, _, *pair, _ in turns
        for i, (name, s) in enumerate(zip(_WAYS, pair, strict=True))
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    memory = {"weights": bench.weights, "eight-bit copies": bench.int8.size if bench.int8 else 0}
    memory |= {"key-value cache of 1,000 tokens": 1000 * bench.token_bytes()}
    memory |= {f"kept of a conversation of {len(talk)} turns": bench.kept, "this process at most": peak}
    flat, together = bench.shortcuts
    return Result(
        figures=ratios,
        dataset=dataset_hash(str(prompt) for prompt in talk),
        tables=(
            Table("Time to the first token, s", ("turn", "prompt tokens", *_WAYS, "ratio"), tuple(turns)),
            Table(
                "Decoding, tokens/s",
                ("way", "tokens/s", "memory bandwidth's limit"),
                (
                    ("here", decode.ours, decode.limit),
                    ("here, by the model's own weights", decode.unquantised, decode.plain_limit),
                    ("transformers' generate", decode.plain, decode.plain_limit),
                    (f"here, {AT_ONCE} conversations together", decode.at_once, AT_ONCE * decode.limit),
                ),
            ),
            Table(
                f"Judging {POINTS} points of one answer",
                ("way", "s", "tokens written"),
                (
                    ("choices, as graded", judging.choices, 0),
                    ("choices, the questions of JSON", judging.same, 0),
                    ("JSON, here", judging.json, judging.written),
                    ("JSON, transformers' generate", judging.plain_json, judging.written),
                ),
            ),
            Table(
                "At load",
                ("what", "found"),
                (
                    ("warm-up, s", bench.warm_up),
                    ("choices scored as one flat tree", str(flat)),
                    ("conversations written in one pass, at most", together),
                ),
            ),
            Table("Memory, MiB", ("what", "MiB"), tuple((what, size / MIB) for what, size in memory.items())),
        ),
        charts=(Chart("Time to the first token by turn, s", bars, None),),
        sections=(Section("What this is", _ABOUT),),
        made_by={
            "model": f"random weights, shape {args.shape}",
            "weights": why,
            "seed": 0,
            "clock": "processor time" if args.cpu_time else "wall clock",
        },
        variant=args.shape,
    )


_WAYS = ("without reuse", "with reuse")
_ABOUT = (
    "A model with random weights takes as long as a real one of its shape. Seconds depend on the machine and on what else runs "
    "there; ratios are of things measured by turns in this run, each the median of its repeats. Tokens are those of a stand-in "
    "tokenizer on the real prompts.\n\n"
    '"transformers\' generate" is what its text-generation pipeline calls, on the same model with the same weights. The '
    "bandwidth's limit is what decoding could reach if reading every weight once per token, in the format it is read in, were "
    "all there is to do. JSON is timed as if the model wrote a perfect reply and nothing else, its last tokens by the pace of "
    "the first; a real one may have to be asked twice. The grader asks more than JSON does: by letter too, in both orders."
)
