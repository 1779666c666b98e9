"""OpenVINO beside this program's own engine: the same shape, weights of eight bits, by turns in one run.

Not an engine of the program: this is what tells whether it should become one. Measures; reports nothing but progress.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from evals.speed_models import Shape
from interviewer.domain.errors import InterviewerError

if TYPE_CHECKING:
    from evals.core import Progress
    from interviewer.engines.decoding import CausalDecoder

#: Tokens of the prompt that is read from the start, of what comes behind it, and of a short one. Whole blocks of our engine.
READ, BEHIND, SHORT = 768, 256, 64
#: Tokens of a reply.
_WRITTEN = 24


@dataclass(frozen=True, slots=True)
class Rates:
    """Tokens a second: of a prompt from the start, of what comes behind one that was read, of a reply to a short prompt, and of
    one to both prompts together."""

    read: float
    behind: float
    short: float
    long: float


class OpenVINOModel:
    """A model of a shape with random weights, run by OpenVINO on as many threads as torch has. Raises InterviewerError."""

    def __init__(self, shape: Shape) -> None:
        try:
            import openvino
        except ImportError as error:
            raise InterviewerError("OpenVINO is not installed: pip install 'openvino>=2026.1'") from error
        import torch
        from transformers import Qwen3ForCausalLM

        from evals.openvino_graph import graph_of

        self.version = str(openvino.get_version()).partition("-")[0]
        model = Qwen3ForCausalLM._from_config(shape.config(shape.vocabulary), dtype=torch.float32).eval()
        wishes = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": str(torch.get_num_threads())}
        self._request: Any = openvino.Core().compile_model(graph_of(model), "CPU", wishes).create_infer_request()
        self._kept = 0

    def forget(self) -> None:
        """Empty the cache."""
        self._request.reset_state()
        self._kept = 0

    def read(self, tokens: Sequence[int]) -> Any:
        """One pass behind what was read before; the logits after the last token, [vocabulary]."""
        import numpy as np

        new = len(tokens)
        seen = np.tri(new, self._kept + new, self._kept, dtype=bool)
        self._request.infer(
            {
                "tokens": np.array([tokens]),
                "mask": seen[None, None],
                "positions": np.arange(self._kept, self._kept + new)[None],
                "wanted": np.array([new - 1]),
                "row": np.zeros(1, np.int32),
            }
        )
        self._kept += new
        return self._request.get_output_tensor(0).data[0, 0]


def beside(
    ours: Callable[[], CausalDecoder], other: OpenVINOModel, tokens: Sequence[int], repeats: int, progress: Progress
) -> tuple[Rates, Rates]:
    """This engine's rates and OpenVINO's, each the median of its repeats. `ours` makes decoders that keep what they read."""
    if len(tokens) < READ + BEHIND:
        raise ValueError(f"{READ + BEHIND} tokens are needed")
    runs: list[tuple[Rates, Rates]] = []
    for number in range(repeats):
        progress(f"beside OpenVINO: {number + 1} of {repeats}")
        runs.append((_rates_of(ours(), tokens), _openvinos_rates(other, tokens)))
        pairs = zip(*map(astuple, runs[-1]), strict=True)
        progress("  tokens/s: " + ", ".join(f"{here:.1f} against {there:.1f}" for here, there in pairs))
    mine, its = ([run[which] for run in runs] for which in (0, 1))
    return _medians(mine), _medians(its)


def _rates_of(decoder: CausalDecoder, tokens: Sequence[int]) -> Rates:
    from interviewer.engines.sampling import Sampling

    greedy = Sampling(temperature=0.0, top_p=1.0, seed=0)

    def write(prompt: Sequence[int]) -> float:
        return _rate([time.perf_counter() for _ in decoder.generate(prompt, _WRITTEN, greedy, lambda: True)])

    read = _seconds(lambda: decoder.read(tokens[:READ]))
    behind = _seconds(lambda: decoder.read(tokens[: READ + BEHIND]))
    return Rates(READ / read, BEHIND / behind, write(tokens[:SHORT]), write(tokens[: READ + BEHIND]))


def _openvinos_rates(model: OpenVINOModel, tokens: Sequence[int]) -> Rates:
    def write() -> float:
        token, times = 0, []
        for _ in range(_WRITTEN):
            token = int(model.read([token]).argmax())
            times.append(time.perf_counter())
        return _rate(times)

    model.forget()
    model.read(tokens[:SHORT])
    short = write()
    model.forget()
    read = _seconds(lambda: model.read(tokens[:READ]))
    behind = _seconds(lambda: model.read(tokens[READ : READ + BEHIND]))
    return Rates(READ / read, BEHIND / behind, short, write())


def _medians(rates: Sequence[Rates]) -> Rates:
    return Rates(*(median(values) for values in zip(*map(astuple, rates), strict=True)))


def _rate(times: Sequence[float]) -> float:
    return 1 / median(after - before for before, after in pairwise(times))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
