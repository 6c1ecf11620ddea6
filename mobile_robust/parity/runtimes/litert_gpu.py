"""The LiteRT GPU engine, the one phones use: here on WebGPU over Vulkan, or over SwiftShader where there is no GPU."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from mobile_robust.contracts.manifest import Placement
from mobile_robust.contracts.recipe import Target
from mobile_robust.parity import tflite_file
from mobile_robust.parity.runtimes import litert_gpu_driver
from mobile_robust.parity.runtimes.base import Arrays, PlacementError, Runtime, Session
from mobile_robust.parity.runtimes.gpu_delegate import refusals
from mobile_robust.parity.runtimes.litert_gpu_worker import launch
from mobile_robust.parity.runtimes.messages import Message, receive, send


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
        self._worker = _Worker(file.path, variables)
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
        self._worker.send(stored)
        answer = self._worker.receive()
        if answer.kind == "error":
            raise RuntimeError(f"{self._file.path}: the GPU engine failed: {answer.text}")
        return {name: tensor.dequantize(answer.arrays[name]) for name, tensor in self._file.outputs.items()}

    def close(self) -> None:
        self._worker.close()


class _Worker:
    """Starts ``litert_gpu_worker`` on a file and talks to it."""

    def __init__(self, path: Path, variables: dict[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name) / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                **launch(path, variables), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )

    def send(self, arrays: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # receive() says why the process is gone
            send(self._process.stdin, Message("inputs", arrays=arrays))

    def receive(self) -> Message:
        """The worker's next message; of kind "error" with how it died where it died."""
        assert self._process.stdout is not None
        try:
            return receive(self._process.stdout)
        except EOFError:
            code = self._process.wait()
            how = f"crashed ({signal.Signals(-code).name})" if code < 0 else f"ended with exit code {code}"
            return Message("error", f"the engine's process {how}. {_last_lines(self.log())}".rstrip())

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()


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


def _last_lines(log: str, count: int = 3) -> str:
    """The end of the engine's log without the lines that only inform."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return " | ".join([line for line in lines if not re.match(r"INFO|WARNING|I\d{4} |.*openvino", line)][-count:])
