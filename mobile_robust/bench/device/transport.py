"""What a measurement needs of a device. A platform implements it in a folder of its own, as ``bench/android`` does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mobile_robust.bench.device.errors import StorageFullError
from mobile_robust.contracts.precisions import Precision
from mobile_robust.contracts.result import Accelerator, Device
from mobile_robust.contracts.targets import Target

#: Bytes that stay free on a device beside the files it is given.
_SPARE_BYTES = 64 * 2**20


@dataclass(frozen=True)
class DeviceRuntime:
    """What executes artifacts in the app of a platform.

    Attributes:
        name: As a result calls it, such as tflite_gpu.
        accelerator: What is asked for.
        version: Of the runtime inside the app.
        suffix: Of the files it takes, such as .tflite.
        arithmetic: Precision of the artifact -> what its float operations are computed in; a precision that is not
            listed is computed as the file says.
        target: The kind of file it takes.
        without: Precisions that its accelerator cannot compute in.
        quantizes: Whether it takes and gives float32 also where a file has uint8.
    """

    name: str
    accelerator: Accelerator
    version: str
    suffix: str
    arithmetic: Mapping[str, Literal["fp32", "fp16"]] = field(default_factory=dict)
    target: Target = "tflite"
    without: tuple[Precision, ...] = ()
    quantizes: bool = False


@dataclass(frozen=True)
class Platform:
    """What is known of all devices of an operating system before one is connected.

    Attributes:
        name: Of the app's platform in a result.
        runtimes: Of the app, one an accelerator.
        max_thermal_status: On the platform's own scale; a hotter device is not measured.
        file_problems: Why the app's runtime would refuse an artifact, one sentence each.
    """

    name: Literal["android", "ios"]
    runtimes: tuple[DeviceRuntime, ...]
    max_thermal_status: int
    file_problems: Callable[[Path], list[str]]

    def runtime_on(self, accelerator: str) -> DeviceRuntime:
        """The runtime that uses an accelerator, which the app must support."""
        return next(runtime for runtime in self.runtimes if runtime.accelerator == accelerator)


@dataclass(frozen=True)
class DeviceFile:
    """A file for the app. ``suffix`` is that of its name on the device, whose stem is ``sha256``."""

    path: Path
    sha256: str
    suffix: str

    @property
    def name(self) -> str:
        """In the app's folder."""
        return self.sha256 + self.suffix


class DeviceTransport(ABC):
    """One connected device, and the benchmark app on it with the app's folder of files.

    Every method may be repeated without harm, and is after a connection that broke: the transport reconnects by itself
    and raises LostError where the device does not come back. Every method may raise DeviceError where a person must
    act. ``serial`` names the device in messages, and the folder of its result.
    """

    platform: Platform
    serial: str

    @abstractmethod
    def describe(self) -> Device:
        """What is known of it before its app has said more."""

    @abstractmethod
    def preflight(self) -> None:
        """Raises DeviceError where it cannot be measured on: too old, too hot, its battery nearly empty."""

    @abstractmethod
    def install(self) -> None:
        """Installs the app where this very version is not there."""

    @abstractmethod
    def uninstall(self) -> None:
        """Removes the app and all its files."""

    @abstractmethod
    def free_bytes(self) -> int | None:
        """Free storage; None where the device does not say."""

    @abstractmethod
    def missing(self, files: Iterable[DeviceFile]) -> list[DeviceFile]:
        """Those that the app does not have, or not whole."""

    @abstractmethod
    def put(self, file: DeviceFile, name: str | None = None) -> None:
        """Gives the app a file under a name (None: the file's own). Raises DeviceError where it arrives changed,
        StorageFullError where there is no room."""

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """A file of the app; None where it has none of this name."""

    def read_all(self, *names: str) -> bytes:
        """Small files of the app one after the other, without those that are missing."""
        return b"".join(content for name in names if (content := self.read(name)) is not None)

    @abstractmethod
    def remove(self, name: str) -> None:
        """Removes a file or folder of the app, if it is there."""

    @abstractmethod
    def start(self, job: str, begun: str) -> None:
        """Starts the app anew on the job in a file ``job``; it writes a file ``begun`` as soon as it has begun."""

    @abstractmethod
    def stop(self) -> None:
        """Ends the app, if it runs."""

    @abstractmethod
    def running(self) -> bool:
        """Whether the app has a process."""

    @abstractmethod
    def clock(self) -> int:
        """Seconds since 1970 by the device's clock; 0 where it does not say."""

    @abstractmethod
    def diagnose(self, since: int) -> str:
        """Why the app ended that was started at ``since``, see :meth:`clock`; "" where the system logged nothing."""

    def require_space(self, *sizes: int) -> None:
        """Raises StorageFullError where files of these sizes in bytes, and some room to work in, do not fit."""
        free = self.free_bytes()
        if free is not None and free < sum(sizes) + _SPARE_BYTES:
            raise StorageFullError(self.serial)
