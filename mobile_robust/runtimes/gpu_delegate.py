"""The Android GPU delegate's op table as a check of a file: it executes nothing.

The check was removed from TensorFlow's and LiteRT's own analyzers, which call every file compatible (tensorflow issue
77042). The facts here are those of tflite/tools/versioning/gpu_compatibility.cc of google-ai-edge/LiteRT, 2026, and of
tensors of at most four dimensions. What is measured on the GPU engine of ai-edge-litert 2.3 is marked as such.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from os import PathLike

from mobile_robust.contracts.manifest import ParityResult, Placement
from mobile_robust.runtimes.registry import RuntimeInfo
from mobile_robust.tflite import file as tflite_file
from mobile_robust.tflite.file import Operation, TfliteFile

RUNTIMES = (
    RuntimeInfo(
        name="gpu_delegate_ops",
        target="tflite",
        accelerator="gpu",
        implementation=f"{__name__}:check_op_table",
        description="runs nothing: looks every operation up in the op table of Android's GPU delegate",
        executes=False,
    ),
)
_MAX_DIMENSIONS = 4
#: Operations of a cause whose positions in the file are given.
_NAMED = 5
_HALF_OR_FLOAT = ("float16", "float32")

Rule = Callable[[Operation], str | None]


def check_op_table(artifact: PathLike[str]) -> ParityResult:
    """Whether the delegate's table has every operation of a file in the form it is used in; one failure a cause."""
    start = time.perf_counter()
    file = tflite_file.read(artifact)
    refused = list(refusals(file))
    return ParityResult(
        runtime=RUNTIMES[0].name,
        verdict="fail" if refused else "pass",
        placement=Placement(
            accelerator="gpu",
            total_ops=len(file.operations),
            placed_ops=len(file.operations) - len(refused),
            left_over=tuple(str(op) for op, _ in refused),
        ),
        failures=tuple(causes(refused)),
        seconds=time.perf_counter() - start,
    )


def refusals(file: TfliteFile) -> Iterator[tuple[Operation, str]]:
    """The operations that the table lacks, each with the reason, in order."""
    for op in file.operations:
        rule = _RULES.get(op.name)
        try:
            reason = f"the delegate has no {op.name}" if rule is None else rule(op) or _too_many_dimensions(op)
        except (IndexError, ValueError, AttributeError):  # of a malformed file
            reason = f"its tensors or options are not those of {op.name}"
        if reason:
            yield op, reason


def causes(refused: Iterable[tuple[Operation, str]]) -> Iterator[str]:
    """A sentence for all operations of a kind that are refused for the same reason: how many, why, and where."""
    grouped: dict[tuple[str, str], list[Operation]] = defaultdict(list)
    for op, reason in refused:
        grouped[op.name, reason].append(op)
    for (name, reason), ops in grouped.items():
        if len(ops) == 1:
            yield f"operation {ops[0].index}, {ops[0]}: {reason}"
            continue
        more = f" and {len(ops) - _NAMED} more" if len(ops) > _NAMED else ""
        yield f"{len(ops)} {name}: {reason} (operations {', '.join(str(op.index) for op in ops[:_NAMED])}{more})"


def _too_many_dimensions(op: Operation) -> str | None:
    for tensor in (*op.runtime_inputs, *op.outputs):
        if len(tensor.shape) > _MAX_DIMENSIONS:
            return f"a tensor has {len(tensor.shape)} dimensions, at most {_MAX_DIMENSIONS}"
    return None


def _any(op: Operation) -> None:
    return None


def _one_input(op: Operation) -> str | None:
    count = len(op.runtime_inputs)
    return None if count == 1 else f"{count} inputs are computed in the graph, must be 1"


def _two_operands(op: Operation) -> str | None:
    if len(op.inputs) == 2 and op.runtime_inputs:
        return None
    return "must have two operands, at least one of them computed in the graph"


def _constant_axes(op: Operation) -> str | None:
    axes = op.inputs[1]
    if axes is None or not axes.constant or axes.dtype != "int32":
        return "the axes must be a constant of int32"
    return _one_input(op)


def _at_most_two_inputs(op: Operation) -> str | None:
    count = len(op.runtime_inputs)
    return None if count <= 2 else f"{count} inputs are computed in the graph, at most 2"


def _convolution_2d(op: Operation) -> str | None:
    image, filters = op.inputs[:2]
    if image is None or filters is None:
        return "image or filters are missing"
    if not filters.constant and filters.shape[3] != image.shape[3]:
        return "grouped with filters computed in the graph: the GPU engine computes wrong values (measured)"
    return _at_most_two_inputs(op)


def _depthwise(op: Operation) -> str | None:
    image = op.inputs[0]
    if op.options.depthMultiplier != 1 and image is not None and image.shape[3] != 1:
        return f"depth multiplier {op.options.depthMultiplier} on {image.shape[3]} channels, must be 1 (or 1 channel)"
    return _at_most_two_inputs(op)


