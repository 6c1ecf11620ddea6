"""The process that holds the GPU engine: ``python -m mobile_robust.runtimes.litert_gpu.worker FILE.tflite``.

A process of its own because the engine prints to file descriptor 2, reads the Vulkan driver from the environment, and
on some files crashes instead of refusing.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mobile_robust.runtimes.base import PlacementError
from mobile_robust.runtimes.litert_gpu.session import GpuSession
from mobile_robust.runtimes.process import Message, reply_stream, send, serve


def main(path: str) -> None:
    """Opens the file, says "open" (all on the GPU) or "error", then replies to inputs with outputs.

    Both are arrays by name in the file's own types and shapes.
    """
    stream = reply_stream()
    try:
        session = GpuSession(Path(path))
    except (PlacementError, RuntimeError) as error:
        send(stream, Message("error", str(error)))
        return
    send(stream, Message("open"))
    serve(stream, lambda request: Message("outputs", arrays=session.predict(request.arrays)))


if __name__ == "__main__":
    main(sys.argv[1])
