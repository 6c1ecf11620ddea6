"""The process that asks LiteRT's own profiler: ``python -m mobile_robust.bench.profiler``.

The Python package shows no profiler, but the library inside it does, by the C functions of litert/c/litert_profiler.h
and litert_compiled_model.h (LiteRT 2.x, github.com/google-ai-edge/LiteRT), and it looks into XNNPACK: an event for each
kernel. Called from here without a compiler's check, hence a process of its own: where a later library wants other
arguments, this process dies and not the user's.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mobile_robust.runtimes.messages import Message, receive, send
from mobile_robust.runtimes.process import answers

#: Inferences before, and with, the profiler.
WARM_UP, RUNS = 5, 20

#: Kinds of events: an operation of LiteRT's own kernels; one inside a delegate, told in either of two ways.
BUILT_IN, DELEGATED = 1 << 1, (1 << 2, 1 << 3)
_DEFAULT = 1
_CPU = 1
_WRITE = 1  # kLiteRtTensorBufferLockModeWrite
_HANDLE = ctypes.c_void_p


class _Event(ctypes.Structure):
    """ProfiledEventData. Three numbers on memory use stand before and after each."""

    _fields_ = (
        ("tag", ctypes.c_char_p),
        ("kind", ctypes.c_int),
        ("start_us", ctypes.c_uint64),
        ("elapsed_us", ctypes.c_uint64),
        ("memory", ctypes.c_int64 * 6),
        ("index", ctypes.c_uint64),
        ("subgraph", ctypes.c_uint64),
        ("source", ctypes.c_int),
    )


class _Library:
    """LiteRT's C functions; a status other than 0 is an error."""

    def __init__(self) -> None:
        found = find_spec("ai_edge_litert")
        folder = Path(found.origin).parent if found and found.origin else Path()
        files = [folder / f"libLiteRt.{suffix}" for suffix in ("so", "dylib")]
        existing = [str(file) for file in files if file.is_file()]
        if not existing:
            raise RuntimeError(f"ai-edge-litert has no {' or '.join(file.name for file in files)}")
        self._library = ctypes.CDLL(existing[0])

    def call(self, name: str, *arguments: Any) -> None:
        """Calls LiteRt``name``."""
        try:
            function = getattr(self._library, f"LiteRt{name}")
        except AttributeError:
            raise RuntimeError(f"this ai-edge-litert has no LiteRt{name}") from None
        if status := function(*arguments):
            raise RuntimeError(f"LiteRt{name} failed with status {status}")

    def make(self, name: str, *arguments: Any) -> _HANDLE:
        """Calls LiteRt``name``, whose last argument is where to put a handle."""
        handle = _HANDLE()
        self.call(name, *arguments, ctypes.byref(handle))
        return handle


