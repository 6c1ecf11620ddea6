"""Float weights prepared for int8, so that rounding them moves the outputs least.

Rounding a weight adds an error that is the same for every pixel, and where an input has a large mean (after a ReLU6,
say) that error shifts a whole channel. Depthwise convolutions suffer most: nine weights that nearly cancel. Two
remedies, both from calibration images alone:

* each weight of a depthwise convolution is rounded up or down, whichever of the two leaves the least variance of the
  output's error (coordinate descent on a quadratic form; cf. Nagel et al., "Up or Down?", 2020, Eq. 12);
* the mean of the error that is left goes into the bias (cf. Nagel et al., "Data-Free Quantization", 2019, sec. 4.2).

And a trap: the bias is stored in units of the weights' scale, so a channel with a bias but (nearly) no weights overflows
int32 and comes out as nothing. Its largest weight is raised just enough.

Both are written into the float file: its weights then lie on the int8 grid, which the quantizer's own rounding keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mobile_robust.convert import flatbuffer
from mobile_robust.parity import tflite_file
from mobile_robust.quiet import quiet

Sample = dict[str, NDArray[Any]]

#: int8 per output channel, symmetric, as ai-edge-quantizer's ``wi8``.
LIMIT = 127
#: Images the depthwise inputs' covariance is read from; more change nothing measurable and cost memory traffic.
COVARIANCE_IMAGES = 16
SWEEPS = 4
#: Least weight of a channel as a fraction of its bias. At 2^-15 biases were still lost (inputs in [0, 6]).
LEAST_WEIGHT = 2.0**-14

_WEIGHTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}


def prepare(float_file: Path, samples: Sequence[Sample]) -> bytes:
    """The float file with weights on the int8 grid and biases that make up for it.

    Args:
        float_file: A float32 TFLite file.
        samples: Calibration inputs by name, as the file takes them.
    """
    from ai_edge_litert import schema_py_generated as schema

    file = tflite_file.read(float_file)
    operations = [op for op in file.operations if op.name in _WEIGHTED and _has_weights(op)]
    statistics = _collect(float_file, file, operations, samples)
    model = flatbuffer.unpack(float_file.read_bytes())
    for op in operations:
        weights = _constant(model, op, 1)
        bias = _constant(model, op, 2)
        rounded = _round(op, weights, bias, statistics[op.index])
        shift = _mean_output(op, statistics[op.index].mean, rounded - weights)
        _replace(model, schema, op, 1, rounded)
        _replace(model, schema, op, 2, bias - shift)
    return flatbuffer.pack(model)


class _Statistics:
    """The mean of an operation's input, and for a depthwise one the covariance of its patches, (C, K, K)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: Tensor = torch.zeros(())
        self.covariance: Tensor | None = None

    def add(self, op: tflite_file.Operation, x: Tensor) -> None:
        self.count += 1
        self.mean = self.mean + (x - self.mean) / self.count
        if op.name == "DEPTHWISE_CONV_2D" and self.count <= COVARIANCE_IMAGES:
            patches = _patches(op, x)  # (C, K, positions)
            patches = patches - patches.mean(2, keepdim=True)
            covariance = patches @ patches.transpose(1, 2) / patches.shape[2]
            self.covariance = covariance if self.covariance is None else self.covariance + covariance


def _collect(
    path: Path, file: tflite_file.TfliteFile, operations: Sequence[tflite_file.Operation], samples: Sequence[Sample]
) -> dict[int, _Statistics]:
    from ai_edge_litert.interpreter import Interpreter

    statistics = {op.index: _Statistics() for op in operations}
    with quiet():
        interpreter = Interpreter(
            str(path), experimental_preserve_all_tensors=True, num_threads=torch.get_num_threads()
        )
        interpreter.allocate_tensors()
    for sample in samples:
        for name, tensor in file.inputs.items():
            interpreter.set_tensor(tensor.index, sample[name])
        interpreter.invoke()
        for op in operations:
            stored = op.inputs[0]
            assert stored is not None
            x = torch.from_numpy(interpreter.get_tensor(stored.index))
            statistics[op.index].add(op, x.permute(0, 3, 1, 2) if x.dim() == 4 else x)
    return statistics


def _round(op: tflite_file.Operation, weights: Tensor, bias: Tensor, statistics: _Statistics) -> Tensor:
    """Weights on the int8 grid of their output channel; (1, kh, kw, C) for a depthwise, (O, …) otherwise."""
    depthwise = op.name == "DEPTHWISE_CONV_2D"
    rows = weights.flatten(0, 2).T if depthwise else weights.flatten(1)  # (channels, K)
    rows = _raise_dead(rows, bias)
    scale = rows.abs().amax(1, keepdim=True) / LIMIT
    scale[scale == 0] = 1.0
    exact = rows / scale
    covariance = statistics.covariance
    if covariance is not None and covariance.shape[0] == rows.shape[0]:
        grid = _descend(exact, covariance)
    else:
        grid = exact.round()
    rounded = grid * scale
    return rounded.T.reshape(weights.shape) if depthwise else rounded.reshape(weights.shape)


