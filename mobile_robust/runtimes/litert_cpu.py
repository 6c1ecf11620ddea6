"""LiteRT on the CPU: XNNPACK for what it takes, LiteRT's own kernels for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from mobile_robust.contracts.manifest import Placement
from mobile_robust.contracts.recipe import Target
from mobile_robust.errors import InputError
from mobile_robust.quiet import quiet
from mobile_robust.runtimes.base import Arrays, Runtime, Session
from mobile_robust.tflite import file as tflite_file


class LitertCpu(Runtime):
    """The runtime every phone has. An operation that XNNPACK leaves to LiteRT's own kernels is told, not a failure.

    Args:
        num_threads: Threads of the interpreter and of XNNPACK.
    """

    name = "litert_cpu"
    target: Target = "tflite"

    def __init__(self, num_threads: int = 1) -> None:
        self.num_threads = num_threads

    def unavailable(self) -> str | None:
        """The import error where ai-edge-litert does not load here."""
        try:
            import_module("ai_edge_litert.interpreter")
        except ImportError as error:
            return f"ai-edge-litert does not load: {error}; pip install ai-edge-litert"
        return None

    def open(self, artifact: Path) -> CpuSession:
        """See ``Runtime.open``; never raises ``PlacementError``."""
        from ai_edge_litert.interpreter import Interpreter

        file = tflite_file.read(artifact)
        try:
            with quiet():
                interpreter = Interpreter(model_path=str(artifact), num_threads=self.num_threads)
                interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise InputError(f"{artifact}: LiteRT cannot prepare it: {error}") from None
        return CpuSession(file, interpreter)


class CpuSession(Session):
    """A file in an interpreter.

    Attributes:
        partitions: Indices of the operations that each of XNNPACK's nodes took, in the order in which the nodes run.
    """

    def __init__(self, file: tflite_file.TfliteFile, interpreter: Any) -> None:
        self._file = file
        self._interpreter: Any = interpreter
        self.partitions = partitions(file, interpreter._get_ops_details())
        self.placement = placement(file, self.partitions, "xnnpack")

    def run(self, inputs: Arrays) -> Arrays:
        """See ``Session.run``."""
        for name, tensor in self._file.inputs.items():
            self._interpreter.set_tensor(tensor.index, tensor.quantize(inputs[name]))
        self._interpreter.invoke()
        return {
            name: tensor.dequantize(self._interpreter.get_tensor(tensor.index))
            for name, tensor in self._file.outputs.items()
        }

    def close(self) -> None:
        """See ``Session.close``."""
        self._interpreter = None


def partitions(file: tflite_file.TfliteFile, nodes: Sequence[Mapping[str, Any]]) -> tuple[frozenset[int], ...]:
    """What XNNPACK took: from the outputs of each of its nodes back to the node's inputs.

    The interpreter appends a DELEGATE node per partition and keeps the file's own operations in its list.

    Args:
        file: The file.
        nodes: The interpreter's list: for each operation its "inputs" and "outputs", by index of the tensors.
    """
    found: list[frozenset[int]] = []
    for node in nodes[len(file.operations) :]:
        taken: set[int] = set()
        borders = {int(i) for i in node["inputs"]}
        pending = [int(i) for i in node["outputs"]]
        while pending:
            op = file.producers.get(pending.pop())
            if op is not None and op.index not in taken:
                taken.add(op.index)
                pending += [t.index for t in op.inputs if t is not None and t.index not in borders]
        found.append(frozenset(taken))
    return tuple(found)


def placement(file: tflite_file.TfliteFile, taken_parts: Sequence[frozenset[int]], accelerator: str) -> Placement:
    """The same as the manifest has it."""
    taken = frozenset().union(*taken_parts)
    left = tuple(str(op) for op in file.operations if op.index not in taken)
    return Placement(accelerator=accelerator, total_ops=len(file.operations), placed_ops=len(taken), left_over=left)