class _Model:
    """A file on the CPU with the profiler on."""

    def __init__(self, path: str, threads: int) -> None:
        self._c = _Library()
        self._environment = self._c.make("CreateEnvironment", 0, None)
        model = self._c.make("CreateModelFromFile", self._environment, path.encode())
        options = self._c.make("CreateOptions")
        self._c.call("SetOptionsHardwareAccelerators", options, _CPU)
        self._keep: list[Any] = []  # what the library points to
        for name, text in (
            ("runtime_options_string", "enable_profiling = true\n"),
            ("xnnpack", f"num_threads = {threads}\n"),
        ):
            content, free = ctypes.create_string_buffer(text.encode()), ctypes.CFUNCTYPE(None, _HANDLE)(lambda _: None)
            self._keep += [content, free]
            opaque = self._c.make("CreateOpaqueOptions", name.encode(), ctypes.cast(content, _HANDLE), free)
            self._c.call("AddOpaqueOptions", options, opaque)
        self._model = self._c.make("CreateCompiledModel", self._environment, model, options)
        self._profiler = self._c.make("CompiledModelGetProfiler", self._model)
        if not self._profiler:
            raise RuntimeError("LiteRT gives no profiler")
        signature = self._c.make("GetModelSignature", model, ctypes.c_size_t(0))
        self._inputs, self._outputs = self._buffers(signature, "Input"), self._buffers(signature, "Output")

    def _buffers(self, signature: _HANDLE, side: str) -> Any:
        count = ctypes.c_size_t()
        self._c.call(f"GetNumSignature{side}s", signature, ctypes.byref(count))
        buffers = (_HANDLE * count.value)()
        for number in range(count.value):
            index, shape = ctypes.c_size_t(number), ctypes.create_string_buffer(512)  # LiteRtRankedTensorType
            tensor = self._c.make(f"GetSignature{side}TensorByIndex", signature, index)
            self._c.call("GetRankedTensorType", tensor, shape)
            needs = self._c.make(f"GetCompiledModel{side}BufferRequirements", self._model, ctypes.c_size_t(0), index)
            buffer = self._c.make("CreateManagedTensorBufferFromRequirements", self._environment, shape, needs)
            if side == "Input":
                self._fill(buffer)
            buffers[number] = buffer
        return buffers

    def _fill(self, buffer: _HANDLE) -> None:
        """Numbers in [0, 1): what lies in fresh memory could be slow to compute with."""
        size = ctypes.c_size_t()
        self._c.call("GetTensorBufferPackedSize", buffer, ctypes.byref(size))
        address = _HANDLE()
        self._c.call("LockTensorBuffer", buffer, ctypes.byref(address), _WRITE)
        values = np.random.default_rng(0).random(size.value // 4, dtype=np.float32).tobytes()
        ctypes.memmove(address, values, len(values))
        self._c.call("UnlockTensorBuffer", buffer)

    def run(self) -> None:
        """One inference."""
        sizes = ctypes.c_size_t(len(self._inputs)), ctypes.c_size_t(len(self._outputs))
        self._c.call(
            "RunCompiledModel", self._model, ctypes.c_size_t(0), sizes[0], self._inputs, sizes[1], self._outputs
        )

    def profiled(self) -> list[_Event]:
        """The events of one inference."""
        self._c.call("ResetProfiler", self._profiler)
        self._c.call("StartProfiler", self._profiler)
        self.run()
        self._c.call("StopProfiler", self._profiler)
        count = ctypes.c_int()
        self._c.call("GetNumProfilerEvents", self._profiler, ctypes.byref(count))
        events = (_Event * count.value)()
        self._c.call("GetProfilerEvents", self._profiler, count, events)
        return list(events)


def main() -> None:
    """Told {"artifact", "threads"} as JSON, says "profile" or "error".

    The profile is JSON: for every event of an operation its tag, kind and index, in order; with the arrays "us", (runs,
    events), and "whole_us", (runs,), in microseconds.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the others
    stream = answers()
    job = json.loads(receive(sys.stdin.buffer).text)
    try:
        message = _profile(job["artifact"], job["threads"])
    except RuntimeError as error:
        message = Message("error", str(error))
    with suppress(BrokenPipeError):
        send(stream, message)
    os._exit(0)  # nothing of the library is taken apart: the process was for this answer only


def _profile(artifact: str, threads: int) -> Message:
    model = _Model(artifact, threads)
    for _ in range(WARM_UP):
        model.run()
    runs = [model.profiled() for _ in range(RUNS)]
    told = [[event for event in run if event.kind == BUILT_IN or event.kind in DELEGATED] for run in runs]
    whole = [[event.elapsed_us for event in run if (event.kind, event.tag) == (_DEFAULT, b"Invoke")] for run in runs]
    described = [[(event.tag.decode(), event.kind, event.index) for event in run] for run in told]
    if any(run != described[0] for run in described) or any(len(times) != 1 for times in whole):
        raise RuntimeError("LiteRT's profiler tells of other events in every run: not understood")
    arrays = {
        "us": np.array([[event.elapsed_us for event in run] for run in told], np.int64),
        "whole_us": np.array([time for (time,) in whole], np.int64),
    }
    return Message("profile", json.dumps(described[0]), arrays)


if __name__ == "__main__":
    main()