def _raise_dead(rows: Tensor, bias: Tensor) -> Tensor:
    """Rows (channels, K) whose largest weight is at least LEAST_WEIGHT of the bias; larger ones are left alone."""
    least = LEAST_WEIGHT * bias.abs()
    value, index = rows.abs().max(1)
    dead = value < least
    raised = rows.clone()
    raised[dead, index[dead]] = torch.where(rows[dead, index[dead]] < 0, -least[dead], least[dead])
    return raised


def _descend(exact: Tensor, covariance: Tensor) -> Tensor:
    """Up or down for every weight, least (q - w)' covariance (q - w) per channel; starts at the nearest.

    Args:
        exact: (C, K), in units of the grid.
        covariance: (C, K, K).
    """
    low = exact.floor()
    grid = exact.round()
    largest = exact.abs() > LIMIT - 0.5  # it defines the scale and must stay where it is
    for _ in range(SWEEPS):
        for k in range(exact.shape[1]):
            other = torch.where(grid[:, k] == low[:, k], low[:, k] + 1, low[:, k])
            step = other - grid[:, k]
            gain = 2 * step * (covariance[:, k] * (grid - exact)).sum(1) + step**2 * covariance[:, k, k]
            move = (gain < 0) & ~largest[:, k] & (step.abs() <= 1)
            grid[:, k] = torch.where(move, other, grid[:, k])
    return grid


def _mean_output(op: tflite_file.Operation, x: Tensor, weights: Tensor) -> Tensor:
    """Mean over positions of the operation's output for input ``x`` with other weights and no bias: (channels,)."""
    if op.name == "FULLY_CONNECTED":
        return (x.reshape(-1, weights.shape[1]) @ weights.T).mean(0)
    x = _padded(op, x)
    options = op.options
    depthwise = op.name == "DEPTHWISE_CONV_2D"
    kernel = weights.permute(3, 0, 1, 2) if depthwise else weights.permute(0, 3, 1, 2)
    y = F.conv2d(
        x,
        kernel,
        stride=(options.strideH, options.strideW),
        dilation=(options.dilationHFactor, options.dilationWFactor),
        groups=x.shape[1] // kernel.shape[1],
    )
    return y.mean((0, 2, 3))


def _patches(op: tflite_file.Operation, x: Tensor) -> Tensor:
    """(1, C, H, W) -> what each output position sees of its channel, (C, kh * kw, positions)."""
    options = op.options
    unfolded = F.unfold(
        _padded(op, x),
        _kernel_size(op),
        dilation=(options.dilationHFactor, options.dilationWFactor),
        stride=(options.strideH, options.strideW),
    )  # (1, C * K, positions)
    return unfolded.reshape(x.shape[1], -1, unfolded.shape[-1])


def _padded(op: tflite_file.Operation, x: Tensor) -> Tensor:
    """The input with the zeros that padding SAME adds (schema: 0 SAME, 1 VALID)."""
    if op.options.padding == 1:
        return x
    amounts: list[int] = []
    for side, kernel, stride, dilation in zip(
        (x.shape[2], x.shape[3]),
        _kernel_size(op),
        (op.options.strideH, op.options.strideW),
        (op.options.dilationHFactor, op.options.dilationWFactor),
        strict=True,
    ):
        total = max(0, (-(-side // stride) - 1) * stride + (kernel - 1) * dilation + 1 - side)
        amounts = [total // 2, total - total // 2, *amounts]  # F.pad wants the last dimension first
    return F.pad(x, amounts)


def _kernel_size(op: tflite_file.Operation) -> tuple[int, int]:
    weights = op.inputs[1]
    assert weights is not None
    return weights.shape[1], weights.shape[2]


def _has_weights(op: tflite_file.Operation) -> bool:
    weights, bias = (op.inputs[i] if len(op.inputs) > i else None for i in (1, 2))
    return all(t is not None and t.constant and t.dtype == "float32" for t in (weights, bias))


def _constant(model: Any, op: tflite_file.Operation, position: int) -> Tensor:
    tensor = model.subgraphs[0].tensors[model.subgraphs[0].operators[op.index].inputs[position]]
    data = np.asarray(model.buffers[tensor.buffer].data, np.uint8).tobytes()
    return torch.from_numpy(np.frombuffer(data, np.float32).reshape(tensor.shape).copy())


def _replace(model: Any, schema: Any, op: tflite_file.Operation, position: int, values: Tensor) -> None:
    """Puts new values in an operation's constant; one that others share is copied first."""
    graph = model.subgraphs[0]
    operator = graph.operators[op.index]
    index = int(operator.inputs[position])
    tensor = graph.tensors[index]
    users = sum(int(i) == index for other in graph.operators for i in other.inputs)
    sharers = sum(other.buffer == tensor.buffer for other in graph.tensors)
    if users > 1 or sharers > 1:
        own = schema.TensorT()
        own.name = f"int8_grid_{op.index}_{position}"  # the quantizer wants every name once
        own.shape, own.type, own.buffer = tensor.shape, tensor.type, len(model.buffers)
        model.buffers.append(schema.BufferT())
        operator.inputs = [*operator.inputs[:position], len(graph.tensors), *operator.inputs[position + 1 :]]
        graph.tensors.append(own)
        tensor = own
    model.buffers[tensor.buffer].data = np.frombuffer(values.contiguous().numpy().tobytes(), np.uint8)
