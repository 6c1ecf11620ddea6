"""Walks the layers of a .tflite file beside the PyTorch network it was made of, and finds the first bad one.

Every convolution and linear layer is checked twice: its value against PyTorch's own value there, which holds all error
that arrived so far, and in isolation, against PyTorch's layer run on the file's own input. A layer that is wrong in
isolation is bad. A layer that is right in isolation, but far worse than the layers that feed it, was fed by a bad
operation between them: that is reported of float files only, for integer ones drift with depth. In an integer file the
layers behind a bad one may be bad in isolation too, since what reaches them leaves the range they were calibrated for:
the first is the one to look at.

The file runs on LiteRT's built-in kernels, which keep every tensor; a last row runs it with XNNPACK, as an app does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from os import PathLike

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mobile_robust.contracts.manifest import Metrics
from mobile_robust.contracts.recipe import Tolerance
from mobile_robust.parity.layers.match import data_input, match
from mobile_robust.parity.layers.torch_layers import LayerCall, trace
from mobile_robust.parity.metrics import NotFiniteError, check_tolerance, compare
from mobile_robust.runtimes.base import Arrays
from mobile_robust.runtimes.litert_cpu import LitertCpu
from mobile_robust.tflite import file as tflite_file
from mobile_robust.tflite.file import Operation, TfliteFile

_Values = dict[int, NDArray[np.float32]]
_INTEGER = ("int8", "uint8", "int16")
_DEFAULT_SNR_DB = 25.0
#: An error that grows by more from one layer to the next is a fault; by less it is the drift of rounding.
_JUMP = 20.0

#: ActivationFunctionType of the schema.
_ACTIVATIONS: dict[int, Callable[[Tensor], Tensor]] = {
    0: lambda x: x,
    1: torch.relu,
    2: lambda x: x.clamp(-1, 1),
    3: lambda x: x.clamp(0, 6),
    4: torch.tanh,
}


@dataclass(frozen=True)
class LayerReport:
    """One row of the walk: a layer, or the whole file's output."""

    #: Attribute path of the layer in the network, or "output NAME".
    name: str
    #: The operation in the file and its position, or "XNNPACK" for the whole file run with it.
    op: str
    index: int
    #: Value against PyTorch's, channels first. None: not finite.
    metrics: Metrics | None
    #: The same with PyTorch's layer run on the file's own input. None: not finite, or not possible.
    isolated: Metrics | None
    #: Why this layer, or what lies between it and the layers before, is at fault.
    failures: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is at fault."""
        return not self.failures


@torch.no_grad()
def walk(
    artifact: PathLike[str], model: nn.Module, inputs: Arrays, model_inputs: tuple[Tensor, ...], tolerance: Tolerance
) -> list[LayerReport]:
    """The layers of a .tflite file in its order, then its output without and with XNNPACK.

    Args:
        artifact: The file, of any precision.
        model: The network it was made of (deploy form), with one output.
        inputs: One image's inputs by name, in the file's layout (NHWC).
        model_inputs: The same as the network's arguments (NCHW).
        tolerance: ``max_error`` (of the layer's own range) and ``snr_db`` hold for every layer; of an integer file only
            the SNR does, and only of each layer in isolation. 25 dB where neither is left.

    Raises:
        InputError: The file is truncated, or no TFLite file.
    """
    file = tflite_file.read(artifact)
    calls, output = trace(model, model_inputs)
    pairs = match(file, calls)
    walker = _Walker(file, _file_values(file, inputs), tolerance, {op.index for op, _ in pairs})
    reports = [walker.layer(op, call) for op, call in pairs]
    (name,) = file.outputs
    return [*reports, walker.output(name, output), walker.with_xnnpack(name, output, inputs)]


def first_bad(reports: list[LayerReport]) -> LayerReport | None:
    """The first row at fault; ``None`` where every layer and output is right."""
    return next((report for report in reports if not report.ok), None)


class _Walker:
    """What is known while walking: the file's values, and how far each layer so far was from PyTorch's value."""

    def __init__(self, file: TfliteFile, values: _Values, tolerance: Tolerance, layers: set[int]) -> None:
        self._file = file
        self._values = values
        self._error = dict.fromkeys(layers, 0.0)
        self._integer = any(t.dtype in _INTEGER for op in file.operations for t in op.outputs)
        max_error = None if self._integer else tolerance.max_error
        missing = max_error is None and tolerance.snr_db is None
        self._bound = Tolerance(max_error=max_error, snr_db=_DEFAULT_SNR_DB if missing else tolerance.snr_db)

    def layer(self, op: Operation, call: LayerCall) -> LayerReport:
        activation = _ACTIVATIONS[getattr(op.options, "fusedActivationFunction", 0)]
        folded = not self._scaled_by_next(op)

        def finish(output: Tensor) -> NDArray[np.float32]:
            return activation(call.normalized(output) if folded else output).numpy()

        got = _as_torch(self._values[op.outputs[0].index], call.channels_first, tuple(call.output.shape))
        metrics, failures = self._measure(finish(call.output), got, f"of layer {call.name}")
        self._error[op.index] = _error(metrics)

        isolated, faults = None, self._blame_between(op, metrics, failures)
        if (source := data_input(self._file, op, call)) is not None:
            given = _as_torch(self._values[source.index], call.channels_first, call.input_shape)
            recomputed = finish(call.module(torch.from_numpy(given)))
            isolated, own_faults = self._measure(recomputed, got, f"of layer {call.name} in isolation")
            faults = own_faults or faults
        return LayerReport(call.name, op.name, op.index, metrics, isolated, tuple(faults))

    def output(self, name: str, expected: Tensor) -> LayerReport:
        tensor = self._file.outputs[name]
        op = self._file.producers[tensor.index]
        metrics, failures = self._measure_output(expected, self._values[tensor.index], name)
        if op.index not in self._error:
            failures = self._blame_between(op, metrics, failures) or failures
        return LayerReport(f"output {name}", op.name, op.index, metrics, None, tuple(failures))

    def with_xnnpack(self, name: str, expected: Tensor, inputs: Arrays) -> LayerReport:
        with LitertCpu().open(self._file) as session:
            got = session.predict(inputs)[name]
        label = f"{name} with XNNPACK"
        metrics, failures = self._measure_output(expected, got, label)
        return LayerReport(f"output {label}", "XNNPACK", len(self._file.operations), metrics, None, tuple(failures))

    def _measure_output(
        self, expected: Tensor, got: NDArray[np.float32], label: str
    ) -> tuple[Metrics | None, list[str]]:
        return self._measure(expected.numpy(), _as_torch(got, True, tuple(expected.shape)), label)

    def _measure(
        self, expected: NDArray[np.float32], got: NDArray[np.float32], label: str
    ) -> tuple[Metrics | None, list[str]]:
        try:
            metrics = compare(expected, got)
        except NotFiniteError as error:
            return None, [f"output {label}: {error}"]
        return metrics, check_tolerance(metrics, self._bound, label)

    def _blame_between(self, op: Operation, metrics: Metrics | None, failures: list[str]) -> list[str]:
        """A value far worse than those of the layers before is the fault of what lies between."""
        layers, between = self._upstream(op)
        arrived = max((self._error[layer.index] for layer in layers), default=0.0)
        if not failures or self._integer or _error(metrics) <= _JUMP * arrived:
            return []
        culprits = ", ".join(f"{b.index} {b.name}" for b in between) or "the activation of the layer before"
        return [f"the layers before are right, so look between them and here: {culprits}; {failures[0]}"]

    def _upstream(self, op: Operation) -> tuple[list[Operation], list[Operation]]:
        """The nearest layers before an operation, and the operations on the way to them."""
        layers: list[Operation] = []
        between: dict[int, Operation] = {}
        pending = [op]
        while pending:
            for tensor in pending.pop().runtime_inputs:
                before = self._file.producers.get(tensor.index)
                if before is None or before.index in between:
                    continue
                if before.index in self._error:
                    layers.append(before)
                else:
                    between[before.index] = before
                    pending.append(before)
        return layers, [between[index] for index in sorted(between)]

    def _scaled_by_next(self, op: Operation) -> bool:
        """Whether a batch norm stayed behind the layer as a MUL by one constant per channel instead of being folded."""
        channels = op.outputs[0].shape[-1]
        return any(
            other.name == "MUL"
            and op.outputs[0] in other.inputs
            and any(t is not None and t.constant and math.prod(t.shape) == channels > 1 for t in other.inputs)
            for other in self._file.operations
        )


def _file_values(file: TfliteFile, inputs: Arrays) -> _Values:
    """The real value of every tensor that is computed, by index."""
    given = {tensor.index: tensor.dequantize(tensor.quantize(inputs[name])) for name, tensor in file.inputs.items()}
    with closing(LitertCpu().open_plain(file)) as session:
        session.write(inputs)
        return given | session.values()


def _error(metrics: Metrics | None) -> float:
    return math.inf if metrics is None else metrics.max_error


def _as_torch(value: NDArray[np.float32], channels_first: bool, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A value of the file in PyTorch's layout and shape."""
    moved = np.moveaxis(value, -1, 1) if channels_first and value.ndim == 4 else value
    return np.ascontiguousarray(moved).reshape(shape)
