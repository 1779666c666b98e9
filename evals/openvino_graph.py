"""A language model of transformers as an OpenVINO graph that keeps its own key-value cache, with eight-bit weights.

Made in this process from the loaded model. Not by OpenVINO's `convert_model`: that tells its makers of every use over the
network, where the reader of PyTorch models under it tells nobody. Knows graphs and layers; no tokens, no text.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from interviewer.domain.errors import InterviewerError

if TYPE_CHECKING:
    import openvino
    import torch

#: What goes in: token ids [1, n]; the mask [1, 1, n, kept + n], true where a token may look; positions [1, n]; and which of the
#: n tokens are to be told of, [k]; and the row of the cache, which has one: [0]. The logits [1, k, vocabulary] come out.
INPUTS = ("tokens", "mask", "positions", "wanted", "row")
#: Weights smaller than this stay as they are.
_LEAST = 4096


def graph_of(model: Any) -> openvino.Model:
    """From a model in float32. Raises InterviewerError for one that keeps other things than keys and values of all tokens,
    and whatever OpenVINO raises on operations it doesn't know."""
    import torch

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of every length it takes for granted; those that vary are inputs
        past = _cache_shapes(model)
        graph = _traced(model, past)
        _keep_the_cache(graph, past)
    _in_eight_bits(graph)
    return graph


def _cache_shapes(model: Any) -> list[tuple[int, int]]:
    """Heads and size of each layer's keys and values."""
    import torch

    from interviewer.engines.growing import new_cache
    from interviewer.engines.prefixes import only_grows

    cache = new_cache(model.config)
    model(input_ids=torch.tensor([[0]]), past_key_values=cache, use_cache=True)
    if not only_grows(cache):
        raise InterviewerError("the model keeps other things than keys and values")
    return [(pair.shape[1], pair.shape[3]) for layer in cache.layers for pair in (layer.keys, layer.values)]


def _traced(model: Any, past: list[tuple[int, int]]) -> openvino.Model:
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    kept, new = 4, 3  # any lengths
    example = {
        "tokens": torch.zeros(1, new, dtype=torch.long),
        "mask": torch.ones(1, 1, new, kept + new, dtype=torch.bool),
        "positions": torch.arange(kept, kept + new)[None],
        "wanted": torch.tensor([0, new - 1]),
        "past": [torch.zeros(1, heads, kept, size) for heads, size in past],
    }
    reader = FrontEndManager().load_by_framework("pytorch")
    traced = TorchScriptPythonDecoder(_step_module(model), example_input=example)  # read from until the graph is whole
    graph = reader.convert(reader.load(traced))
    shapes: dict[str, list[int]] = {"tokens": [1, -1], "mask": [1, 1, -1, -1], "positions": [1, -1], "wanted": [-1]}
    shapes |= {_name(number): [1, heads, -1, size] for number, (heads, size) in enumerate(past)}
    for name, port in zip(shapes, graph.inputs, strict=True):
        port.get_tensor().set_names({name})
    for number, port in enumerate(graph.outputs[1:]):
        port.get_tensor().set_names({_name(number, grown=True)})
    graph.reshape(shapes)
    return graph


def _step_module(model: Any) -> torch.nn.Module:
    import torch
    from transformers import DynamicCache

    class Step(torch.nn.Module):
        """One pass with the cache going in and out."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, tokens: Any, mask: Any, positions: Any, wanted: Any, past: Any) -> tuple[Any, ...]:
            cache = DynamicCache(config=self.model.config)
            for number, layer in enumerate(cache.layers):
                layer.keys, layer.values = past[2 * number : 2 * number + 2]
                layer.is_initialized = True
            output = self.model(
                input_ids=tokens,
                # As numbers: with true and false OpenVINO took more than twice as long to read a prompt (2026.4).
                attention_mask=torch.where(mask, 0.0, torch.finfo(self.model.dtype).min),
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=wanted,
            )
            return (output.logits, *(pair for layer in cache.layers for pair in (layer.keys, layer.values)))

    return Step().eval()


def _keep_the_cache(graph: openvino.Model, past: list[tuple[int, int]]) -> None:
    """Make of the cache, which goes in and out, one that stays inside, empty to begin with."""
    import numpy as np
    from openvino import opset13 as ops
    from openvino._offline_transformations import apply_make_stateful_transformation

    row = ops.parameter([1], np.int32, name="row")
    row.output(0).get_tensor().set_names({"row"})
    for port in graph.inputs[len(past) * -1 :]:
        readers = port.get_target_inputs()
        # OpenVINO joins attention with the cache under it, and writes three times as fast, only where rows could be chosen.
        chosen = ops.gather(port.get_node(), row, ops.constant(np.int64(0)))
        for reader in readers:
            reader.replace_source_output(chosen.output(0))
    graph.add_parameters([row])
    pairs = {_name(number): _name(number, grown=True) for number in range(len(past))}
    apply_make_stateful_transformation(graph, pairs)
    for node in graph.get_ops():
        if node.get_type_name() == "ReadValue":
            shape = [1, *(size.get_length() if size.is_static else 0 for size in list(node.get_output_partial_shape(0))[1:])]
            empty = ops.broadcast(ops.constant(0.0, dtype=node.get_output_element_type(0)), ops.constant(np.array(shape)))
            node.set_arguments([empty])
    graph.validate_nodes_and_infer_types()


def _in_eight_bits(graph: openvino.Model) -> None:
    """Weights of matrices and embeddings as int8 with a scale for each output, to be multiplied where they are read."""
    import numpy as np
    import torch
    from openvino import opset13 as ops

    from interviewer.engines.quantise import quantised

    known: dict[tuple[str, bool], Any] = {}
    for node in list(graph.get_ordered_ops()):
        kind = node.get_type_name()
        at = {"MatMul": 1, "Gather": 0}.get(kind)
        if at is None:
            continue
        source = node.input_value(at).get_node()
        if source.get_type_name() != "Constant" or len(source.shape) != 2 or source.data.size < _LEAST:
            continue
        turned = kind == "MatMul" and not node.get_attributes()["transpose_b"]
        key = (source.get_friendly_name(), turned)
        if key not in known:
            weight = torch.from_numpy(np.array(source.data, np.float32))
            packed, scales = quantised(weight.T.contiguous() if turned else weight)
            known[key] = ops.multiply(ops.convert(ops.constant(packed.numpy()), "f32"), ops.constant(scales.numpy()[:, None]))
        if kind == "MatMul":
            product = ops.matmul(node.input_value(0), known[key], bool(node.get_attributes()["transpose_a"]), True)
            for reader in node.output(0).get_target_inputs():
                reader.replace_source_output(product.output(0))
        else:
            node.input(0).replace_source_output(known[key].output(0))
    graph.validate_nodes_and_infer_types()


def _name(number: int, grown: bool = False) -> str:
    return f"{'grown' if grown else 'past'}.{number}"
