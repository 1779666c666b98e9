"""Which number format this processor runs a model fastest in, found by trying in a fraction of a second.

Processors differ too much to go by their names: bfloat16 reads a prompt six times as fast as float32 where there are
instructions for it, and is emulated where there are none; eight-bit weights speed up writing only with a good kernel.
Knows matrices of a typical size; no model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

#: Weights of a model on a CPU: in one format throughout, or in bfloat16 with eight-bit copies for writing.
Weights = Literal["float32", "bfloat16", "bfloat16+int8"]
#: Bytes they take for each parameter.
BYTES: Mapping[Weights, int] = {"float32": 4, "bfloat16": 2, "bfloat16+int8": 3}
#: Tokens read and written in a typical turn: its answer judged in five forms of question, and the reply to it.
TURN_READ, TURN_WRITTEN = 2000, 80
#: Tokens read at once (as prompts are), and the matrices that are tried: together more weights than caches hold.
_ROWS, _SIZE, _MATRICES = 64, (4096, 2048), 4
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Speeds:
    """Seconds for every weights' share of a typical turn. Only their ratios mean anything."""

    turn: Mapping[Weights, float]

    @property
    def best_first(self) -> list[Weights]:
        return sorted(self.turn, key=lambda kind: self.turn[kind])


@cache
def measure() -> Speeds:
    """Tries each kind once in a process; the shortest of a few tries counts, since others use the machine too."""
    import torch

    from interviewer.engines.quantise import quantised

    with torch.inference_mode():
        full = [torch.full(_SIZE, 0.5) for _ in range(_MATRICES)]
        half = [matrix.bfloat16() for matrix in full]
        works: dict[str, Callable[[], object]] = {
            "read float32": lambda: _through(_ROWS, full[:1]),
            "read bfloat16": lambda: _through(_ROWS, half[:1]),
            "write float32": lambda: _through(1, full),
            "write bfloat16": lambda: _through(1, half),
        }
        if _int8_is_right():
            packed, row = [quantised(matrix) for matrix in half], half[0][:1]
            works["write bfloat16+int8"] = lambda: [torch._weight_int8pack_mm(row, *pair) for pair in packed]
        taken = _shortest(works)
    reading, writing = TURN_READ / _ROWS, TURN_WRITTEN / _MATRICES
    kinds: tuple[Weights, ...] = ("float32", "bfloat16", "bfloat16+int8")
    return Speeds(
        {
            kind: reading * taken[f"read {kind.partition('+')[0]}"] + writing * taken[f"write {kind}"]
            for kind in kinds
            if f"write {kind}" in taken
        }
    )


def _int8_is_right() -> bool:
    """Whether the kernel is there and does what is expected: each row as if alone, and near the exact product."""
    import torch

    from interviewer.engines.quantise import MOST_ROWS, quantised

    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(256, 512, generator=generator).bfloat16()
    rows = torch.randn(MOST_ROWS, 512, generator=generator).bfloat16()
    pair = quantised(weight)
    try:
        together = torch._weight_int8pack_mm(rows, *pair)
        alone = torch.cat([torch._weight_int8pack_mm(row[None], *pair) for row in rows])
    except (RuntimeError, AttributeError):  # no such kernel on this processor, or in this version
        return False
    exact = rows.double() @ weight.double().T
    return torch.equal(together, alone) and bool((alone - exact).norm() < 0.02 * exact.norm())


def _through(rows: int, matrices: Sequence[torch.Tensor]) -> None:
    import torch

    for matrix in matrices:
        torch.nn.functional.linear(torch.ones(rows, matrix.shape[1], dtype=matrix.dtype), matrix)


def _shortest(works: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds of each one's shortest try. They take turns, since others use the machine too."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(1 + _TRIES):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            taken[name].append(time.perf_counter() - started)
    return {name: min(times[1:]) for name, times in taken.items()}
