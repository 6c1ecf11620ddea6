"""What is inside a .tflite file: its operations in order, their tensors, the signature and the metadata."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobile_robust.errors import InputError

_IDENTIFIER = b"TFL3"
_FLOAT = frozenset({"float16", "bfloat16", "float32", "float64"})
#: Operations that only convert between float and integer.
_CONVERSIONS = frozenset({"QUANTIZE", "DEQUANTIZE"})
#: Of a tensor: as float32 2 GiB, which is all that the file itself may have.
_MOST_VALUES = 2**29
_LOOPS = frozenset({"WHILE", "STABLEHLO_WHILE"})


@dataclass(frozen=True)
class FileTensor:
    """A tensor of the file.

    ``constant``: its value comes with the file, stored or dequantized from a stored one (as fp16 weights are).
    ``scale`` and ``zero_point`` are of length 1, of quantized weights one per channel, of a float tensor empty.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    constant: bool
    scale: tuple[float, ...] = ()
    zero_point: tuple[int, ...] = ()

    @property
    def is_float(self) -> bool:
        """True for every floating-point type."""
        return self.dtype in _FLOAT

    def dequantize(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """real = scale * (stored - zero_point), of no weights; a tensor without a scale is only cast."""
        if not self.scale:
            return stored.astype(np.float32)
        return ((stored - np.float64(self.zero_point[0])) * self.scale[0]).astype(np.float32)

    def quantize(self, real: NDArray[Any]) -> NDArray[Any]:
        """The nearest stored value, clipped to the type's limits, likewise."""
        if not self.scale:
            return real.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        stored = np.rint(np.asarray(real, np.float64) / self.scale[0]) + self.zero_point[0]
        return np.clip(stored, limits.min, limits.max).astype(self.dtype)


@dataclass(frozen=True)
class Operation:
    """One operation. ``options`` are the builtin options of the schema, or ``None``; a missing input is ``None``."""

    index: int
    name: str
    inputs: tuple[FileTensor | None, ...]
    outputs: tuple[FileTensor, ...]
    options: Any

    @property
    def runtime_inputs(self) -> tuple[FileTensor, ...]:
        """The inputs that are neither constant nor missing."""
        return tuple(t for t in self.inputs if t is not None and not t.constant)

    def __str__(self) -> str:
        return f"{self.name} -> {', '.join(t.name for t in self.outputs)}"


@dataclass(frozen=True)
class TfliteFile:
    """The primary subgraph of a file, which stands for the path wherever one is taken.

    ``inputs`` and ``outputs`` go by signature name (tensor name without one).
    """

    path: Path
    signature: str | None
    inputs: dict[str, FileTensor]
    outputs: dict[str, FileTensor]
    tensors: tuple[FileTensor, ...]
    operations: tuple[Operation, ...]
    metadata: dict[str, bytes]

    def __fspath__(self) -> str:
        return str(self.path)

    @cached_property
    def op_counts(self) -> dict[str, int]:
        """Operation name -> count, most frequent first."""
        return dict(Counter(op.name for op in self.operations).most_common())

    @cached_property
    def producers(self) -> dict[int, Operation]:
        """Index of a computed tensor -> the operation that computes it."""
        return {tensor.index: op for op in self.operations for tensor in op.outputs}


def read(artifact: PathLike[str]) -> TfliteFile:
    """Reads a file after the runtime's own verifier has accepted it. One that was read already is returned as it is.

    Raises:
        InputError: Missing, truncated, damaged, or not a TFLite file; or it holds an operation unknown to the runtime.
    """
    if isinstance(artifact, TfliteFile):
        return artifact
    path = Path(artifact)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if content[4:8] != _IDENTIFIER:
        raise InputError(f"{path}: not a TFLite file: bytes 4-7 are {content[4:8]!r}, not {_IDENTIFIER!r}")
    _verify(path, content)
    from ai_edge_litert import schema_py_generated as schema

    try:
        return _unpack(path, schema.ModelT.InitFromPackedBuf(content, 0), schema)
    except (struct.error, IndexError, KeyError, TypeError, ValueError, AttributeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: damaged TFLite file: {type(error).__name__}: {error}") from None


def names_of(enumeration: type) -> dict[int, str]:
    """Code -> name, of an enumeration of the schema."""
    return {code: name for name, code in vars(enumeration).items() if isinstance(code, int)}


def float_operations(
    artifact: PathLike[str], allowed: Collection[str] = (), tensors: Collection[str] = ()
) -> list[str]:
    """The operations of an int8 file that compute in floating point, as "NAME -> output tensor", in order.

    Not named are the QUANTIZE and DEQUANTIZE at the file's inputs and outputs and around a float operation, the
    operations with names in ``allowed``, and those that give ``tensors``.
    """
    file = read(artifact)
    compute = [op for op in file.operations if op.name not in _CONVERSIONS and any(t.is_float for t in _flowing(op))]
    excused = {t.index for op in compute for t in (*op.inputs, *op.outputs) if t is not None}
    excused |= {t.index for t in (*file.inputs.values(), *file.outputs.values())}
    pairs = [
        op
        for op in file.operations
        if op.name in _CONVERSIONS and any(t.is_float and t.index not in excused for t in _flowing(op))
    ]
    compute = [op for op in compute if not any(t.name in tensors for t in op.outputs)]
    return [str(op) for op in sorted(compute + pairs, key=lambda op: op.index) if op.name not in allowed]


def _flowing(op: Operation) -> tuple[FileTensor, ...]:
    return op.runtime_inputs + op.outputs


def _verify(path: Path, content: bytes) -> None:
    """Lets the runtime check every offset of the buffer: reading a damaged one from Python could go anywhere."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    try:
        Interpreter(
            model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        )
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        if "Flatbuffer" in reason or "out of range offset" in reason:
            reason = "truncated or damaged"
        raise InputError(f"{path}: not a TFLite file this runtime can read: {reason}") from None


def _unpack(path: Path, model: Any, schema: Any) -> TfliteFile:
    type_names = {code: name.lower() for code, name in names_of(schema.TensorType).items()}
    op_names = names_of(schema.BuiltinOperator)
    graph = model.subgraphs[0]
    constant = {i for i, raw in enumerate(_tuple(graph.tensors)) if _stored(model.buffers[raw.buffer])}

    def op_name(raw: Any) -> str:
        code = model.operatorCodes[raw.opcodeIndex]
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        return _text(code.customCode) if number == schema.BuiltinOperator.CUSTOM else op_names[number]

    loops = {op_name(raw) for each in _tuple(model.subgraphs) for raw in _tuple(each.operators)} & _LOOPS
    if loops:
        raise ValueError(f"it holds {loops.pop()}, which may never end; this project's files have no loops")
    for raw in _tuple(graph.operators):
        if op_name(raw) == "DEQUANTIZE" and raw.inputs[0] in constant:
            constant.add(raw.outputs[0])

    def tensor(index: int, raw: Any) -> FileTensor:
        quantization = raw.quantization or schema.QuantizationParametersT()
        scale = tuple(map(float, _tuple(quantization.scale)))
        made = FileTensor(
            index=index,
            name=_text(raw.name),
            shape=tuple(map(int, _tuple(raw.shape))),
            dtype=type_names[raw.type],
            constant=index in constant,
            scale=scale,
            zero_point=tuple(map(int, _tuple(quantization.zeroPoint))) or (0,) * len(scale),
        )
        _check(made)
        return made

    tensors = tuple(tensor(i, raw) for i, raw in enumerate(_tuple(graph.tensors)))

    def operation(index: int, raw: Any) -> Operation:
        return Operation(
            index=index,
            name=op_name(raw),
            inputs=tuple(tensors[i] if i >= 0 else None for i in _tuple(raw.inputs)),
            outputs=tuple(tensors[i] for i in _tuple(raw.outputs) if i >= 0),
            options=raw.builtinOptions,
        )

    signatures = [s for s in _tuple(model.signatureDefs) if s.subgraphIndex == 0]
    signature = signatures[0] if signatures else None
    return TfliteFile(
        path=path,
        signature=_text(signature.signatureKey) if signature else None,
        inputs=_named(signature.inputs if signature else None, graph.inputs, tensors),
        outputs=_named(signature.outputs if signature else None, graph.outputs, tensors),
        tensors=tensors,
        operations=tuple(operation(i, raw) for i, raw in enumerate(_tuple(graph.operators))),
        metadata={_text(m.name): bytes(model.buffers[m.buffer].data) for m in _tuple(model.metadata)},
    )


def _check(tensor: FileTensor) -> None:
    """Raises ValueError where no runtime could hold the tensor, or its values could not be dequantized."""
    if min(tensor.shape, default=0) < 0 or math.prod(tensor.shape) > _MOST_VALUES:
        raise ValueError(f"tensor {tensor.name} has the shape {list(tensor.shape)}; at most {_MOST_VALUES} values")
    if len(tensor.zero_point) != len(tensor.scale) or not all(map(math.isfinite, tensor.scale)):
        raise ValueError(f"tensor {tensor.name} is not quantized by one finite scale and one zero point a channel")


def _stored(buffer: Any) -> bool:
    """Whether a buffer has content: inside the flatbuffer, or behind it at an offset, as large files have it."""
    return buffer.data is not None or buffer.size > 0


def _named(maps: Any, indices: Any, tensors: tuple[FileTensor, ...]) -> dict[str, FileTensor]:
    if maps is not None:
        return {_text(m.name): tensors[m.tensorIndex] for m in maps}
    return {tensors[i].name: tensors[i] for i in _tuple(indices)}


def _tuple(values: Any) -> tuple[Any, ...]:
    """The generated reader gives ``None`` for an empty vector and NumPy arrays for numbers."""
    return () if values is None else tuple(values)


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
