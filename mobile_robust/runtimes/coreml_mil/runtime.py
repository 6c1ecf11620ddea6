"""Core ML reference runtime: reads a saved ``.mlpackage`` back and executes its operations in PyTorch.

Nothing public executes an ML program off macOS. This runtime executes the very file that ships: its operations in its
order, with the compressed weights it stores, every result rounded to the dtype it declares. A float16 value is kept as
the float32 number it equals: an operation computes in float32 and its result is rounded to float16 once, as hardware
does that accumulates wider than it stores. Hardware that accumulates in float16 drifts further than this.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mobile_robust.coreml_import import import_coremltools
from mobile_robust.errors import InputError, first_line
from mobile_robust.runtimes.base import Arrays, Runtime, Session
from mobile_robust.runtimes.coreml_mil import RUNTIMES
from mobile_robust.runtimes.coreml_mil.ops import OPS
from mobile_robust.runtimes.coreml_mil.package import MOST_VALUES, Package, read_package

#: MIL dtype -> the dtype its values are kept in, where it is not the dtype of the same name.
_KEPT_AS = {"fp32": torch.float32, "fp16": torch.float32, "bool": torch.bool, "int8": torch.int8, "uint8": torch.uint8}


@dataclass(frozen=True)
class _Ref:
    """A reference to a value by name."""

    name: str


@dataclass(frozen=True)
class _Declared:
    """What the file says of a value. A dimension that is not fixed is None."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]

    def conform(self, value: Tensor) -> Tensor:
        """The value rounded to the declared dtype."""
        if self.dtype == "fp16":
            return value.to(torch.float16).to(torch.float32)
        return value.to(_KEPT_AS.get(self.dtype, torch.int32))


@dataclass(frozen=True)
class _Step:
    """One operation: its arguments are constants, references, or lists of them."""

    kind: str
    arguments: dict[str, Any]
    outputs: tuple[_Declared, ...]

    @property
    def reads(self) -> set[str]:
        """Names of the values it needs."""
        flat = (v for a in self.arguments.values() for v in (a if isinstance(a, list) else [a]))
        return {value.name for value in flat if isinstance(value, _Ref)}


class CoremlMil(Runtime):
    """Executes the operations of an ``.mlpackage`` in PyTorch, on any machine."""

    info = RUNTIMES[0]

    def unavailable(self) -> str | None:
        return None  # coremltools is a dependency of the package

    def open(self, artifact: PathLike[str], threads: int = 1) -> MilSession:
        """Raises InputError also where an operation that the outputs depend on is not implemented here."""
        return MilSession(read_package(Path(artifact)))


