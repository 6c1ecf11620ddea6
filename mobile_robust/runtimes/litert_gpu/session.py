"""A file held by the GPU engine in this process."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from os import PathLike
from typing import Any

from numpy.typing import NDArray

from mobile_robust.runtimes.base import PlacementError, Session


class GpuSession(Session):
    """The whole file on the GPU. Inputs and outputs are of the file's own types.

    Raises:
        PlacementError: The engine does not take every operation.
        RuntimeError: The engine refuses the file.
    """

    def __init__(self, artifact: PathLike[str]) -> None:
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.hardware_accelerator import HardwareAccelerator
        from ai_edge_litert.options import GpuOptions, Options

        # Full precision: parity is about the file. Phones choose half precision at run time, on top of it.
        options = Options(hardware_accelerators=HardwareAccelerator.GPU, gpu_options=GpuOptions(enforce_f32=True))
        self._model: Any = CompiledModel.from_file(os.fspath(artifact), options=options)
        if not self._model.is_fully_accelerated():
            raise PlacementError("not every operation is on the GPU")
        key, self._signature = next(iter(self._model.get_signature_list().items()))
        self._details = self._model.get_output_tensor_details(key)
        self._inputs, self._outputs = self._model.create_input_buffers(0), self._model.create_output_buffers(0)
        self._results: dict[str, NDArray[Any]] = {}

    def write(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        for name, buffer in zip(self._signature["inputs"], self._inputs, strict=True):
            buffer.write(inputs[name])

    def run(self) -> None:
        self._model.run_by_index(0, self._inputs, self._outputs)
        # Reading is part of the inference: nothing else waits for the GPU's end.
        for name, buffer in zip(self._signature["outputs"], self._outputs, strict=True):
            shape = self._details[name]["shape"]
            self._results[name] = buffer.read(math.prod(shape), self._details[name]["dtype"]).reshape(shape)

    def read(self) -> dict[str, NDArray[Any]]:
        return dict(self._results)
