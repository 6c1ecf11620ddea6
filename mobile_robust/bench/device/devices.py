"""Several devices at a time: each is prepared, measured and cleaned up in a thread of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from mobile_robust.bench.device.errors import StoppedError
from mobile_robust.bench.device.monitor import Limits
from mobile_robust.bench.device.plan import MeasurementPlan
from mobile_robust.bench.device.session import DeviceSession
from mobile_robust.bench.device.transport import DeviceTransport
from mobile_robust.contracts.result import Result
from mobile_robust.errors import InputError
from mobile_robust.files import folder_lock


@dataclass(frozen=True)
class Step:
    """What is done now.

    Attributes:
        what: It.
        serial: Of the device it is about; None: of none in particular.
        done: Repetitions of all models that are measured on the device; None: as before.
        total: Repetitions that there are to be.
    """

    what: str
    serial: str | None = None
    done: int | None = None
    total: int | None = None


#: Called with every step; from several threads, of each device from one.
Notify = Callable[[Step], None]
#: Makes the transport to a device: of a serial, a function that waits so many seconds, and one to be called with what
#: the transport does.
Connect = Callable[[str, Callable[[float], None], Callable[[str], None]], DeviceTransport]


def folder_of(out: Path, serial: str) -> Path:
    """Where a device's result goes."""
    return out / re.sub(r"[^A-Za-z0-9.-]", "_", serial)


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
    """Measures on every device at the same time; a failure of one does not affect the others.

    Args:
        serials: Of the devices.
        connect: See :data:`Connect`.
        plan: What is measured.
        out: Gets a folder a device; results that are there are resumed.
        keep: Whether app and files stay on the devices.
        limits: When the app counts as hung.
        notify: See :data:`Notify`.

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
            notify(Step(what, serial, done, plan.protocol.repetitions * len(plan.models)))

        device, folder = connect(serial, pause, step), folder_of(out, serial)
        folder.mkdir(parents=True, exist_ok=True)
        with folder_lock(folder):
            session = DeviceSession(device, plan, folder, limits, step, stop)
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