class MilSession(Session):
    """An ``.mlpackage`` whose weights are decompressed and whose operations wait for inputs."""

    def __init__(self, package: Package) -> None:
        self._package = package
        function = _load_program(package).functions["main"]
        try:
            self._inputs = {name: _declared(variable) for name, variable in function.inputs.items()}
            steps = _needed(_steps(function), package.outputs)
        except Exception as error:  # of a program that the reader took
            raise InputError(f"{package.path}: cannot be read back: {first_line(error)}") from None
        self._constants: dict[str, Any] = {}
        for step in steps:
            if step.kind not in OPS:
                raise InputError(
                    f"{package.path}: operation {step.kind!r} (output {step.outputs[0].name!r}) is not implemented in "
                    f"the Core ML reference runtime"
                )
        self._steps = self._fold(steps)

    def write(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """An image is NCHW with values in [0, 255]. Raises InputError where names or shapes are not the file's."""
        self._package.check_inputs(inputs)
        self._written = {
            name: declared.conform(torch.from_numpy(np.array(inputs[name]))) for name, declared in self._inputs.items()
        }

    def run(self) -> None:
        """Raises InputError where an operation cannot be executed."""
        values = self._constants | self._written
        with torch.inference_mode():
            for step in self._steps:
                values |= self._execute(step, values)
        self._outputs = {name: values[name].float().numpy() for name in self._package.outputs}

    def read(self) -> Arrays:
        return dict(self._outputs)

    def _fold(self, steps: Iterable[_Step]) -> list[_Step]:
        """Executes what depends on weights alone, decompression first of all, and returns the steps that remain."""
        remaining, computed = [], set(self._inputs)
        for step in steps:
            if step.reads & computed:
                computed |= {output.name for output in step.outputs}
                remaining.append(step)
            else:
                self._constants |= self._execute(step, self._constants)
        still_read = {name for step in remaining for name in step.reads} | set(self._package.outputs)
        self._constants = {name: value for name, value in self._constants.items() if name in still_read}
        return remaining

    def _execute(self, step: _Step, known: Mapping[str, Any]) -> dict[str, Tensor]:
        """Outputs of one operation by name, rounded to their declared dtypes."""
        where = f"{self._package.path}: operation {step.kind!r} (output {step.outputs[0].name!r})"
        try:
            result = OPS[step.kind](**{name: _resolve(argument, known) for name, argument in step.arguments.items()})
            results = result if isinstance(result, Sequence) else [result]
            pairs = list(zip(step.outputs, map(torch.as_tensor, results), strict=True))
        except Exception as error:  # whatever PyTorch makes of arguments that a file chose
            raise InputError(f"{where} cannot be executed: {first_line(error)}") from error
        outputs = {}
        for declared, value in pairs:
            sizes = zip(declared.shape, value.shape, strict=False)
            if len(declared.shape) != value.ndim or any(size not in (None, got) for size, got in sizes):
                raise InputError(f"{where} gives shape {list(value.shape)}, the file declares {list(declared.shape)}")
            outputs[declared.name] = declared.conform(value)
        return outputs


def _resolve(argument: Any, known: Mapping[str, Any]) -> Any:
    """An argument with its references replaced by values.

    No closure of ``_execute``: one that calls itself keeps every activation alive until the next garbage collection.
    """
    if isinstance(argument, list):
        return [_resolve(element, known) for element in argument]
    return known[argument.name] if isinstance(argument, _Ref) else argument


def _load_program(package: Package) -> Any:
    """The package's MIL program, with its stored constants."""
    coremltools = import_coremltools()
    load = coremltools.converters.mil.frontend.milproto.load.load
    spec = package.spec
    try:
        program = load(spec, specification_version=spec.specificationVersion, file_weights_dir=str(package.weights))
    except Exception as error:  # the reader raises whatever it stumbles over
        raise InputError(
            f"{package.path}: cannot be read back: {error} (specification version {spec.specificationVersion}, "
            f"weights in {package.weights.relative_to(package.path)}: truncated or missing?)"
        ) from error
    if "main" not in program.functions:
        raise InputError(f"{package.path}: has no function 'main' (it has {', '.join(program.functions)})")
    return program


def _steps(function: Any) -> list[_Step]:
    """All operations but the constants, which become arguments."""
    steps = []
    for operation in function.operations:
        if operation.op_type == "const":
            continue
        arguments = {name: _argument(value) for name, value in operation.inputs.items() if value is not None}
        steps.append(_Step(operation.op_type, arguments, tuple(_declared(v) for v in operation.outputs)))
    return steps


def _needed(steps: Sequence[_Step], outputs: Iterable[str]) -> list[_Step]:
    """The steps that the outputs depend on, in order."""
    wanted, kept = set(outputs), []
    for step in reversed(steps):
        if wanted & {output.name for output in step.outputs}:
            wanted |= step.reads
            kept.append(step)
    return kept[::-1]


def _argument(value: Any) -> Any:
    """A constant's value, or a reference to what another operation or an input gives."""
    if isinstance(value, (list, tuple)):
        return [_argument(element) for element in value]
    if value.op is None or value.op.op_type != "const":
        return _Ref(value.name)
    constant = value.val
    if isinstance(constant, str):
        return constant
    array = np.asarray(constant)
    if array.ndim == 0:
        return array.item()
    if array.dtype.kind == "f":
        return torch.from_numpy(array.astype(np.float32))
    # PyTorch knows few unsigned types; sub-byte integers arrive as (u)int8 already.
    kept = array.dtype if array.dtype in (np.int8, np.uint8, np.bool_) else np.dtype(np.int64)
    return torch.from_numpy(array.astype(kept))


def _declared(variable: Any) -> _Declared:
    types = import_coremltools().converters.mil.mil.types
    shape = tuple(int(size) if isinstance(size, (int, np.integer)) else None for size in variable.shape)
    if math.prod(size for size in shape if size is not None) > MOST_VALUES:
        raise ValueError(f"{variable.name} has the shape {list(shape)}; at most {MOST_VALUES} values")
    return _Declared(variable.name, types.builtin_to_string(variable.dtype), shape)
