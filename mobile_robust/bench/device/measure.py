"""Measures artifacts on devices and checks their outputs there against PyTorch, whatever the devices' platform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mobile_robust.bench.device.devices import Connect, Notify, Step, folder_of, measure_all
from mobile_robust.bench.device.monitor import Limits
from mobile_robust.bench.device.outputs import StoredOutputs
from mobile_robust.bench.device.parity import ParityCheck, ParityChecker
from mobile_robust.bench.device.plan import MeasurementPlan
from mobile_robust.bench.device.transport import Platform
from mobile_robust.bench.inputs import Photos, TestSets
from mobile_robust.bench.models import Model
from mobile_robust.contracts.result import RESULT_NAME, Protocol, Result
from mobile_robust.errors import InputError


@dataclass(frozen=True)
class DeviceMeasurement:
    """What was measured on one device.

    Attributes:
        path: Of the stored result.
        result: It.
        parity: One check a run that was loaded.
    """

    path: Path
    result: Result
    parity: tuple[ParityCheck, ...]

    @property
    def passed(self) -> bool:
        """Whether all was measured, and equal to PyTorch within the tolerances."""
        errors = self.result.errors or any(run.errors for run in self.result.runs)
        return not errors and all(check.verdict.verdict == "pass" for check in self.parity)


@dataclass(frozen=True)
class DeviceMeasurements:
    """What was measured on all devices, and of the others why it was not, by serial."""

    measured: dict[str, DeviceMeasurement]
    failed: dict[str, InputError]


def measure_on_devices(
    platform: Platform,
    serials: Sequence[str],
    connect: Connect,
    models: Sequence[Model],
    photos: Photos,
    protocol: Protocol,
    out: Path,
    *,
    keep: bool = False,
    notify: Notify = lambda _: None,
) -> DeviceMeasurements:
    """Measures on all devices at the same time, then checks parity.

    Args:
        platform: Of the devices.
        serials: Of the devices.
        connect: Makes the transport to one.
        models: See :func:`mobile_robust.bench.device.plan.choose_models`.
        photos: The test set.
        protocol: Of the measurement.
        out: Gets a folder a device, in which a measurement that was stopped is resumed.
        keep: Whether app and files stay on the devices.
        notify: Called with every step.
    """
    with TemporaryDirectory() as folder:
        notify(Step("making the test set"))
        sets = TestSets(photos, Path(folder))
        plan = MeasurementPlan(platform, models, [sets.of(model) for model in models], protocol)
        ends = measure_all(serials, connect, plan, out, keep=keep, limits=Limits(), notify=notify)
    notify(Step("comparing with PyTorch"))
    checker = ParityChecker(models, photos)
    measured = {}
    for serial, end in ends.items():
        if isinstance(end, Result):
            stored = folder_of(out, serial)
            parity = checker.check(end, StoredOutputs(stored))
            measured[serial] = DeviceMeasurement(stored / RESULT_NAME, end, tuple(parity))
    return DeviceMeasurements(measured, {serial: end for serial, end in ends.items() if isinstance(end, InputError)})
