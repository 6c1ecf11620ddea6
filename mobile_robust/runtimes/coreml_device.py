"""Real Core ML prediction, on macOS."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mobile_robust.coreml_import import import_coremltools
from mobile_robust.errors import InputError
from mobile_robust.runtimes.base import Arrays, Runtime, Session
from mobile_robust.runtimes.coreml_mil.package import Package, read_package
from mobile_robust.runtimes.registry import RuntimeInfo

RUNTIMES = (
    RuntimeInfo(
        name="coreml_device",
        target="coreml",
        accelerator="any",
        implementation=f"{__name__}:CoremlDevice",
        description="the system's Core ML; needs macOS",
        quick=True,
        packages=("coremltools",),
    ),
)


class CoremlDevice(Runtime):
    """Executes an ``.mlpackage`` with the system's Core ML, on whichever compute units it chooses."""

    info = RUNTIMES[0]

    def unavailable(self) -> str | None:
        return None if platform.system() == "Darwin" else "real Core ML prediction needs macOS"

    def open(self, artifact: PathLike[str], threads: int = 1) -> CoremlSession:
        """Raises InputError also where Core ML is not available."""
        if reason := self.unavailable():
            raise InputError(reason)
        package = read_package(Path(artifact))
        try:
            model = import_coremltools().models.MLModel(str(package.path))
        except Exception as error:  # Core ML's errors arrive as whatever the binding makes of them
            raise InputError(f"{package.path}: Core ML cannot load it: {error}") from error
        return CoremlSession(package, model)


class CoremlSession(Session):
    """An ``.mlpackage`` loaded by Core ML. ``model`` has coremltools' ``MLModel.predict``."""

    def __init__(self, package: Package, model: Any) -> None:
        self._package = package
        self._model = model

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
