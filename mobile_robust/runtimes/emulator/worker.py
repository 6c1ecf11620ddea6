"""The process on the emulated phone: LiteRT's interpreter with a file in it.

It runs on the sandbox's own Python, which has NumPy and LiteRT and none of this package's other dependencies.
"""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path
from typing import Any

from mobile_robust.runtimes.messages import Message, receive, send
from mobile_robust.runtimes.process import reply_stream, serve

#: A system call that Linux does not have, and its first argument: by these the plug-in knows where to count.
MARK, BEGIN, END = 0x6D72, 1, 2


def main() -> None:
    """Receives a file ("model", its bytes as uint8), sends "open" or "error", then replies to every request.

    "open" has the operation list of the interpreter as JSON: for each the tensors it takes and gives, by index. A
    request has the inputs by name in the file's own types; the reply, "outputs", the outputs likewise. "count" makes a
    second inference between two marks; its reply has the process's memory map as text.
    """
    stream = reply_stream()
    model = receive(sys.stdin.buffer).arrays["model"].tobytes()  # the interpreter reads from here, and keeps no copy
    try:
        interpreter = _open(model)
    except (ValueError, RuntimeError) as error:
        send(stream, Message("error", str(error)))
        return
    nodes = [
        {side: list(map(int, op[side])) for side in ("inputs", "outputs")} for op in interpreter._get_ops_details()
    ]
    send(stream, Message("open", json.dumps(nodes)))
    serve(stream, lambda request: _reply(interpreter, request))


def _open(model: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _reply(interpreter: Any, request: Message) -> Message:
    signature = interpreter.get_signature_runner()
    inputs, outputs = signature.get_input_details(), signature.get_output_details()
    for name, values in request.arrays.items():
        interpreter.set_tensor(inputs[name]["index"], values)
    interpreter.invoke()
    text = ""
    if request.kind == "count":
        mark = ctypes.CDLL(None).syscall
        mark(MARK, BEGIN)
        interpreter.invoke()
        mark(MARK, END)
        text = Path("/proc/self/maps").read_text()
    return Message("outputs", text, {name: interpreter.get_tensor(x["index"]) for name, x in outputs.items()})


if __name__ == "__main__":
    main()
