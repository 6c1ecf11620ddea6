"""What goes wrong with a device, whatever its platform."""

from __future__ import annotations

from mobile_robust.errors import InputError


class StoppedError(Exception):
    """The user wants an end."""


class DroppedError(Exception):
    """The connection broke, or nothing came in time: after a reconnection the same may be tried again."""


class DeviceError(InputError):
    """A device that cannot be used until a person acts; the message begins with its serial and says what to do."""

    def __init__(self, serial: str, message: str) -> None:
        super().__init__(f"{serial}: {message}")


class LostError(DeviceError):
    """The connection broke and the device did not come back."""


class StorageFullError(DeviceError):
    """The device's storage is full."""

    def __init__(self, serial: str) -> None:
        super().__init__(serial, "its storage is full: delete something there, and give the command again")
