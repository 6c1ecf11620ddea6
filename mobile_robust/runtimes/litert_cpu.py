"""LiteRT on the CPU: XNNPACK for what it takes, LiteRT's own kernels for the rest."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobile_robust.contracts.manifest import Placement
from mobile_robust.documents import parse_json
from mobile_robust.errors import InputError
from mobile_robust.runtimes import litert_worker
from mobile_robust.runtimes.base import Arrays, Session, TimedRuntime
from mobile_robust.runtimes.process import Message, Worker, WorkerSession, launch
from mobile_robust.runtimes.registry import RuntimeInfo
from mobile_robust.tflite import file as tflite_file
from mobile_robust.tflite.file import FileTensor, TfliteFile

RUNTIMES = (
    RuntimeInfo(
        name="litert_cpu",
        target="tflite",
        accelerator="cpu",
        implementation=f"{__name__}:LitertCpu",
        description="LiteRT on this machine's CPU: XNNPACK, and LiteRT's own kernels for what it leaves",
        packages=("ai-edge-litert",),
        quick=True,
        timed=True,
        quantizes=True,
    ),
)


class LitertCpu(TimedRuntime):
    """The runtime every phone has. An operation that XNNPACK leaves to LiteRT's own kernels is reported, no failure."""

    info = RUNTIMES[0]
    computes_in_caller = True

    def unavailable(self) -> str | None:
        try:
            self.import_engine()
        except ImportError as error:
            return f"ai-edge-litert does not load: {error}; pip install ai-edge-litert"
        return None

    def import_engine(self) -> None:
        import_module("ai_edge_litert.interpreter")

    def open(self, artifact: PathLike[str], threads: int = 1) -> InterpreterSession:
        """Never raises ``PlacementError``."""
        file = tflite_file.read(artifact)
        return InterpreterSession(file, file.path.read_bytes(), _process(), "LiteRT", "xnnpack", threads)

    def open_plain(self, file: TfliteFile) -> InterpreterSession:
        """With LiteRT's own kernels alone, and the values of all tensors."""
        return InterpreterSession(file, file.path.read_bytes(), _process(), "LiteRT", "cpu", plain=True)

    def load(self, artifact: PathLike[str], threads: int = 1) -> CpuSession:
        return CpuSession(artifact, threads)


def _process() -> dict[str, Any]:
    return launch(litert_worker.__name__, [], {})


class InterpreterSession(WorkerSession):
    """A file in the interpreter of a process of its own, whose crash is an error of the file.

    Args:
        file: What was read of it.
        content: Its bytes, perhaps with more metadata.
        process: Arguments that start ``litert_worker``.
        engine: Its name in error messages.
        accelerator: As the placement calls it.
        threads: Of the interpreter.
        plain: No delegate takes an operation, and :meth:`values` are kept.

    Raises:
        InputError: The interpreter cannot prepare the file, or crashes on it.
    """

    def __init__(
        self,
        file: TfliteFile,
        content: bytes,
        process: Mapping[str, Any],
        engine: str,
        accelerator: str,
        threads: int = 1,
        plain: bool = False,
    ) -> None:
        super().__init__(file, Worker(**process), engine)
        kind = "open plain" if plain else "open"
        try:
            model = {"model": np.frombuffer(content, np.uint8)}
            opened = self._worker.ask(Message(kind, str(threads), model))
            if opened.kind == "error":
                raise InputError(f"{file.path}: {engine} cannot prepare it: {' '.join(opened.text.split())}")
        except BaseException:
            self.close()
            raise
        self.placement = placement(file, parse_json(opened.text), accelerator)

    def values(self) -> dict[int, NDArray[np.float32]]:
        """After :meth:`write`: every tensor that an operation gives, dequantized, by index."""
        stored = self.ask("values").arrays
        tensors = self._file.tensors
        return {int(index): tensors[int(index)].dequantize(values) for index, values in stored.items()}


class CpuSession(Session):
    """A file in an interpreter of this process, which crashes with it."""

    def __init__(self, artifact: PathLike[str], threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter: Any = Interpreter(model_path=os.fspath(artifact), num_threads=threads)
        self._interpreter.allocate_tensors()
        runner = self._interpreter.get_signature_runner()
        self._inputs = {name: _tensor(details) for name, details in runner.get_input_details().items()}
        self._outputs = {name: _tensor(details) for name, details in runner.get_output_details().items()}

    def write(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        for name, tensor in self._inputs.items():
            self._interpreter.set_tensor(tensor.index, tensor.quantize(inputs[name]))

    def run(self) -> None:
        self._interpreter.invoke()

    def read(self) -> Arrays:
        get = self._interpreter.get_tensor
        return {name: tensor.dequantize(get(tensor.index)) for name, tensor in self._outputs.items()}

    def close(self) -> None:
        self._interpreter = None


def _tensor(details: Mapping[str, Any]) -> FileTensor:
    """An input or output as the interpreter describes it: a file that is timed is not parsed in its process."""
    quantization = details["quantization_parameters"]
    return FileTensor(
        index=details["index"],
        name=details["name"],
        shape=tuple(map(int, details["shape"])),
        dtype=details["dtype"].__name__,
        constant=False,
        scale=tuple(map(float, quantization["scales"])),
        zero_point=tuple(map(int, quantization["zero_points"])),
    )


def placement(file: TfliteFile, nodes: Sequence[Mapping[str, Any]], accelerator: str) -> Placement:
    """What XNNPACK took: from the outputs of each of its nodes back to the node's inputs.

    ``nodes`` is the interpreter's list: the file's operations and then a DELEGATE node per partition, each with its
    "inputs" and "outputs" by index of the tensors.
    """
    taken: set[int] = set()
    for node in nodes[len(file.operations) :]:
        inputs = {int(i) for i in node["inputs"]}
        pending = [int(i) for i in node["outputs"]]
        while pending:
            op = file.producers.get(pending.pop())
            if op is not None and op.index not in taken:
                taken.add(op.index)
                pending += [t.index for t in op.inputs if t is not None and t.index not in inputs]
    left = tuple(str(op) for op in file.operations if op.index not in taken)
    return Placement(accelerator=accelerator, total_ops=len(file.operations), placed_ops=len(taken), left_over=left)
