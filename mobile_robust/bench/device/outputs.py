"""Outputs of the app's models for the first inputs, kept beside the result so that parity can be checked any time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobile_robust.contracts.job import JobTensor
from mobile_robust.contracts.result import Run
from mobile_robust.files import write_output

_TRIES = 3


class StoredOutputs:
    """Files of little-endian float32: for every input all outputs in the order of the job.

    Args:
        folder: That of the result.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "outputs"

    def has(self, run: Run) -> bool:
        """Whether those of a run are stored."""
        return self._path(run).is_file()

    def store(self, run: Run, outputs: Sequence[JobTensor], count: int, fetch: Callable[[], bytes | None]) -> bool:
        """Fetches those of a run for ``count`` inputs; they are stored only where they match the run's checksums."""
        size = 4 * sum(prod(tensor.shape) for tensor in outputs)
        for _ in range(_TRIES):
            data = fetch() or b""
            rows = (data[start : start + size] for start in range(0, len(data), size))
            if tuple(hashlib.sha256(row).hexdigest() for row in rows) == run.outputs_sha256[:count]:
                self._folder.mkdir(exist_ok=True)
                write_output(self._path(run), data)
                return True
        return False

    def load(self, run: Run, size: int) -> NDArray[np.float32]:
        """(inputs, size): all ``size`` output values of an input in a row. Raises OSError where none are stored."""
        data = self._path(run).read_bytes()
        if not data or len(data) % (4 * size):
            raise OSError(f"{len(data)} bytes are no rows of {size} values")
        return np.frombuffer(data, "<f4").reshape(-1, size)

    def _path(self, run: Run) -> Path:
        return self._folder / f"{run.sha256}_{run.runtime.name}.f32"
