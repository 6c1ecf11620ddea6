"""Several phones at a time: each is prepared, measured and cleaned up in a thread of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from mobile_robust.bench.android.adb import Link
from mobile_robust.bench.android.phone import Phone
from mobile_robust.bench.android.preflight import check
from mobile_robust.bench.device.errors import StoppedError
from mobile_robust.bench.device.monitor import Limits
from mobile_robust.bench.device.session import Session
from mobile_robust.bench.device.task import Task
from mobile_robust.contracts.result import Result
from mobile_robust.errors import InputError
from mobile_robust.files import folder_lock

#: Told of every step: serial, what is done now, and how many repetitions of all models are there; None: as before.
Notify = Callable[[str, str, int | None], None]


@dataclass(frozen=True)
class Setting:
    """How phones are dealt with.

    Attributes:
        adb: The client program.
        apk: The app.
        keep: The app and its files stay on the phone.
        limits: See :class:`Limits`.
        reconnect: Seconds a phone is awaited after the connection broke.
    """

    adb: Path
    apk: Path
    keep: bool
    limits: Limits = field(default_factory=Limits)
    reconnect: float = 60.0


def folder_of(out: Path, serial: str) -> Path:
    """Where a phone's result goes."""
    return out / re.sub(r"[^A-Za-z0-9.-]", "_", serial)


def measure_all(
    serials: Sequence[str], task: Task, out: Path, setting: Setting, notify: Notify
) -> dict[str, Result | InputError]:
    """Measures on every phone at the same time; one that fails is nothing to the others.

    Returns:
        By serial the result, or why there is none.

    Raises:
        KeyboardInterrupt: The user wants an end: the app was ended on every phone, what was measured is kept.
    """
    stop = Event()
    with ThreadPoolExecutor(len(serials)) as threads:
        work = {
            serial: threads.submit(_measure_one, serial, task, folder_of(out, serial), setting, notify, stop)
            for serial in serials
        }
        try:
            wait(work.values())
        except BaseException:
            stop.set()  # leaving the block waits for the threads, which end their apps
            raise
    ends: dict[str, Result | InputError] = {}
    for serial, future in work.items():
        try:
            ends[serial] = future.result()
        except InputError as error:
            ends[serial] = error
    return ends


def _measure_one(serial: str, task: Task, folder: Path, setting: Setting, notify: Notify, stop: Event) -> Result:
    def pause(seconds: float) -> None:
        if stop.wait(seconds):
            raise StoppedError

    phone = Phone(Link(setting.adb, serial, pause), setting.reconnect, lambda what: notify(serial, what, None))
    folder.mkdir(parents=True, exist_ok=True)
    with folder_lock(folder):
        session = Session(phone, task, folder, setting.limits, lambda *step: notify(serial, *step), stop)
        if task.job(session.result.runs) is None:
            return session.measure()  # all is there; the phone is left alone
        notify(serial, "checking the phone", session.done)
        check(phone)
        phone.install(setting.apk)
        result = session.measure()
        if not setting.keep and not any(run.errors for run in result.runs):
            phone.uninstall()  # where something failed, the same command goes on with what is there
    return result
