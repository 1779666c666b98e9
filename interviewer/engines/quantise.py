"""Eight-bit copies of a model's weight matrices, for writing one token at a time.

A step of decoding reads every weight once for a row or a few, so it takes as long as reading them does: half the bytes, half
the time, or nearly. Reading a prompt takes arithmetic instead, which gains nothing by it, so the original weights stay
for that. Knows linear layers and rows; nothing of prompts or caches. Which processor gains by it is `processor`'s to find out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

#: Rows up to which torch's kernel works on all at once, each as if alone. (Five took 2.6 times as long as four, and longer
#: than in bfloat16: one core of an AMD EPYC with AVX-512, torch 2.13.)
MOST_ROWS = 4
#: Outputs whose weights are rounded at a time.
_AT_A_TIME = 4096


class Int8Weights:
    """Lets the linear layers of a bfloat16 model on a CPU multiply by eight-bit weights, one scale an output, when told to.

    `size` is the bytes of the copies. The model keeps its own weights, and uses them outside `with weights.used():`.
    """

    def __init__(self, model: Any) -> None:
        import torch

        self._on = False
        self.size = 0
        layers: list[Any] = [layer for layer in model.modules() if type(layer) is torch.nn.Linear]
        for layer in layers:
            packed, scales = quantised(layer.weight.detach())
            self.size += packed.nbytes + scales.nbytes
            layer.forward = self._forward(layer, packed, scales)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Inside, layers given no more than MOST_ROWS rows use the copies. For one thread at a time."""
        self._on = True
        try:
            yield
        finally:
            self._on = False

    def _forward(self, layer: Any, packed: torch.Tensor, scales: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        import torch
        from torch.nn.functional import linear

        def forward(x: torch.Tensor) -> torch.Tensor:
            width = x.shape[-1]
            if not self._on or x.numel() > MOST_ROWS * width:
                return linear(x, layer.weight, layer.bias)
            y = torch._weight_int8pack_mm(x.reshape(-1, width), packed, scales).view(*x.shape[:-1], -1)
            return y if layer.bias is None else y + layer.bias

        return forward


def quantised(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """int8 [outputs, inputs] and a scale for each output in the weight's format, so that their product is nearly `weight`.

    Rounded to the nearest of 255 steps between an output's largest weight and its negative: no zero point, no calibration.
    """
    import torch

    with torch.inference_mode():
        scales = (weight.abs().amax(1).float() / 127).clamp_min(1e-12).to(weight.dtype)
        # By the scale as it is stored, in pieces: a float32 copy of a whole output layer would take more than the model.
        packed = torch.empty(weight.shape, dtype=torch.int8)
        for start in range(0, len(weight), _AT_A_TIME):
            block = slice(start, start + _AT_A_TIME)
            packed[block] = (weight[block].float() / scales[block, None].float()).round().clamp(-127, 127).to(torch.int8)
        return packed, scales
