"""The interface every runtime implements: open an artifact, then run it on one image's inputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # not for the processes of engines
    from typing_extensions import Self

    from mobile_robust.contracts.manifest import Placement
    from mobile_robust.runtimes.registry import RuntimeInfo

Arrays = dict[str, NDArray[np.float32]]


class PlacementError(Exception):
    """An accelerator did not take every operation of the file; the message names those it refused."""


class EngineError(RuntimeError):
    """The engine failed on the file, or died."""


class Session(ABC):
    """An artifact opened by a runtime; the three steps of an inference apart. As a context manager, it is closed."""

    #: Where the operations are; None where the runtime does not say.
    placement: Placement | None = None

    @abstractmethod
    def write(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Hands over the inputs of one inference: float32 by name, shapes and layout as in the artifact (batch 1)."""

    @abstractmethod
    def run(self) -> None:
        """One inference; at its end the outputs lie in memory that the CPU can read. This is what a sample lasts.

        Raises:
            EngineError: The engine of a process of its own failed.
        """

    @abstractmethod
    def read(self) -> Arrays:
        """The outputs: float32 by output name, shapes and layout as in the artifact, dequantized."""

    def predict(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """The outputs for some inputs."""
        self.write(inputs)
        self.run()
        return self.read()

    def close(self) -> None:
        """Frees what the session holds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Runtime(ABC):
    """Something that executes an artifact."""

    #: Its entry in the registry.
    info: ClassVar[RuntimeInfo]

    @abstractmethod
    def unavailable(self) -> str | None:
        """Why this runtime cannot run on this machine, or ``None`` where it can."""

    @abstractmethod
    def open(self, artifact: PathLike[str], threads: int = 1) -> Session:
        """Opens a file. An engine that may crash is held by a process of its own.

        Args:
            artifact: The file, or the ``TfliteFile`` read from it, which is not read again.
            threads: Of the engine, where it computes on the CPU and lets them be chosen.

        Raises:
            InputError: The file is truncated, or not of this runtime's kind.
            PlacementError: The accelerator refuses an operation.
            RuntimeError: This machine cannot run the engine (see ``unavailable``).
        """


class TimedRuntime(Runtime):
    """A runtime whose inferences can be timed: its engine can be held by the process that has the clock."""

    #: Whether an engine of one thread computes in the thread that calls :meth:`Session.run`.
    computes_in_caller: ClassVar[bool] = False

    def environment(self) -> dict[str, str]:
        """Environment variables of a process that calls :meth:`load`."""
        return {}

    @abstractmethod
    def import_engine(self) -> None:
        """Imports the engine, so that time and memory of :meth:`load` are the artifact's alone."""

    @abstractmethod
    def load(self, artifact: PathLike[str], threads: int = 1) -> Session:
        """Opens a file in this process, with nothing but the engine: unchecked, and without a placement.

        Raises:
            PlacementError: The accelerator does not take every operation.
            RuntimeError, ValueError: The engine cannot open the file.
        """
