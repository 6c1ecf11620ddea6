"""LiteRT's ARM64 build on an emulated phone: the very kernels that a phone's CPU runs (see ``mobile_robust.arm64``)."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np

from mobile_robust.contracts.recipe import Target
from mobile_robust.errors import InputError
from mobile_robust.runtimes.base import Arrays, EngineError, Runtime, Session
from mobile_robust.runtimes.emulator import sandbox
from mobile_robust.runtimes.emulator import worker as guest
from mobile_robust.runtimes.emulator.profiles import ARMV9, SNAPDRAGON_865, Profile
from mobile_robust.runtimes.litert_cpu import partitions, placement
from mobile_robust.runtimes.messages import Message
from mobile_robust.runtimes.process import Worker
from mobile_robust.tflite import file as tflite_file

#: Metadata by which a float file lets XNNPACK compute in half precision, sums included, where the CPU can.
_REDUCED_PRECISION = {"reduced_precision_support": b"fp16accfp16"}


class LitertArm64(Runtime):
    """A Snapdragon 865.

    A file with float16 weights is run in half precision, as a phone may: that arithmetic is what only ARM shows. In
    float32 it would run the same kernels as the float32 file.
    """

    name = "litert_arm64"
    target: Target = "tflite"
    on_request = True
    profile: Profile = SNAPDRAGON_865

    def unavailable(self) -> str | None:
        """Why the sandbox cannot be used; every file of it is checked, once per process."""
        return sandbox.find()[1]

    def open(self, artifact: Path) -> EmulatedSession:
        """See ``Runtime.open``; never raises ``PlacementError``.

        Raises:
            RuntimeError: There is no sandbox (see ``unavailable``).
        """
        return EmulatedSession(tflite_file.read(artifact), self.profile)


class LitertArmv9(LitertArm64):
    """A phone of Armv9, with 8-bit matrix instructions."""

    name = "litert_armv9"
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

    def __init__(self, file: tflite_file.TfliteFile, profile: Profile, *options: str) -> None:
        found, reason = sandbox.find()
        if found is None:
            raise RuntimeError(reason)
        self._file = file
        content, half = file.path.read_bytes(), any(tensor.dtype == "float16" for tensor in file.tensors)
        if half:
            content = _in_half_precision(content)
        self._worker = Worker(guest.__name__, [], {}, partial(found.launch, profile, options=options))
        try:
            self._worker.send(Message("open", arrays={"model": np.frombuffer(content, np.uint8)}))
            opened = self._worker.receive()
            if opened.kind == "error":
                raise InputError(f"{file.path}: LiteRT on ARM64 cannot prepare it: {opened.text}")
        except BaseException:
            self.close()
            raise
        where = f"xnnpack ({profile.name}{', half precision' if half else ''})"
        self.placement = placement(file, partitions(file, json.loads(opened.text)), where)

    def run(self, inputs: Arrays) -> Arrays:
        """See ``Session.run``."""
        answer = self.ask("inputs", inputs)
        outputs = self._file.outputs.items()
        return {name: tensor.dequantize(answer.arrays[str(tensor.index)]) for name, tensor in outputs}

    def ask(self, kind: str, inputs: Arrays) -> Message:
        """The worker's answer to a question (see ``guest``).

        Raises:
            EngineError: It failed there.
        """
        stored = {str(tensor.index): tensor.quantize(inputs[name]) for name, tensor in self._file.inputs.items()}
        self._worker.send(Message(kind, arrays=stored))
        answer = self._worker.receive()
        if answer.kind == "error":
            raise EngineError(f"{self._file.path}: LiteRT on ARM64 failed: {answer.text}")
        return answer

    def close(self) -> None:
        """See ``Session.close``."""
        self._worker.close()


def _in_half_precision(content: bytes) -> bytes:
    from mobile_robust.tflite.metadata import attach  # the converter needs this package to prove what it makes

    return attach(content, _REDUCED_PRECISION)
