"""LiteRT's ARM64 build on an emulated phone as a runtime (see ``mobile_robust.arm64``)."""

from __future__ import annotations

from os import PathLike

from mobile_robust.runtimes import litert_worker
from mobile_robust.runtimes.base import Runtime
from mobile_robust.runtimes.emulator import RUNTIMES, sandbox
from mobile_robust.runtimes.emulator.profiles import ARMV9, SNAPDRAGON_865, Profile
from mobile_robust.runtimes.litert_cpu import InterpreterSession
from mobile_robust.tflite import file as tflite_file
from mobile_robust.tflite.file import TfliteFile
from mobile_robust.tflite.metadata import attach

#: Metadata by which a float file lets XNNPACK compute in half precision, sums included, where the CPU can.
_REDUCED_PRECISION = {"reduced_precision_support": b"fp16accfp16"}


class LitertArm64(Runtime):
    """A Snapdragon 865.

    A file with float16 weights is run in half precision, as a phone may: that arithmetic is what only ARM shows. In
    float32 it would run the same kernels as the float32 file.
    """

    info = RUNTIMES[0]
    profile: Profile = SNAPDRAGON_865

    def unavailable(self) -> str | None:
        """Why the sandbox cannot be used; every file of it is checked, once per process."""
        return sandbox.find()[1]

    def open(self, artifact: PathLike[str], threads: int = 1) -> EmulatedSession:
        """One thread; never raises ``PlacementError``."""
        return EmulatedSession(tflite_file.read(artifact), self.profile)


class LitertArmv9(LitertArm64):
    """A phone of Armv9, with 8-bit matrix instructions."""

    info = RUNTIMES[1]
    profile = ARMV9


class EmulatedSession(InterpreterSession):
    """A worker process on an emulated phone that holds the opened file; ``options`` are QEMU's.

    Raises:
        InputError: LiteRT cannot prepare the file there.
        RuntimeError: There is no sandbox.
    """

    def __init__(self, file: TfliteFile, profile: Profile, *options: str) -> None:
        found, reason = sandbox.find()
        if found is None:
            raise RuntimeError(reason)
        content, half = file.path.read_bytes(), any(tensor.dtype == "float16" for tensor in file.tensors)
        if half:
            content = attach(content, _REDUCED_PRECISION)
        process = found.launch(profile, ["-m", litert_worker.__name__], {}, options)
        where = f"xnnpack ({profile.name}{', half precision' if half else ''})"
        super().__init__(file, content, process, "LiteRT on ARM64", where)
