"""What goes wrong with an Android device: either it may be tried again, or a person must act."""

from __future__ import annotations

import re

from mobile_robust.bench.device.errors import DeviceError


class DroppedError(Exception):
    """The connection broke, or nothing came in time: after a reconnection the same may be tried again."""


class UnauthorizedError(DeviceError):
    """Its owner has not authorized this computer."""

    def __init__(self, serial: str) -> None:
        super().__init__(
            serial,
            'this computer is not authorized: unlock the phone, answer "Allow USB debugging?" with Allow, and give the '
            "command again (no question there: adb kill-server, then plug it in again)",
        )


#: Package manager's code -> what to do.
_REFUSALS = {
    "VERSION_DOWNGRADE": "a newer version of the app is there: adb uninstall {package}, and give the command again",
    "UPDATE_INCOMPATIBLE": "the app is there, signed by another key: adb uninstall {package}, and give the command "
    "again",
    "INSUFFICIENT_STORAGE": "its storage is full: delete something there, and give the command again",
    "NO_MATCHING_ABIS": "the app has no libraries for its processor: it must be an arm64-v8a or x86_64 phone",
    "OLDER_SDK": "its Android is too old: it must be Android 8.0 (API level 26) or newer",
    "USER_RESTRICTED": 'the phone refuses apps from a computer: turn on "Install via USB" in its developer options '
    "(some makers ask for an account or a SIM card there)",
    "VERIFICATION_FAILURE": 'its verifier refused the app: turn off "Verify apps over USB" in its developer options',
    "INVALID_APK": "it cannot read the APK: build it again (--build), or give another --apk",
    "TEST_ONLY": "the APK is marked test-only; give one that --build made",
}


def install_error(serial: str, package: str, printed: str) -> DeviceError:
    """The error of an app that the package manager refuses, of what it printed."""
    found = re.search(r"INSTALL_(?:FAILED_|PARSE_FAILED_)?([A-Z_]+)", printed)
    advice = _REFUSALS.get(found[1] if found else "", "see what it says, and try to install the APK by hand")
    end = " ".join(printed.split())[-300:]
    return DeviceError(serial, f"cannot install the app: {advice.format(package=package)} ({end})")
