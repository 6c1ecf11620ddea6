"""The LiteRT GPU engine, the one phones use: here on WebGPU over Vulkan, or over SwiftShader where there is no GPU."""

from __future__ import annotations

import re
from pathlib import Path

from mobile_robust.contracts.manifest import Placement
from mobile_robust.contracts.recipe import Target
from mobile_robust.runtimes.base import Arrays, EngineError, PlacementError, Runtime, Session
from mobile_robust.runtimes.gpu_delegate import refusals
from mobile_robust.runtimes.litert_gpu import driver as litert_gpu_driver
from mobile_robust.runtimes.litert_gpu.driver import WORKER
from mobile_robust.runtimes.messages import Message
from mobile_robust.runtimes.process import Worker
from mobile_robust.tflite import file as tflite_file


class LitertGpu(Runtime):
    """Asks for the GPU alone, so that no operation can fall back to the CPU unseen, and computes in float32."""

    name = "litert_gpu"
    target: Target = "tflite"

    def unavailable(self) -> str | None:
        """Opens a one-operation file, once per process, with the machine's own driver and then with SwiftShader."""
        return litert_gpu_driver.find()[1]

    def open(self, artifact: Path) -> Session:
        """See ``Runtime.open``. ``PlacementError`` also where the engine crashes on the file.

        Raises:
            RuntimeError: This machine cannot run the engine (see ``unavailable``).
        """
        file = tflite_file.read(artifact)
        variables, reason = litert_gpu_driver.find()
        if variables is None:
            raise RuntimeError(reason)
        return _GpuSession(file, variables)


class _GpuSession(Session):
    """A worker process that holds the opened file."""

    def __init__(self, file: tflite_file.TfliteFile, variables: dict[str, str]) -> None:
        self._file = file
        self._worker = Worker(WORKER, [str(file.path)], variables)
        try:
            answer = self._worker.receive()
            log = self._worker.log()
            if answer.kind != "open":
                raise _refusal(file, log, answer.text or "not every operation is on the GPU")
        except BaseException:
            self.close()
            raise
        adapter = re.search(r"Selected adapter: ([^\n]*?), arch=", log)
        total = len(file.operations)
        self.placement = Placement(
            accelerator=f"gpu ({adapter[1]})" if adapter else "gpu", total_ops=total, placed_ops=total
        )

    def run(self, inputs: Arrays) -> Arrays:
        stored = {name: tensor.quantize(inputs[name]) for name, tensor in self._file.inputs.items()}
        self._worker.send(Message("inputs", arrays=stored))
        answer = self._worker.receive()
        if answer.kind == "error":
            raise EngineError(f"{self._file.path}: the GPU engine failed: {answer.text}")
        return {name: tensor.dequantize(answer.arrays[name]) for name, tensor in self._file.outputs.items()}

    def close(self) -> None:
        self._worker.close()


def _refusal(file: tflite_file.TfliteFile, log: str, error: str) -> PlacementError:
    """The operations the engine's log names, as "NAME (reason)"; where it names none, those the op table lacks."""
    section = re.search(
        r"operations are not supported by GPU delegate:\n(.*?operations will run on the [^\n]*)", log, re.DOTALL
    )
    if section is not None:
        *lines, counts = section[1].splitlines()
        refused = tuple(re.sub(r"^([A-Z0-9_]+): (.+)$", r"\1 (\2)", line.strip()) for line in lines)
        return PlacementError(f"{file.path}: the GPU engine refuses {'; '.join(refused)}. {counts.strip()}", refused)
    suspects = tuple(f"{op} ({why})" for op, why in refusals(file))
    hint = f" Not in the GPU delegate's op table: {'; '.join(suspects)}" if suspects else ""
    return PlacementError(f"{file.path}: the GPU engine cannot open it: {' '.join(error.split())}{hint}", suspects)
