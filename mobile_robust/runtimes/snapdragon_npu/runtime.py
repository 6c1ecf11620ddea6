"""A Snapdragon's NPU as a runtime: the file is compiled for a chip, and what a phone would load is emulated."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mobile_robust.contracts.chips import CHIPS
from mobile_robust.contracts.manifest import Placement
from mobile_robust.errors import InputError
from mobile_robust.runtimes.base import EngineError, Runtime
from mobile_robust.runtimes.process import Message, Worker, WorkerSession, launch
from mobile_robust.runtimes.snapdragon_npu import RUNTIMES, libraries, worker
from mobile_robust.runtimes.snapdragon_npu.compiler import chip_of, compile_for
from mobile_robust.runtimes.snapdragon_npu.payload import context_model
from mobile_robust.tflite import file as tflite_file
from mobile_robust.tflite.file import TfliteFile

_ENGINE = "the NPU's emulator"


class SnapdragonNpu(Runtime):
    """Every operation must be on the NPU. Float files compute in half precision there.

    The emulator is Qualcomm's: its values are those of the chip's instructions, its speed says nothing of a phone.
    """

    info = RUNTIMES[0]

    def __init__(self, chip: str = CHIPS[0]) -> None:
        self._chip = chip

    def unavailable(self) -> str | None:
        return libraries.find()[1]

    def open(self, artifact: PathLike[str], threads: int = 1) -> NpuSession:
        """Compiles the file, unless it was compiled already. Raises ``PlacementError`` where the compiler fails, and
        ``InputError`` for a file that was compiled for another chip."""
        file = tflite_file.read(artifact)
        if (made_for := chip_of(file)) is not None:
            if made_for != self._chip:
                raise InputError(f"{file.path}: was compiled for {made_for}, not for {self._chip}")
            return NpuSession(file, self._chip, 1)
        with TemporaryDirectory() as folder:
            compiled = compile_for(self._chip, file, Path(folder) / f"{file.path.stem}_{self._chip}.tflite")
            return NpuSession(compiled, self._chip, len(file.operations))


class NpuSession(WorkerSession):
    """A compiled file's payload in the emulator of a process of its own; ``operations`` were compiled into it.

    Raises:
        InputError: The file was not compiled.
        EngineError: The emulator does not take the payload.
        RuntimeError: There is no emulator.
    """

    def __init__(self, compiled: TfliteFile, chip: str, operations: int) -> None:
        folder, reason = libraries.find()
        if folder is None:
            raise RuntimeError(reason)
        model = np.frombuffer(context_model(compiled), np.uint8)
        sides = {"inputs": compiled.inputs, "outputs": compiled.outputs}
        names = {side: {name: tensor.name for name, tensor in tensors.items()} for side, tensors in sides.items()}
        process = launch(worker.__name__, [], {"LD_LIBRARY_PATH": str(folder)})
        super().__init__(compiled, Worker(**process), _ENGINE)
        try:
            opened = self._worker.ask(Message("model", json.dumps(names), {"model": model}))
            if opened.kind == "error":
                raise EngineError(f"{compiled.path}: {_ENGINE} cannot open it: {' '.join(opened.text.split())}")
        except BaseException:
            self.close()
            raise
        self.placement = Placement(accelerator=f"npu ({chip}, emulated)", total_ops=operations, placed_ops=operations)
