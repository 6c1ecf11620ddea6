"""Measures Core ML packages on iPhones."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from mobile_robust.bench.device.errors import DeviceError
from mobile_robust.bench.device.measure import DeviceMeasurement, MeasurementStep, Notify, measure_on_devices
from mobile_robust.bench.device.plan import choose_models
from mobile_robust.bench.device.transport import DeviceTransport
from mobile_robust.bench.inputs import describe, open_photos
from mobile_robust.bench.ios import devicectl, pymobiledevice
from mobile_robust.bench.ios.app import build_app, read_app
from mobile_robust.bench.ios.devicectl_link import DevicectlLink
from mobile_robust.bench.ios.link import Link
from mobile_robust.bench.ios.platform import IOS
from mobile_robust.bench.ios.transport import IosTransport
from mobile_robust.bench.protocol import make_protocol
from mobile_robust.contracts.result import Accelerator
from mobile_robust.errors import InputError

#: Seconds a phone is awaited after the connection broke.
_RECONNECT = 60.0
#: What the protocol says of threads; Core ML chooses them itself.
_THREADS = 1
_UDID = re.compile(r"[0-9A-Fa-f-]{20,40}")
_ADVICE = (
    "plug an iPhone in, unlock it, and answer its question with Trust; turn on Developer Mode in Settings, Privacy & "
    "Security"
)


def measure_on_ios(
    builds: Sequence[Path],
    out: Path,
    *,
    serials: Sequence[str] = (),
    accelerators: Sequence[Accelerator] = ("cpu", "gpu", "npu", "all"),
    precisions: Sequence[str] = (),
    repetitions: int = 10,
    images: Path | None = None,
    cool_down: float = 2.0,
    app: Path | None = None,
    app_folder: Path = Path("dist/ios"),
    team: str | None = None,
    keep: bool = False,
    notify: Notify = lambda _: None,
    on_warning: Callable[[str], None] = lambda sentence: None,
) -> dict[str, DeviceMeasurement | InputError]:
    """Measures Core ML packages on iPhones, and checks their outputs there: by UDID what was measured, or why it was
    not.

    Args:
        builds: Folders of finished builds, or packages in such folders.
        out: Gets a folder a phone, in which a measurement that was stopped is resumed.
        serials: UDIDs of the phones; none: the only one there is.
        accelerators: Compute units that Core ML is asked for.
        precisions: Only these; none: all there are.
        repetitions: Of the test set.
        images: Folder of the test set; None: the built-in photos.
        cool_down: Idle seconds before every repetition.
        app: The app, signed for the phones; None: built into ``app_folder`` with Xcode.
        app_folder: Where the app is built.
        team: Id of the developer's team, for the build.
        keep: Whether app and files stay on the phones.
        notify: Called with every step.
        on_warning: Called with a sentence on images that are left out of the test set.

    Raises:
        InputError: No program to reach phones with, no phone, or none that is ready; no finished build; no test set; or
            the app cannot be built. What goes wrong with a phone later is in what is returned.
    """
    make_link, there = find_phones()
    chosen = choose(there, serials)
    models = choose_models(IOS, builds, precisions, accelerators)
    photos = open_photos(images, on_warning)
    protocol = make_protocol(describe(photos), repetitions, _THREADS, [], cool_down)
    if app is None:
        notify(MeasurementStep("building the app"))
        built = build_app(app_folder, team, lambda line: notify(MeasurementStep(line)))
    else:
        built = read_app(app)
    placement = any(model.accelerator != "cpu" for model in models)

    def connect(serial: str, pause: Callable[[float], None], say: Callable[[str], None]) -> DeviceTransport:
        return IosTransport(make_link(serial), built, placement, _RECONNECT, pause, say)

    return measure_on_devices(IOS, chosen, connect, models, photos, protocol, out, keep=keep, notify=notify)


def find_phones() -> tuple[Callable[[str], Link], list[str]]:
    """What makes a connection to a phone of a UDID, and the phones there are: by devicectl on a Mac with Xcode, else by
    pymobiledevice3. Raises InputError where there is neither."""
    if program := devicectl.find_devicectl():
        listed = devicectl.devices(program)
        connected = [serial for serial, device in listed.items() if devicectl.is_connected(device)]
        return lambda serial: DevicectlLink(program, serial), connected
    if pymobiledevice.is_installed():
        return pymobiledevice.PymobiledeviceLink, pymobiledevice.devices()
    what = "Xcode 15 or later, or pip" if platform.system() == "Darwin" else "pip"
    raise InputError(f"nothing here can reach an iPhone: {what} install 'mobile-robust[ios]'")


def choose(there: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """UDIDs of the phones to measure on: those asked for, or the only one there is.

    Raises:
        InputError: None, or several and none asked for; or something else than a UDID.
        DeviceError: One asked for is not there.
    """
    for serial in wanted:
        if not _UDID.fullmatch(serial):
            raise InputError(f"--device {serial[:80]!a}: not a UDID, which has 25 or 40 hexadecimal digits and dashes")
    if not wanted and not there:
        raise InputError(f"no iPhone: {_ADVICE}")
    if not wanted and len(there) > 1:
        raise InputError(f"several phones: {', '.join(there)}; choose with --device, one or more")
    for serial in wanted:
        if serial not in there:
            raise DeviceError(serial, f"no such phone; connected: {', '.join(there) or 'none'}")
    return list(dict.fromkeys(wanted)) or list(there)
