"""The GPU engine as a runtime: held by a process of its own, or by this one where it is timed."""

from __future__ import annotations

import re
from importlib import import_module
from os import PathLike

from mobile_robust.contracts.manifest import Placement
from mobile_robust.runtimes.base import PlacementError, Session, TimedRuntime
from mobile_robust.runtimes.gpu_delegate import causes, refusals
from mobile_robust.runtimes.litert_gpu import RUNTIMES, driver
from mobile_robust.runtimes.litert_gpu.driver import WORKER
from mobile_robust.runtimes.litert_gpu.session import GpuSession
from mobile_robust.runtimes.process import Worker, WorkerSession, launch
from mobile_robust.tflite import file as tflite_file
from mobile_robust.tflite.file import TfliteFile


class LitertGpu(TimedRuntime):
    """Asks for the GPU and nothing else, so that no operation can fall back to the CPU unseen; float32."""

    info = RUNTIMES[0]

    def unavailable(self) -> str | None:
        """Opens a one-operation file, once per process, with the machine's own driver and then with SwiftShader."""
        return driver.find()[1]

    def environment(self) -> dict[str, str]:
        return driver.find()[0] or {}

    def import_engine(self) -> None:
        import_module("ai_edge_litert.compiled_model")

    def open(self, artifact: PathLike[str], threads: int = 1) -> Session:
        """Raises ``PlacementError`` also where the engine crashes on the file."""
        file = tflite_file.read(artifact)
        variables, reason = driver.find()
        if variables is None:
            raise RuntimeError(reason)
        return _WorkerSession(file, variables)

    def load(self, artifact: PathLike[str], threads: int = 1) -> Session:
        return GpuSession(artifact)


class _WorkerSession(WorkerSession):
    def __init__(self, file: TfliteFile, variables: dict[str, str]) -> None:
        super().__init__(file, Worker(**launch(WORKER, [str(file.path)], variables)), "the GPU engine")
        try:
            opened = self._worker.receive()
            log = self._worker.log()
            if opened.kind != "open":
                raise _refusal(file, log, opened.text)
        except BaseException:
            self.close()
            raise
        adapter = re.search(r"Selected adapter: ([^\n]*?), arch=", log)
        total = len(file.operations)
        self.placement = Placement(
            accelerator=f"gpu ({adapter[1]})" if adapter else "gpu", total_ops=total, placed_ops=total
        )


def _refusal(file: TfliteFile, log: str, error: str) -> PlacementError:
    """The operations the engine's log names, as "NAME (reason)"; where it names none, those the op table lacks."""
    section = re.search(
        r"operations are not supported by GPU delegate:\n(.*?operations will run on the [^\n]*)", log, re.DOTALL
    )
    if section is not None:
        *lines, counts = section[1].splitlines()
        refused = "; ".join(re.sub(r"^([A-Z0-9_]+): (.+)$", r"\1 (\2)", line.strip()) for line in lines)
        return PlacementError(f"{file.path}: the GPU engine refuses {refused}. {counts.strip()}")
    suspects = "; ".join(causes(refusals(file)))
    hint = f" Not in the GPU delegate's op table: {suspects}" if suspects else ""
    return PlacementError(f"{file.path}: the GPU engine cannot open it: {' '.join(error.split())}{hint}")
