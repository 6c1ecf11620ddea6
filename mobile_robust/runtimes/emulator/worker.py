"""The process on the emulated phone: LiteRT's interpreter with a file in it. Speaks ``messages`` on stdin and stdout.

It runs on the sandbox's own Python, which has NumPy and LiteRT and none of this package's other dependencies.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mobile_robust.runtimes.messages import Message, receive, send
from mobile_robust.runtimes.process import reply_stream

#: A system call that Linux does not have, and its first argument: by these the plug-in knows where to count.
MARK, BEGIN, END = 0x6D72, 1, 2


def main() -> None:
    """Receives a file ("model", its bytes as uint8), sends "open" or "error", then replies to every request.

    "open" has the operation list of the interpreter as JSON: for each the tensors it takes and gives, by index. A
    request has the inputs by tensor index in the file's own types; the reply, "outputs", the outputs likewise.
    "count" makes a second inference between two marks; its reply has the process's memory map as text.
    """
    stream, requests = reply_stream(), sys.stdin.buffer
    model = receive(requests).arrays["model"].tobytes()  # the interpreter reads from here, and keeps no copy
    try:
        interpreter = _open(model)
    except (ValueError, RuntimeError) as error:
        send(stream, Message("error", str(error)))
        return
    nodes = [
        {side: list(map(int, op[side])) for side in ("inputs", "outputs")} for op in interpreter._get_ops_details()
    ]
    send(stream, Message("open", json.dumps(nodes)))
    while True:
        try:
            request = receive(requests)
        except EOFError:
            return
        try:
            send(stream, _reply(interpreter, request))
        except (ValueError, RuntimeError) as error:
            send(stream, Message("error", str(error)))


def _open(model: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _reply(interpreter: Any, request: Message) -> Message:
    for index, values in request.arrays.items():
        interpreter.set_tensor(int(index), values)
    interpreter.invoke()
    text = ""
    if request.kind == "count":
        _count(interpreter.invoke)
        text = Path("/proc/self/maps").read_text()
    given = [tensor["index"] for tensor in interpreter.get_output_details()]
    return Message("outputs", text, {str(index): interpreter.get_tensor(index) for index in given})


def _count(work: Callable[[], None]) -> None:
    mark = ctypes.CDLL(None).syscall
    mark(MARK, BEGIN)
    work()
    mark(MARK, END)


if __name__ == "__main__":
    main()
