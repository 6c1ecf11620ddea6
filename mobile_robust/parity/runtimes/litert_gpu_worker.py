"""The process that holds the GPU engine: ``python -m mobile_robust.parity.runtimes.litert_gpu_worker FILE.tflite``.

A process of its own because the engine prints to file descriptor 2, reads the Vulkan driver from the environment, and
on some files crashes instead of refusing. Speaks ``messages`` on stdin and stdout.
"""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

from mobile_robust.parity.runtimes.messages import Message, receive, send


def launch(path: Path, variables: dict[str, str]) -> dict[str, Any]:
    """Arguments for ``subprocess`` that start this worker on a file with environment variables added."""
    package_root = str(Path(__file__).resolve().parents[3])
    search = os.pathsep.join(filter(None, [package_root, os.environ.get("PYTHONPATH")]))
    return {
        "args": [sys.executable, "-m", __name__, str(path)],
        "env": {**os.environ, **variables, "PYTHONPATH": search},
    }


def main(path: str) -> None:
    """Opens the file, says "open" (all on the GPU), "partial" or "error", then answers inputs by outputs.

    Both are arrays by name in the file's own types and shapes.
    """
    # Whatever the engine prints on descriptor 1 must not fall between the messages.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    questions = sys.stdin.buffer

    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.hardware_accelerator import HardwareAccelerator
    from ai_edge_litert.options import GpuOptions, Options

    # Full precision: parity is about the file. Phones choose half precision at run time, on top of it.
    options = Options(hardware_accelerators=HardwareAccelerator.GPU, gpu_options=GpuOptions(enforce_f32=True))
    try:
        model = CompiledModel.from_file(path, options=options)
    except RuntimeError as error:
        send(answers, Message("error", str(error)))
        return
    send(answers, Message("open" if model.is_fully_accelerated() else "partial"))
    _serve(model, questions, answers)


def _serve(model: Any, questions: BinaryIO, answers: BinaryIO) -> None:
    key, signature = next(iter(model.get_signature_list().items()))
    details = model.get_output_tensor_details(key)
    inputs, outputs = model.create_input_buffers(0), model.create_output_buffers(0)
    while True:
        try:
            arrays = receive(questions).arrays
        except EOFError:
            return
        try:
            for name, buffer in zip(signature["inputs"], inputs, strict=True):
                buffer.write(arrays[name])
            model.run_by_index(0, inputs, outputs)
            results = {}
            for name, buffer in zip(signature["outputs"], outputs, strict=True):
                shape = details[name]["shape"]
                results[name] = buffer.read(math.prod(shape), details[name]["dtype"]).reshape(shape)
        except (RuntimeError, ValueError) as error:
            send(answers, Message("error", str(error)))
        else:
            send(answers, Message("outputs", arrays=results))


if __name__ == "__main__":
    main(sys.argv[1])
