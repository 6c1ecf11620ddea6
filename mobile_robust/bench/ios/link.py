"""What a measurement needs of a program that speaks to an iPhone: Apple's devicectl, or pymobiledevice3."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mobile_robust.bench.ios.app import App


@dataclass(frozen=True)
class Facts:
    """What a phone says of itself; None: the program cannot ask for it.

    Attributes:
        name: As its maker sells it, such as iPhone 14 Pro; else the model.
        model: Such as iPhone15,2.
        version: Of iOS, such as 17.5.1.
        build: Of iOS, such as 21F90.
        abi: Of its processor.
        trusts: Whether its owner has said that it trusts this computer.
        temperature_mc: Of its battery, thousandths of a degree Celsius.
    """

    name: str
    model: str
    version: str
    build: str
    abi: str = "arm64"
    trusts: bool = True
    developer_mode: bool | None = None
    locked: bool | None = None
    battery_percent: int | None = None
    charging: bool | None = None
    temperature_mc: int | None = None
    free_bytes: int | None = None


class Link(ABC):
    """The connection to one phone. Files are those of the app's Documents folder, by their path in it.

    Every method raises DroppedError where the connection broke or nothing came in time, DeviceError where a person must
    act, StorageFullError where the phone is full.
    """

    #: UDID of the phone.
    serial: str

    @abstractmethod
    def present(self) -> bool:
        """Whether the phone is connected now. Raises InputError where the program itself does not work."""

    @abstractmethod
    def facts(self) -> Facts:
        """What it says of itself now."""

    @abstractmethod
    def install(self, app: App) -> None:
        """Installs an app, over an older one whose files stay."""

    @abstractmethod
    def uninstall(self, app: App) -> None:
        """Removes an app and all its files, if it is there."""

    @abstractmethod
    def sizes(self, app: App) -> dict[str, int]:
        """Bytes of every file, folders' files included."""

    @abstractmethod
    def push(self, app: App, local: Path, name: str) -> None:
        """Copies a file or folder to the phone."""

    @abstractmethod
    def pull(self, app: App, name: str) -> bytes | None:
        """The content of a file; None where there is none of this name."""

    @abstractmethod
    def remove(self, app: App, name: str) -> None:
        """Removes a file or folder, if it is there and the program can."""

    @abstractmethod
    def launch(self, app: App) -> None:
        """Starts the app anew, in the foreground."""

    @abstractmethod
    def processes(self, app: App) -> list[int]:
        """Identifiers of the app's processes."""

    @abstractmethod
    def kill(self, processes: Sequence[int]) -> None:
        """Ends processes."""

    @abstractmethod
    def crash_logs(self) -> list[str]:
        """Names of all crash logs on the phone."""

    @abstractmethod
    def crash_log(self, name: str) -> bytes | None:
        """One of these."""
