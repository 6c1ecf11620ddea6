"""Where the time of a file goes: the slowest operations on the CPU, as LiteRT's own profiler tells."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from mobile_robust.bench import profiler
from mobile_robust.bench.alignment import align, fits
from mobile_robust.bench.models import Model
from mobile_robust.errors import InputError
from mobile_robust.files import write_output
from mobile_robust.reporting.text import count_text, milliseconds
from mobile_robust.runtimes.litert_cpu import LitertCpu
from mobile_robust.runtimes.messages import Message
from mobile_robust.runtimes.process import Worker
from mobile_robust.tflite import file as tflite_file

FILE = "profile.json"
#: Rows in the terminal; the file has all operations.
_MOST_ROWS = 15


@dataclass(frozen=True)
class OperationTime:
    """One operation of a file.

    Attributes:
        index: In the file.
        operation: Its name.
        output: Name of the tensor it gives, which names the layer it came from.
        shape: Of that tensor.
        milliseconds: Mean over the faster half of the profiled inferences.
        share: Of the inference.
        macs: Multiply-accumulates; None of an operation that is not counted by them.
        kernels: What XNNPACK ran for it; nothing where it went into a neighbour, or into LiteRT's own kernels.
        delegated: Whether XNNPACK took it.
        certain: False where no kernel fits by its name, so that only the order speaks for this operation.
    """

    index: int
    operation: str
    output: str
    shape: tuple[int, ...]
    milliseconds: float
    share: float
    macs: int | None
    kernels: tuple[str, ...]
    delegated: bool
    certain: bool


@dataclass(frozen=True)
class Profile:
    """One file. ``milliseconds``: of the whole inference, likewise; the profiler itself takes a part of it."""

    artifact: str
    sha256: str
    threads: int
    milliseconds: float
    operations: tuple[OperationTime, ...]


def profile_all(models: Sequence[Model], threads: int, folder: Path, console: Console) -> None:
    """Profiles the models' files, prints their slowest operations and writes all of them to ``folder/profile.json``.

    Raises:
        InputError: The profiler does not work here.
    """
    unique = {model.artifact.sha256: model for model in models}
    profiles = []
    for model in unique.values():
        profiles.append(profile(model.path, model.artifact.sha256, threads))
        _print(profiles[-1], console)
    path = folder / FILE
    write_output(path, json.dumps([asdict(each) for each in profiles], indent=2) + "\n")
    console.print(str(path), highlight=False, markup=False, soft_wrap=True)


def profile(path: Path, sha256: str, threads: int) -> Profile:
    """Profiles one TFLite file on the CPU.

    Raises:
        InputError: It is no TFLite file, or the profiler does not work here.
    """
    file = tflite_file.read(path)
    session = LitertCpu(threads).open(path)
    partitions = [sorted(partition) for partition in session.partitions]
    session.close()
    worker = Worker(profiler.__name__, [], {})
    try:
        worker.send(Message("job", json.dumps({"artifact": str(path.resolve()), "threads": threads})))
        answer = worker.receive()
    finally:
        worker.close()
    if answer.kind == "error":
        raise InputError(f"--profile {path}: LiteRT's profiler does not work here: {answer.text}")
    events = [(str(tag), int(kind), int(index)) for tag, kind, index in json.loads(answer.text)]
    owners = assign(events, partitions, [op.name for op in file.operations])
    if owners is None:
        raise InputError(
            f"--profile {path}: LiteRT's profiler tells of other parts of the file than its interpreter has"
        )
    fast = np.argsort(answer.arrays["whole_us"])[: profiler.RUNS // 2]  # what else the machine does is in the others
    times = answer.arrays["us"][fast].mean(axis=0) / 1000
    whole = float(answer.arrays["whole_us"][fast].mean()) / 1000
    delegated = {index for partition in partitions for index in partition}
    found = []
    for op in file.operations:
        own = [number for number, owner in enumerate(owners) if owner == op.index]
        kernels = tuple(events[number][0] for number in own if events[number][1] != profiler.BUILT_IN)
        elapsed = float(sum(times[number] for number in own))
        found.append(
            OperationTime(
                op.index,
                op.name,
                op.outputs[0].name,
                op.outputs[0].shape,
                elapsed,
                elapsed / whole if whole else 0.0,
                multiply_accumulates(op),
                kernels,
                op.index in delegated,
                all(fits(kernel, op.name) for kernel in kernels),
            )
        )
    return Profile(path.name, sha256, threads, whole, tuple(found))


def assign(
    events: Sequence[tuple[str, int, int]], partitions: Sequence[Sequence[int]], operations: Sequence[str]
) -> list[int] | None:
    """The operation that every event belongs to.

    Args:
        events: Tag, kind and index, in order. A built-in kernel's index is the operation's; those of a partition's
            kernels begin at 0 and rise.
        partitions: Operations that each of XNNPACK's parts of the file holds, in the order in which they run.
        operations: Names.

    Returns:
        None where there are not as many parts among the events.
    """
    parts: list[list[int]] = []
    before: int | None = None
    for number, (_, kind, index) in enumerate(events):
        if kind == profiler.BUILT_IN:
            before = None
            continue
        if before is None or index <= before:
            parts.append([])
        parts[-1].append(number)
        before = index
    if len(parts) != len(partitions):
        return None
    owners = [index for _, _, index in events]
    for part, partition in zip(parts, partitions, strict=True):
        places = align([events[number][0] for number in part], [operations[index] for index in partition])
        for number, place in zip(part, places, strict=True):
            owners[number] = partition[place]
    return owners


def multiply_accumulates(op: tflite_file.Operation) -> int | None:
    """Of one operation, from its shapes; None where it is neither a convolution nor a matrix product.

    Weights are stored (outputs, height, width, inputs), depthwise ones (1, height, width, outputs), linear ones
    (outputs, inputs).
    """
    if op.name not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED") or op.inputs[1] is None:
        return None
    weights, values = op.inputs[1].shape, math.prod(op.outputs[0].shape)
    return values * math.prod(weights[1:3] if op.name == "DEPTHWISE_CONV_2D" else weights[1:])


def _print(found: Profile, console: Console) -> None:
    slowest = sorted(found.operations, key=lambda op: -op.milliseconds)[:_MOST_ROWS]
    told = sum(op.share for op in found.operations)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, title_justify="left")
    table.title = f"{found.artifact}: {milliseconds(found.milliseconds)} ms with the profiler on"
    for title in ("#", "operation", "output", "ms", "share", "MACs", "kernel"):
        table.add_column(title, justify="right" if title in ("#", "ms", "share", "MACs") else "left", overflow="fold")
    for op in slowest:
        kernel = ", ".join(op.kernels) if op.kernels else "in a neighbour's" if op.delegated else "LiteRT's own"
        table.add_row(
            str(op.index),
            op.operation,
            "x".join(map(str, op.shape)),
            milliseconds(op.milliseconds),
            f"{op.share:.1%}",
            "" if op.macs is None else count_text(op.macs),
            kernel + ("" if op.certain else " (?)"),
        )
    console.print(table)
    rest = len(found.operations) - len(slowest)
    more = f"; {rest} faster ones are in {FILE}" if rest else ""
    console.print(f"All operations together: {told:.0%} of the inference{more}.", style="dim", highlight=False)
