"""Gives the command, and checks what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mobile_robust.bench.device.measure import Connect, folder_of, measure_all
from mobile_robust.bench.device.monitor import Limits
from mobile_robust.bench.device.plan import MeasurementPlan
from mobile_robust.contracts.result import RESULT_NAME, Result, read_result
from mobile_robust.errors import InputError
from mobile_robust.runtimes.litert_cpu import LitertCpu
from tests.bench.device.fake_app import cut


class Harness:
    """Measures a plan on fake devices, which have a serial."""

    def __init__(self, plan: MeasurementPlan, out: Path, connect: Connect) -> None:
        self.plan, self.out, self.connect = plan, out, connect
        self.keep, self.limits = True, Limits(poll=0.1, silent=6, stuck=60)
        self.steps: list[str] = []

    def run(self, *devices: object) -> dict[str, Result | InputError]:
        return measure_all(
            [device.serial for device in devices],
            self.connect,
            self.plan,
            self.out,
            keep=self.keep,
            limits=self.limits,
            notify=lambda step: self.steps.append(step.what),
        )

    def measured(self, device: object) -> Result:
        """Of a run that goes well in the end."""
        end = self.run(device)[device.serial]
        assert isinstance(end, Result), end
        assert end == self.stored(device)
        return end

    def refused(self, device: object) -> str:
        """The message of a run that does not."""
        end = self.run(device)[device.serial]
        assert isinstance(end, InputError), end
        assert len(str(end).splitlines()) == 1 and str(end).startswith(f"{device.serial}: ")
        return str(end)

    def stored(self, device: object) -> Result:
        return read_result(folder_of(self.out, device.serial) / RESULT_NAME)

    def forget(self, device: object) -> None:
        """Deletes the stored result."""
        (folder_of(self.out, device.serial) / RESULT_NAME).unlink()


def complete(result: Result) -> bool:
    """Everything is there, without an error."""
    return result.complete and all(
        [r.index for r in run.repetitions] == [0, 1] and run.errors == () and run.load_ns for run in result.runs
    )


def outputs_of(path: Path, inputs: Sequence, outputs: Sequence, rows: np.ndarray) -> np.ndarray:
    """(rows, values): what a file with these tensors computes on this computer for rows of a test set."""
    shapes, found = {tensor.name: tensor.shape for tensor in inputs}, []
    with LitertCpu().open(path) as session:
        for row in rows:
            values = session.predict(cut(row, shapes))
            found.append(np.concatenate([values[tensor.name].ravel() for tensor in outputs]))
    return np.stack(found)
