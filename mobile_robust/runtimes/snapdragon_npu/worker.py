"""The process that holds Qualcomm's emulator with a compiled file's payload in it.

A process of its own because the emulator finds its libraries by the environment, prints to the standard streams, and
may crash on a payload.
"""

from __future__ import annotations

import sys
from typing import Any

from mobile_robust.documents import parse_json
from mobile_robust.runtimes.process import Message, receive, reply_stream, send, serve

_PROVIDER = "QNNExecutionProvider"
#: Of ONNX Runtime's log: errors alone.
_ERRORS = 3


def main() -> None:
    """Receives "model", its bytes as uint8 and as text the names of its tensors by those of the file, as JSON; says
    "open" or "error"; then replies to inputs with outputs, arrays by the file's names.
    """
    stream = reply_stream()
    first = receive(sys.stdin.buffer)
    names = parse_json(first.text)
    try:
        session = _open(first.arrays["model"].tobytes())
    except (RuntimeError, ValueError, ImportError, OSError) as error:
        send(stream, Message("error", str(error)))
        return
    send(stream, Message("open"))

    def reply(request: Message) -> Message:
        inputs = {names["inputs"][name]: array for name, array in request.arrays.items()}
        outputs = session.run(list(names["outputs"].values()), inputs)
        return Message("outputs", arrays=dict(zip(names["outputs"], outputs, strict=True)))

    serve(stream, reply)


def _open(model: bytes) -> Any:
    """An inference session in which nothing can fall back to the CPU."""
    import onnxruntime
    import onnxruntime_qnn

    onnxruntime.set_default_logger_severity(_ERRORS)
    onnxruntime.register_execution_provider_library(_PROVIDER, onnxruntime_qnn.get_library_path())
    devices = [device for device in onnxruntime.get_ep_devices() if device.ep_name == _PROVIDER]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    options.add_provider_for_devices(devices[:1], {"backend_path": onnxruntime_qnn.get_qnn_htp_path()})
    return onnxruntime.InferenceSession(model, options)


if __name__ == "__main__":
    main()
