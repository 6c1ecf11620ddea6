"""What a phone is, and whether it can be measured on right now."""

from __future__ import annotations

import re

from mobile_robust.bench.android.apk.native import ABIS
from mobile_robust.bench.android.apk.toolchain import MIN_SDK
from mobile_robust.bench.android.phone import Phone
from mobile_robust.bench.device.errors import PhoneError
from mobile_robust.contracts.result import Device

#: Android's thermal status; a phone hotter than this measures nothing useful.
MAX_THERMAL_STATUS = 2
#: Per cent; below it phones slow down to last longer.
LEAST_BATTERY = 15


def describe(phone: Phone) -> Device:
    """What is known of it before its app has said more."""
    known = _properties(phone)
    names = [known.get(f"ro.product.{name}", "") for name in ("manufacturer", "model")]
    return Device(
        name=" ".join(filter(None, names)) or phone.serial,
        model=known.get("ro.product.model"),
        os=f"Android {known.get('ro.build.version.release', '?')}",
        abi=known.get("ro.product.cpu.abi", "?"),
        cpus=(),
    )


def check(phone: Phone) -> None:
    """Whether it can be measured on.

    Raises:
        PhoneError: Its Android or its processor is too old, or it is too hot or nearly empty right now.
    """
    known = _properties(phone)
    api, abis = known.get("ro.build.version.sdk", ""), known.get("ro.product.cpu.abilist", "?").split(",")
    if not api.isdecimal() or int(api) < MIN_SDK:
        which = f"Android {known.get('ro.build.version.release', '?')} (API level {api or '?'})"
        raise PhoneError(phone.serial, f"has {which}; the app needs API level {MIN_SDK}, Android 8.0")
    if not set(abis).intersection(ABIS):
        raise PhoneError(phone.serial, f"runs {', '.join(abis)}; the app has {' and '.join(ABIS)} only")
    hot = re.search(r"Thermal Status: (\d+)", phone.text("dumpsys", "thermalservice"))  # none before Android 10
    if hot and int(hot[1]) > MAX_THERMAL_STATUS:
        raise PhoneError(
            phone.serial,
            f"phone too hot: thermal status {hot[1]}, allowed up to {MAX_THERMAL_STATUS}; let it cool down, and give "
            "the command again",
        )
    battery = phone.text("dumpsys", "battery")
    level = re.search(r"^\s*level: (\d+)", battery, re.MULTILINE)
    if level and int(level[1]) < LEAST_BATTERY and "powered: true" not in battery:
        raise PhoneError(
            phone.serial, f"its battery is at {level[1]} % and not charging; it needs {LEAST_BATTERY} %: charge it"
        )


def _properties(phone: Phone) -> dict[str, str]:
    return dict(re.findall(r"^\[([^\]]+)\]: \[([^\]]*)\]", phone.text("getprop"), re.MULTILINE))
