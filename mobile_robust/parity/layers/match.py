"""Which operation of a .tflite file is which layer of the PyTorch network.

By the module path in the tensors' names (see ``tflite.module_path``); the weights' name is the sure one. Layers without
a name are matched in order among those with such weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mobile_robust.parity.layers.torch_layers import LayerCall
from mobile_robust.tflite.file import FileTensor, Operation, TfliteFile
from mobile_robust.tflite.module_path import module_paths, shared_levels

#: Operations that are layers -> position of the data among their inputs. The weights are always second.
_DATA = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 0, "FULLY_CONNECTED": 0, "TRANSPOSE_CONV": 2}


def match(file: TfliteFile, calls: Sequence[LayerCall]) -> list[tuple[Operation, LayerCall]]:
    """Pairs in the file's order. An operation that fits no layer, or a layer in no operation, is left out."""
    operations = [op for op in file.operations if op.name in _DATA and op.inputs[1] is not None]
    scores = [
        (_named_alike(op, call), -abs(i - k), i, k)
        for i, op in enumerate(operations)
        for k, call in enumerate(calls)
        if _fits(op, call)
    ]
    # The best names first; between equals (or without names) the closest in order.
    layer_of: dict[int, int] = {}
    for _, _, i, k in sorted(scores, key=lambda s: (-s[0], -s[1], s[2])):
        if i not in layer_of and k not in layer_of.values():
            layer_of[i] = k
    return [(operations[i], calls[k]) for i, k in sorted(layer_of.items())]


def data_input(file: TfliteFile, op: Operation, call: LayerCall) -> FileTensor | None:
    """The tensor a layer gets as input: before the PAD that the converter makes of the layer's own padding."""
    tensor = op.inputs[_DATA[op.name]]
    wanted = math.prod(call.input_shape)
    while tensor is not None and math.prod(tensor.shape) != wanted:
        producer = file.producers.get(tensor.index)
        if producer is None or producer.name not in ("PAD", "PADV2"):
            return None
        tensor = producer.inputs[0]
    return tensor


def _fits(op: Operation, call: LayerCall) -> bool:
    weights = op.inputs[1]
    assert weights is not None
    same_weights = _sides(weights.shape) == _sides(tuple(call.module.weight.shape))
    return same_weights and math.prod(op.outputs[0].shape) == call.output.numel()


def _sides(shape: tuple[int, ...]) -> list[int]:
    """The dimensions in any order, without ones: every kind of layer stores its weights in another order."""
    return sorted(n for n in shape if n != 1)


def _named_alike(op: Operation, call: LayerCall) -> int:
    """How many levels of the module path, from the innermost, the best name of the operation's tensors shares."""
    layer = call.name.split(".")[::-1]
    innermost = f".{type(call.module).__name__}_{layer[0]}"
    paths = [path for tensor in (op.inputs[1], *op.outputs) if tensor is not None for path in module_paths(tensor.name)]
    return max((shared_levels(path[::-1], layer) for path in paths if path[-1].endswith(innermost)), default=0)