def _fully_connected(op: Operation) -> str | None:
    if op.options.weightsFormat != 0:
        return "shuffled weights"
    image = op.inputs[0]
    if op.options.keepNumDims and image is not None and len(image.shape) != len(op.outputs[0].shape):
        return "keep_num_dims with another number of dimensions in the output"
    return _at_most_two_inputs(op)


def _broadcast(op: Operation) -> str | None:
    a, b = op.inputs
    if a is None or b is None:
        return "must have two inputs"
    pairs = zip(reversed(a.shape), reversed(b.shape), strict=False)
    if any(m != n and 1 not in (m, n) for m, n in pairs):
        return f"cannot broadcast {list(a.shape)} with {list(b.shape)}"
    return None


def _cast(op: Operation) -> str | None:
    source, target = op.inputs[0], op.outputs[0]
    kinds = (source.dtype if source else "none", target.dtype)
    numbers = all(kind in ("float32", "int32") for kind in kinds)
    truth = "bool" in kinds and any(kind in _HALF_OR_FLOAT for kind in kinds)
    return _one_input(op) if numbers or truth else f"cast from {kinds[0]} to {kinds[1]}"


def _dequantize(op: Operation) -> str | None:
    source = op.inputs[0]
    return "dequantizes int16" if source is not None and source.dtype == "int16" else None


def _gather(op: Operation) -> str | None:
    indices = op.inputs[1]
    return None if indices and indices.dtype == "int32" and len(indices.shape) == 1 else "indices must be 1-D int32"


def _pad(op: Operation) -> str | None:
    paddings = op.inputs[1]
    if op.name == "MIRROR_PAD" and op.options.mode != 0:
        return "mirror padding must be REFLECT"
    if paddings is None or paddings.shape not in ((3, 2), (4, 2)):
        return f"paddings must be 3x2 or 4x2, are {'x'.join(map(str, paddings.shape)) if paddings else 'missing'}"
    return _one_input(op)


def _slice(op: Operation) -> str | None:
    source = op.inputs[0]
    masks = ("ellipsisMask", "newAxisMask", "shrinkAxisMask") if op.name == "STRIDED_SLICE" else ()
    used = [mask for mask in masks if getattr(op.options, mask)]
    if used:
        return f"{', '.join(used)} is set"
    return None if source and len(source.shape) in (3, 4) else "must slice a tensor of 3 or 4 dimensions"


def _select(op: Operation) -> str | None:
    condition, *values = op.inputs
    if condition is None or condition.dtype not in ("bool", *_HALF_OR_FLOAT):
        return "the condition must be bool or float"
    for value in values:
        if value is None or value.dtype not in _HALF_OR_FLOAT:
            return "both values must be float"
        if value.shape not in ((), (1,), op.outputs[0].shape):
            return "both values must have the output's shape or be scalars"
    return None


def _softmax(op: Operation) -> str | None:
    return None if op.options.beta == 1 else f"beta is {op.options.beta:g}, must be 1"


def _cumsum(op: Operation) -> str | None:
    source, axis = op.inputs
    if source is None or source.dtype not in _HALF_OR_FLOAT or axis is None or not axis.constant:
        return "must sum float values along a constant axis"
    return None


_TABLE: tuple[tuple[str, Rule], ...] = (
    ("ADD_N BATCH_MATMUL CONCATENATION LEAKY_RELU PACK PRELU RELU RELU6 RELU_N1_TO_1 SPLIT SPLIT_V", _any),
    ("RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RESHAPE TRANSPOSE TILE TOPK_V2 QUANTIZE", _one_input),
    ("AVERAGE_POOL_2D MAX_POOL_2D DEPTH_TO_SPACE SPACE_TO_DEPTH HARD_SWISH GELU ELU TANH LOGISTIC", _one_input),
    ("ABS CEIL COS EXP FLOOR LOG LOGICAL_NOT NEG ROUND RSQRT SIGN SIN SQRT SQUARE", _one_input),
    ("ATAN2 DIV FLOOR_DIV FLOOR_MOD MAXIMUM MINIMUM POW RIGHT_SHIFT SQUARED_DIFFERENCE SUB", _two_operands),
    ("EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND LOGICAL_OR NOT_EQUAL", _two_operands),
    ("STABLEHLO_REMAINDER STABLEHLO_SHIFT_LEFT", _two_operands),
    ("MEAN REDUCE_ALL REDUCE_ANY REDUCE_MAX REDUCE_MIN REDUCE_PROD REVERSE_V2 SUM", _constant_axes),
    ("ADD MUL", _broadcast),
    ("CAST", _cast),
    ("CONV_2D", _convolution_2d),
    ("CUMSUM", _cumsum),
    ("DEPTHWISE_CONV_2D", _depthwise),
    ("DEQUANTIZE", _dequantize),
    ("FULLY_CONNECTED", _fully_connected),
    ("GATHER", _gather),
    ("MIRROR_PAD PAD PADV2", _pad),
    ("SELECT SELECT_V2", _select),
    ("SLICE STRIDED_SLICE", _slice),
    ("SOFTMAX", _softmax),
    ("TRANSPOSE_CONV", _at_most_two_inputs),
)
_RULES = {name: rule for names, rule in _TABLE for name in names.split()}
