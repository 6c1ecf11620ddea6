"""What a phone is, and whether it can be measured on right now."""

from __future__ import annotations

import re
from collections.abc import Callable

from mobile_robust.bench.android.apk.toolchain import ABIS, MIN_SDK
from mobile_robust.bench.android.platform import ANDROID
from mobile_robust.bench.device.errors import DeviceError
from mobile_robust.bench.device.words import parse_line, parse_number
from mobile_robust.contracts.result import Device

#: Per cent; below it phones slow down to last longer.
_LEAST_BATTERY = 15

#: Gives the output of a command on the phone.
ShellText = Callable[..., str]


def describe(serial: str, text: ShellText) -> Device:
    """What is known of a phone before its app has said more."""
    known = _properties(text)
    names = [known.get(f"ro.product.{name}", "") for name in ("manufacturer", "model")]
    return Device(
        name=" ".join(filter(None, names)) or serial,
        model=known.get("ro.product.model"),
        os=f"Android {known.get('ro.build.version.release', '?')}",
        abi=known.get("ro.product.cpu.abi", "?"),
        cpus=(),
    )


def check(serial: str, text: ShellText) -> None:
    """Raises DeviceError where its Android or processor is too old, or it is too hot or nearly empty right now."""
    known = _properties(text)
    api, abis = known.get("ro.build.version.sdk", ""), known.get("ro.product.cpu.abilist", "?").split(",")
    if (parse_number(api) or 0) < MIN_SDK:
        which = f"Android {known.get('ro.build.version.release', '?')} (API level {api or '?'})"
        raise DeviceError(serial, f"has {which}; the app needs API level {MIN_SDK}, Android 8.0")
    if not set(abis).intersection(ABIS):
        raise DeviceError(serial, f"runs {', '.join(abis)}; the app has {' and '.join(ABIS)} only")
    hot = re.search(r"Thermal Status: (\d+)", text("dumpsys", "thermalservice"))  # none before Android 10
    status = parse_number(hot[1]) if hot else None
    if status is not None and status > ANDROID.max_thermal_status:
        raise DeviceError(
            serial,
            f"phone too hot: thermal status {status}, allowed up to {ANDROID.max_thermal_status}; let it cool down, "
            "and give the command again",
        )
    battery = text("dumpsys", "battery")
    found = re.search(r"^ *level: (\d+)", battery, re.MULTILINE)
    level = parse_number(found[1]) if found else None
    if level is not None and level < _LEAST_BATTERY and "powered: true" not in battery:
        raise DeviceError(
            serial, f"its battery is at {level} % and not charging; it needs {_LEAST_BATTERY} %: charge it"
        )


def _properties(text: ShellText) -> dict[str, str]:
    found = re.findall(r"^\[([^\]\n]+)\]: \[([^\]\n]*)\]", text("getprop"), re.MULTILINE)
    return {name: parse_line(value) for name, value in found}
