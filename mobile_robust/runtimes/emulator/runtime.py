"""LiteRT's ARM64 build on an emulated phone as a runtime (see ``mobile_robust.arm64``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobile_robust.errors import InputError
from mobile_robust.runtimes.base import Arrays, EngineError, Runtime, Session
from mobile_robust.runtimes.emulator import RUNTIMES, sandbox, worker
from mobile_robust.runtimes.emulator.profiles import ARMV9, SNAPDRAGON_865, Profile
from mobile_robust.runtimes.litert_cpu import placement
from mobile_robust.runtimes.messages import Message
from mobile_robust.runtimes.process import Worker
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


class EmulatedSession(Session):
    """A worker process on an emulated phone that holds the opened file.

    Args:
        file: The file.
        profile: The phone.
        options: Of QEMU.

    Raises:
        InputError: LiteRT cannot prepare the file there.
        RuntimeError: There is no sandbox.
    """

    def __init__(self, file: TfliteFile, profile: Profile, *options: str) -> None:
        found, reason = sandbox.find()
        if found is None:
            raise RuntimeError(reason)
        self._file = file
        content, half = file.path.read_bytes(), any(tensor.dtype == "float16" for tensor in file.tensors)
        if half:
            content = attach(content, _REDUCED_PRECISION)
        self._worker = Worker(worker.__name__, [], {}, partial(found.launch, profile, options=options))
        try:
            self._worker.send(Message("open", arrays={"model": np.frombuffer(content, np.uint8)}))
            opened = self._worker.receive()
            if opened.kind == "error":
                raise InputError(f"{file.path}: LiteRT on ARM64 cannot prepare it: {opened.text}")
        except BaseException:
            self.close()
            raise
        where = f"xnnpack ({profile.name}{', half precision' if half else ''})"
        self.placement = placement(file, json.loads(opened.text), where)

    def write(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        self._stored = {str(tensor.index): tensor.quantize(inputs[name]) for name, tensor in self._file.inputs.items()}

    def run(self) -> None:
        self._outputs = self.ask("inputs").arrays

    def read(self) -> Arrays:
        return {
            name: tensor.dequantize(self._outputs[str(tensor.index)]) for name, tensor in self._file.outputs.items()
        }

    def ask(self, kind: str) -> Message:
        """The worker's reply to a message of some kind with the inputs (see ``worker``).

        Raises:
            EngineError: It failed there.
        """
        self._worker.send(Message(kind, arrays=self._stored))
        reply = self._worker.receive()
        if reply.kind == "error":
            raise EngineError(f"{self._file.path}: LiteRT on ARM64 failed: {reply.text}")
        return reply

    def close(self) -> None:
        self._worker.close()
