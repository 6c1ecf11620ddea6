"""Measures artifacts on Android phones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from mobile_robust.bench.android.adb import AdbLink, choose, find_adb
from mobile_robust.bench.android.apk.build import build_apk, current_apk
from mobile_robust.bench.android.platform import ANDROID
from mobile_robust.bench.android.transport import AdbTransport
from mobile_robust.bench.device.measure import DeviceMeasurement, MeasurementStep, Notify, measure_on_devices
from mobile_robust.bench.device.plan import choose_models
from mobile_robust.bench.device.transport import DeviceTransport
from mobile_robust.bench.inputs import describe, open_photos
from mobile_robust.bench.protocol import make_protocol
from mobile_robust.errors import InputError

#: Seconds a phone is awaited after the connection broke.
_RECONNECT = 60.0


def measure_on_android(
    builds: Sequence[Path],
    out: Path,
    *,
    serials: Sequence[str] = (),
    accelerators: Sequence[Literal["cpu", "gpu"]] = ("cpu", "gpu"),
    precisions: Sequence[str] = (),
    threads: int = 4,
    repetitions: int = 10,
    images: Path | None = None,
    cool_down: float = 2.0,
    apk: Path | None = None,
    apk_folder: Path = Path("dist"),
    keep: bool = False,
    notify: Notify = lambda _: None,
    on_warning: Callable[[str], None] = lambda sentence: None,
) -> dict[str, DeviceMeasurement | InputError]:
    """Measures TFLite files on phones that adb is connected to, and checks their outputs there: by serial what was
    measured, or why it was not.

    Args:
        builds: Folders of finished builds, or TFLite files in such folders.
        out: Gets a folder a phone, in which a measurement that was stopped is resumed.
        serials: Of the phones; none: the only one there is.
        accelerators: What the files are measured on.
        precisions: Only these; none: all there are.
        threads: Of the CPU runtime.
        repetitions: Of the test set.
        images: Folder of the test set; None: the built-in photos.
        cool_down: Idle seconds before every repetition.
        apk: The app; None: built into ``apk_folder`` where that has no current one.
        apk_folder: Where the app is built.
        keep: Whether app and files stay on the phones.
        notify: Called with every step.
        on_warning: Called with a sentence on images that are left out of the test set.

    Raises:
        InputError: No adb, no phone, or none that is ready; no finished build, or a file that the app could not load;
            no test set; or the app cannot be built. What goes wrong with a phone later is in what is returned.
    """
    program = find_adb()
    chosen = choose(program, serials)
    models = choose_models(ANDROID, builds, precisions, accelerators)
    photos = open_photos(images, on_warning)
    protocol = make_protocol(describe(photos), repetitions, threads, [], cool_down)
    if apk is None:
        notify(MeasurementStep("building the app"))
        apk = current_apk(apk_folder) or build_apk(apk_folder, lambda line: notify(MeasurementStep(line)))

    def connect(serial: str, pause: Callable[[float], None], say: Callable[[str], None]) -> DeviceTransport:
        return AdbTransport(AdbLink(program, serial, pause), apk, _RECONNECT, say)

    return measure_on_devices(ANDROID, chosen, connect, models, photos, protocol, out, keep=keep, notify=notify)
