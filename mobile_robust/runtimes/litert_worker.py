"""The process that holds LiteRT's interpreter with a file in it, on this machine or on an emulated phone.

A process of its own because the interpreter crashes on malformed files. It needs NumPy and LiteRT and none of this
package's other dependencies: the sandbox of the emulated phone has no others.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mobile_robust.runtimes.process import Message, receive, reply_stream, send, serve

#: A system call that Linux does not have, and its first argument: by these the plug-in knows where to count.
MARK, BEGIN, END = 0x6D72, 1, 2


def main() -> None:
    """Receives a file ("model", its bytes as uint8), sends "open" or "error", then replies to every request.

    The text of the first message is the number of threads; where its kind is "open plain", no delegate takes an
    operation, and every tensor keeps its value. "open" has the operation list of the interpreter as JSON: for each the
    tensors it takes and gives, by index. A request has the inputs by name in the file's own types; the reply,
    "outputs", the outputs likewise. "count" makes a second inference between two marks; its reply has the process's
    memory map as text. "values" is replied to with every tensor that an operation gives, by its index.
    """
    stream = reply_stream()
    first = receive(sys.stdin.buffer)
    model = first.arrays["model"].tobytes()  # the interpreter reads from here, and keeps no copy
    try:
        interpreter = _open(model, int(first.text), first.kind == "open plain")
        inputs, outputs = _indices(interpreter)
    except (ValueError, RuntimeError, LookupError, MemoryError) as error:  # of names as well, which may be no UTF-8
        send(stream, Message("error", str(error) or type(error).__name__))
        return
    nodes = [
        {side: list(map(int, op[side])) for side in ("inputs", "outputs")} for op in interpreter._get_ops_details()
    ]
    send(stream, Message("open", json.dumps(nodes)))

    def reply(request: Message) -> Message:
        for name, values in request.arrays.items():
            interpreter.set_tensor(inputs[name], values)
        interpreter.invoke()
        text = _count(interpreter.invoke) if request.kind == "count" else ""
        if request.kind == "values":
            computed = {index for node in nodes for index in node["outputs"]}
            return Message("values", arrays={str(index): interpreter.get_tensor(index) for index in computed})
        return Message("outputs", text, {name: interpreter.get_tensor(index) for name, index in outputs.items()})

    serve(stream, reply)


def _open(model: bytes, threads: int, plain: bool) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES if plain else OpResolverType.AUTO
    interpreter = Interpreter(
        model_content=model,
        num_threads=threads,
        experimental_op_resolver_type=resolver,
        experimental_preserve_all_tensors=plain,
    )
    interpreter.allocate_tensors()
    return interpreter


def _indices(interpreter: Any) -> list[dict[str, int]]:
    """Of inputs and outputs, by name. The runner is not kept: nothing can run while it refers to the interpreter."""
    runner = interpreter.get_signature_runner()
    both = (runner.get_input_details(), runner.get_output_details())
    return [{name: details["index"] for name, details in tensors.items()} for tensors in both]


def _count(work: Callable[[], None]) -> str:
    """The process's memory map, after some work between two marks."""
    mark = ctypes.CDLL(None).syscall
    mark(MARK, BEGIN)
    work()
    mark(MARK, END)
    return Path("/proc/self/maps").read_text()


if __name__ == "__main__":
    main()
