"""What an iPhone is, and whether it can be measured on right now."""

from __future__ import annotations

import re

from mobile_robust.bench.device.errors import DeviceError
from mobile_robust.bench.ios.link import Facts
from mobile_robust.contracts.result import Device

#: The oldest iOS that the app runs on, and that says where Core ML puts operations (MLComputePlan).
OLDEST, OLDEST_WITH_PLACEMENT = (16, 0), (17, 4)
#: Per cent; below it phones slow down to last longer.
_LEAST_BATTERY = 15
#: Of the battery, thousandths of a degree Celsius; none gets so warm at rest. The app waits by iOS's own thermal state.
_WARMEST = 40_000


def describe(facts: Facts) -> Device:
    """What is known of a phone before its app has said more."""
    system = f"iOS {facts.version} ({facts.build})"
    return Device(name=facts.name, model=facts.model, os=system, abi=facts.abi, cpus=())


def untrusted(serial: str) -> DeviceError:
    """The error of a phone whose owner has not said that it trusts this computer."""
    return DeviceError(
        serial,
        'it does not trust this computer: unlock the phone, answer "Trust This Computer?" with Trust and the passcode, '
        "and give the command again",
    )


def locked(serial: str) -> DeviceError:
    """The error of a phone that is locked."""
    return DeviceError(
        serial, "it is locked: unlock it, set Display & Brightness, Auto-Lock to Never, and give the command again"
    )


def without_developer_mode(serial: str) -> DeviceError:
    """The error of a phone on which no app of a developer's may run."""
    return DeviceError(
        serial,
        "its Developer Mode is off: turn it on in Settings, Privacy & Security, Developer Mode (it restarts; the entry "
        "is there after a first try to install an app), and give the command again",
    )


def untrusted_developer(serial: str) -> DeviceError:
    """The error of a phone whose owner has not said that apps of this developer may run."""
    return DeviceError(
        serial,
        "its owner must trust the app's developer, once: Settings, General, VPN & Device Management; then give the "
        "command again",
    )


def check(serial: str, facts: Facts, placement: bool) -> None:
    """Raises DeviceError where it does not trust this computer, is locked, its iOS is too old (``placement``: for
    other compute units than the CPU), its Developer Mode off, or it is too hot or nearly empty right now."""
    if not facts.trusts:
        raise untrusted(serial)
    numbers = tuple(map(int, re.findall(r"\d{1,4}", facts.version)[:2]))
    if numbers < OLDEST:
        raise DeviceError(serial, f"has iOS {facts.version}; the app needs iOS 16.0: update it")
    if placement and numbers < OLDEST_WITH_PLACEMENT:
        raise DeviceError(
            serial,
            f"has iOS {facts.version}; only iOS 17.4 and later say on which unit Core ML runs an operation: update it, "
            "or give --accelerator cpu",
        )
    if facts.developer_mode is False:
        raise without_developer_mode(serial)
    if facts.locked:
        raise locked(serial)
    if facts.temperature_mc is not None and facts.temperature_mc > _WARMEST:
        raise DeviceError(
            serial,
            f"phone too hot: its battery has {facts.temperature_mc / 1000:.1f} °C, allowed are {_WARMEST // 1000}; let "
            "it cool down, and give the command again",
        )
    level = facts.battery_percent
    if level is not None and level < _LEAST_BATTERY and not facts.charging:
        raise DeviceError(
            serial, f"its battery is at {level} % and not charging; it needs {_LEAST_BATTERY} %: charge it"
        )
