"""Measures artifacts on devices, each in a thread of its own, and checks their outputs there against PyTorch."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from mobile_robust.bench.device.errors import StoppedError
from mobile_robust.bench.device.monitor import Limits
from mobile_robust.bench.device.outputs import StoredOutputs
from mobile_robust.bench.device.parity import ParityCheck, ParityChecker
from mobile_robust.bench.device.plan import MeasurementPlan
from mobile_robust.bench.device.session import DeviceSession
from mobile_robust.bench.device.transport import DeviceTransport, Platform
from mobile_robust.bench.inputs import Photos, TestSets
from mobile_robust.bench.models import Model
from mobile_robust.contracts.result import RESULT_NAME, Protocol, Result
from mobile_robust.errors import InputError
from mobile_robust.files import output_lock, scratch_folder
from mobile_robust.options import make_folder


@dataclass(frozen=True)
class MeasurementStep:
    """What is done now, on the device of a serial, or on this computer (None). Of all models' ``total`` repetitions
    ``done`` are measured; None: as before."""

    what: str
    serial: str | None = None
    done: int | None = None
    total: int | None = None


#: Called with every step; from several threads, of each device from one.
Notify = Callable[[MeasurementStep], None]
#: Makes the transport to a device: of a serial, a function that waits so many seconds, and one to be called with what
#: the transport does.
Connect = Callable[[str, Callable[[float], None], Callable[[str], None]], DeviceTransport]


@dataclass(frozen=True)
class DeviceMeasurement:
    """The result of one device, where it is stored, and one check a run that was loaded."""

    path: Path
    result: Result
    parity: tuple[ParityCheck, ...]

    @property
    def passed(self) -> bool:
        """Whether all was measured, and equal to PyTorch within the tolerances."""
        errors = self.result.errors or any(run.errors for run in self.result.runs)
        return not errors and all(check.verdict.verdict == "pass" for check in self.parity)


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
) -> dict[str, DeviceMeasurement | InputError]:
    """Measures on all devices of a platform at the same time, then checks parity. By serial what was measured, or why
    it was not.

    Args:
        platform: Of the devices.
        serials: Of the devices.
        connect: See :data:`Connect`.
        models: See :func:`mobile_robust.bench.device.plan.choose_models`.
        photos: The test set.
        protocol: Of the measurement.
        out: Gets a folder a device, in which a measurement that was stopped is resumed.
        keep: Whether app and files stay on the devices.
        notify: See :data:`Notify`.
    """
    make_folder(out)
    with scratch_folder(out) as folder:
        notify(MeasurementStep("making the test set"))
        sets = TestSets(photos, folder)
        plan = MeasurementPlan(platform, models, [sets.of(model) for model in models], protocol)
        ends = measure_all(serials, connect, plan, out, keep=keep, limits=Limits(), notify=notify)
    notify(MeasurementStep("comparing with PyTorch"))
    checker = ParityChecker(models, photos)
    measured: dict[str, DeviceMeasurement | InputError] = {}
    for serial, end in ends.items():
        if isinstance(end, InputError):
            measured[serial] = end
        else:
            stored = folder_of(out, serial)
            parity = checker.check(end, StoredOutputs(stored))
            measured[serial] = DeviceMeasurement(stored / RESULT_NAME, end, tuple(parity))
    return measured


def folder_of(out: Path, serial: str) -> Path:
    """Where a device's result goes: a folder in ``out``, whatever the device calls itself."""
    return out / re.sub(r"^[.-]+|[^A-Za-z0-9.-]", lambda found: "_" * len(found[0]), serial)


def measure_all(
    serials: Sequence[str],
    connect: Connect,
    plan: MeasurementPlan,
    out: Path,
    *,
    keep: bool,
    limits: Limits,
    notify: Notify,
) -> dict[str, Result | InputError]:
    """Measures a plan on every device at the same time; a failure of one does not affect the others.

    The arguments are those of :func:`measure_on_devices`; ``limits``: when the app counts as hung.

    Returns:
        By serial the result, or why there is none.

    Raises:
        KeyboardInterrupt: The user wants an end: the app was ended on every device, what was measured is kept.
    """
    stop = Event()

    def pause(seconds: float) -> None:
        if stop.wait(seconds):
            raise StoppedError

    def measure(serial: str) -> Result:
        def step(what: str, done: int | None = None) -> None:
            notify(MeasurementStep(what, serial, done, plan.protocol.repetitions * len(plan.models)))

        device, folder = connect(serial, pause, step), folder_of(out, serial)
        make_folder(folder)
        with output_lock(folder):
            session = DeviceSession(device, plan, folder, limits, step, pause)
            if plan.job(session.result.runs) is None:
                return session.measure()  # nothing is missing; the device is left alone
            step("checking the device", session.done)
            device.preflight()
            device.install()
            result = session.measure()
            if not keep and not any(run.errors for run in result.runs):
                device.uninstall()  # where something failed, the same command resumes with what is there
        return result

    with ThreadPoolExecutor(len(serials)) as threads:
        futures = {serial: threads.submit(measure, serial) for serial in serials}
        try:
            wait(futures.values())
        except BaseException:
            stop.set()  # leaving the block waits for the threads, which end their apps
            raise
    ends: dict[str, Result | InputError] = {}
    for serial, future in futures.items():
        try:
            ends[serial] = future.result()
        except InputError as error:
            ends[serial] = error
    return ends
