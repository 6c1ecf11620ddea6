"""The interface every runtime implements: open an artifact, then run it on one image's inputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobile_robust.contracts.manifest import Placement
from mobile_robust.contracts.recipe import Target

Arrays = dict[str, NDArray[np.float32]]


class PlacementError(Exception):
    """An accelerator did not take every operation of the file; ``left_over`` names those it refused."""

    def __init__(self, message: str, left_over: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.left_over = left_over


class EngineError(RuntimeError):
    """The engine failed on the file, or died."""


class Session(ABC):
    """An artifact opened by a runtime."""

    #: Where the operations are. ``None`` where the runtime has nothing to tell.
    placement: Placement | None = None

    @abstractmethod
    def run(self, inputs: Arrays) -> Arrays:
        """One inference.

        Args:
            inputs: float32 by input name, shapes and layout exactly as in the artifact (batch 1).

        Returns:
            float32 by output name, shapes and layout as in the artifact. A quantized border is dequantized.

        Raises:
            EngineError: The engine of a process of its own failed.
        """

    def close(self) -> None:
        """Frees what the session holds."""


class Runtime(ABC):
    """Something that executes an artifact.

    Attributes:
        name: What users call it.
        target: The kind of file it takes.
        on_request: It runs only where it is asked for by name: too slow for every build.
    """

    name: str
    target: Target
    on_request = False

    @abstractmethod
    def unavailable(self) -> str | None:
        """Why this runtime cannot run on this machine, or ``None`` where it can."""

    @abstractmethod
    def open(self, artifact: Path) -> Session:
        """Opens a file.

        Raises:
            InputError: The file is truncated, or not of this runtime's kind.
            PlacementError: The accelerator refuses an operation.
        """
