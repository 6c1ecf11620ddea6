"""Real Core ML prediction, on macOS: on whichever compute units it chooses, or on one of them.

Where an operation runs is what Core ML's compute plan says (``MLComputePlan``: macOS 14.4), before anything is timed.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mobile_robust.contracts.manifest import Placement
from mobile_robust.coreml_import import import_coremltools
from mobile_robust.errors import InputError
from mobile_robust.runtimes.base import Arrays, EngineError, PlacementError, Session, TimedRuntime
from mobile_robust.runtimes.coreml_mil.package import Package, read_package
from mobile_robust.runtimes.registry import RuntimeInfo


def _entry(name: str, accelerator: str, implementation: str, units: str, default: bool = False) -> RuntimeInfo:
    return RuntimeInfo(
        name=name,
        target="coreml",
        accelerator=accelerator,
        implementation=f"{__name__}:{implementation}",
        description=f"the system's Core ML on {units}; needs macOS",
        quick=True,
        packages=("coremltools",),
        default=default,
        timed=True,
    )


RUNTIMES = (
    _entry("coreml_device", "all", "CoremlDevice", "whichever compute units it chooses", default=True),
    _entry("coreml_cpu", "cpu", "CoremlCpu", "the CPU"),
    _entry("coreml_gpu", "gpu", "CoremlGpu", "the GPU"),
    _entry("coreml_npu", "npu", "CoremlNpu", "the Neural Engine"),
)
#: Kinds of compute device in coremltools' compute plan.
_DEVICES = {"MLCPUComputeDevice": "cpu", "MLGPUComputeDevice": "gpu", "MLNeuralEngineComputeDevice": "npu"}


class CoremlDevice(TimedRuntime):
    """Executes an ``.mlpackage`` with the system's Core ML."""

    info = RUNTIMES[0]
    #: Of coremltools' ``ComputeUnit``.
    units = "ALL"

    def unavailable(self) -> str | None:
        return None if platform.system() == "Darwin" else "real Core ML prediction needs macOS"

    def open(self, artifact: PathLike[str], threads: int = 1) -> CoremlSession:
        """Raises InputError also where Core ML is not available, EngineError where it cannot load the file."""
        if reason := self.unavailable():
            raise InputError(reason)
        session = self.load(artifact, threads)
        session.placement = self._placement(session)
        return session

    def import_engine(self) -> None:
        import_coremltools()

    def load(self, artifact: PathLike[str], threads: int = 1) -> CoremlSession:
        package, coremltools = read_package(Path(artifact)), import_coremltools()
        try:
            units = coremltools.ComputeUnit[self.units]
            return CoremlSession(package, coremltools.models.MLModel(str(package.path), compute_units=units))
        except Exception as error:  # Core ML's errors arrive as whatever the binding makes of them
            raise EngineError(f"{package.path}: Core ML cannot load it: {error}") from error

    def _placement(self, session: CoremlSession) -> Placement | None:
        """Where the operations are; None on a system that does not say and where any unit will do.

        Raises:
            PlacementError: An operation is on another unit than the one asked for, or the system does not say.
        """
        wanted = self.info.accelerator
        try:
            placed = session.devices(self.units)
        except Exception as error:
            if wanted in ("all", "cpu"):
                return None
            reason = f"Core ML does not say where operations run (macOS 14.4 and later do): {error}"
            raise PlacementError(reason) from error
        if wanted == "all":
            counts = Counter(device for _, device in placed).most_common()
            everywhere = ", ".join(f"{device} {count}" for device, count in counts)
            return Placement(accelerator=everywhere, total_ops=len(placed), placed_ops=len(placed))
        if left_over := [f"{kind} on the {device}" for kind, device in placed if device != wanted]:
            shown = ", ".join(f"{count} × {what}" for what, count in Counter(left_over).most_common())
            raise PlacementError(f"the {wanted} did not take {len(left_over)} of {len(placed)} operations: {shown}")
        return Placement(accelerator=wanted, total_ops=len(placed), placed_ops=len(placed))


class CoremlCpu(CoremlDevice):
    """On the CPU only."""

    info = RUNTIMES[1]
    units = "CPU_ONLY"


class CoremlGpu(CoremlDevice):
    """On the GPU; an operation that is on the CPU is an error."""

    info = RUNTIMES[2]
    units = "CPU_AND_GPU"


class CoremlNpu(CoremlDevice):
    """On the Neural Engine; an operation that is on the CPU is an error."""

    info = RUNTIMES[3]
    units = "CPU_AND_NE"


class CoremlSession(Session):
    """An ``.mlpackage`` loaded by Core ML. ``model`` is coremltools' ``MLModel``."""

    def __init__(self, package: Package, model: Any) -> None:
        self._package = package
        self._model = model

    def devices(self, units: str) -> list[tuple[str, str]]:
        """Kind of every operation of an inference, and the device that Core ML plans it on: cpu, gpu, npu.

        Raises whatever the binding does on a system that has no compute plan."""
        coremltools = import_coremltools()
        plan = coremltools.models.compute_plan.MLComputePlan.load_from_path(
            self._model.get_compiled_model_path(), coremltools.ComputeUnit[units]
        )
        placed = []
        for operation in plan.model_structure.program.functions["main"].block.operations:
            usage = plan.get_compute_device_usage_for_mlprogram_operation(operation)
            kind = operation.operator_name.rpartition(".")[2]
            if usage is not None and not kind.startswith(
                "constexpr_"
            ):  # neither constants nor weights made at the load
                placed.append((kind, _DEVICES[type(usage.preferred_compute_device).__name__]))
        return placed

    def write(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """An image is rounded to 8-bit pixels, for that is what Core ML takes."""
        self._package.check_inputs(inputs)
        images = self._package.images
        self._features = {name: _image(array) if name in images else array for name, array in inputs.items()}

    def run(self) -> None:
        self._results = self._model.predict(self._features)

    def read(self) -> Arrays:
        return {name: np.asarray(self._results[name], dtype=np.float32) for name in self._package.outputs}


def _image(array: np.ndarray) -> Image.Image:
    """(1, C, H, W) in [0, 255] -> an image, grayscale or RGB."""
    pixels = np.rint(array[0]).clip(0, 255).astype(np.uint8)  # (C, H, W)
    return Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
