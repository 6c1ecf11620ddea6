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


class ForbiddenError(DeviceError):
    """This computer's system keeps adb from it."""

    def __init__(self, serial: str) -> None:
        super().__init__(
            serial,
            "this system does not let adb open it: on Linux, apt-get install android-sdk-platform-tools-common, be in "
            "the group plugdev, plug it in again, and give the command again",
        )


class OfflineError(DeviceError):
    """adb sees it, but it does not respond as a running device; ``state``: what adb calls it."""

    def __init__(self, serial: str, state: str) -> None:
        super().__init__(
            serial,
            f"adb calls it {state}: plug it in again, or turn USB debugging off and on in its developer options, and "
            "give the command again",
        )


class NotInstalledError(DeviceError):
    """The benchmark app is not there, or its folder may not be entered."""


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


class InstallError(DeviceError):
    """The package manager refuses the app.

    Args:
        serial: The device.
        package: The app.
        output: What the package manager printed.

    Attributes:
        code: Its code, such as VERSION_DOWNGRADE; empty where it gave none.
    """

    def __init__(self, serial: str, package: str, output: str) -> None:
        found = re.search(r"INSTALL_(?:FAILED_|PARSE_FAILED_)?([A-Z_]+)", output)
        self.code = found[1] if found else ""
        advice = _REFUSALS.get(self.code, "see what it says, and try to install the APK by hand")
        printed = " ".join(output.split())[-300:]
        super().__init__(serial, f"cannot install the app: {advice.format(package=package)} ({printed})")
