"""The process that holds the GPU engine: ``python -m mobile_robust.runtimes.litert_gpu.worker FILE.tflite``.

A process of its own because the engine prints to file descriptor 2, reads the Vulkan driver from the environment, and
on some files crashes instead of refusing. Speaks ``messages`` on stdin and stdout.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from numpy.typing import NDArray

from mobile_robust.runtimes.messages import Message, receive, send
from mobile_robust.runtimes.process import answers


class GpuModel:
    """A file opened by the GPU engine in this process; the three steps of an inference apart. Types are the file's own.

    Args:
        path: The file.

    Raises:
        RuntimeError: The engine refuses it.
    """

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.hardware_accelerator import HardwareAccelerator
        from ai_edge_litert.options import GpuOptions, Options

        # Full precision: parity is about the file. Phones choose half precision at run time, on top of it.
        options = Options(hardware_accelerators=HardwareAccelerator.GPU, gpu_options=GpuOptions(enforce_f32=True))
        self._model: Any = CompiledModel.from_file(str(path), options=options)
        self.whole = bool(self._model.is_fully_accelerated())  # every operation is on the GPU
        key, self._signature = next(iter(self._model.get_signature_list().items()))
        self._details = self._model.get_output_tensor_details(key)
        self._inputs, self._outputs = self._model.create_input_buffers(0), self._model.create_output_buffers(0)

    def write(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Hands over the inputs, by name."""
        for name, buffer in zip(self._signature["inputs"], self._inputs, strict=True):
            buffer.write(arrays[name])

    def run(self) -> None:
        """One inference; only :meth:`read` waits for its end."""
        self._model.run_by_index(0, self._inputs, self._outputs)

    def read(self) -> dict[str, NDArray[Any]]:
        """The outputs, by name."""
        results = {}
        for name, buffer in zip(self._signature["outputs"], self._outputs, strict=True):
            shape = self._details[name]["shape"]
            results[name] = buffer.read(math.prod(shape), self._details[name]["dtype"]).reshape(shape)
        return results


def main(path: str) -> None:
    """Opens the file, says "open" (all on the GPU), "partial" or "error", then answers inputs by outputs.

    Both are arrays by name in the file's own types and shapes.
    """
    stream = answers()
    try:
        model = GpuModel(Path(path))
    except RuntimeError as error:
        send(stream, Message("error", str(error)))
        return
    send(stream, Message("open" if model.whole else "partial"))
    _serve(model, sys.stdin.buffer, stream)


def _serve(model: GpuModel, questions: BinaryIO, stream: BinaryIO) -> None:
    while True:
        try:
            arrays = receive(questions).arrays
        except EOFError:
            return
        try:
            model.write(arrays)
            model.run()
            results = model.read()
        except (RuntimeError, ValueError) as error:
            send(stream, Message("error", str(error)))
        else:
            send(stream, Message("outputs", arrays=results))


if __name__ == "__main__":
    main(sys.argv[1])
