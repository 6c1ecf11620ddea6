"""The instructions of one warm inference, by kernel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mobile_robust.bench.instructions import plugin
from mobile_robust.bench.instructions.symbols import MemoryMap, by_function
from mobile_robust.bench.models import Model, resolve
from mobile_robust.errors import InputError
from mobile_robust.parity.reference import load_reference
from mobile_robust.runtimes.base import EngineError
from mobile_robust.runtimes.emulator import sandbox
from mobile_robust.runtimes.emulator.profiles import PROFILES, Profile
from mobile_robust.runtimes.emulator.runtime import EmulatedSession
from mobile_robust.runtimes.registry import runtimes
from mobile_robust.tflite import file as tflite_file

#: The packages of the sandbox that decide what is executed.
_DECIDING = ("ai-edge-litert", "qemu-user:amd64")


@dataclass(frozen=True)
class Count:
    """Executed instructions of an artifact's second inference, in one thread.

    Attributes:
        artifact: File name.
        total: All of them, from the call of the interpreter until it returns.
        kernels: The same by function of XNNPACK or LiteRT, or by library where it tells no functions; largest first.
    """

    artifact: str
    total: int
    kernels: dict[str, int]


def count_instructions(
    builds: Sequence[Path], precisions: Sequence[str], profile: str, notify: Callable[[str], None]
) -> tuple[list[Count], dict[str, str]]:
    """Counts the instructions of TFLite files on LiteRT's ARM64 kernels.

    Args:
        builds: Folders of finished builds, or TFLite files in such folders.
        precisions: Only these; none: all there are.
        profile: Name of the emulated phone.
        notify: Called with every file's name before it is counted.

    Returns:
        The counts, and the versions of the packages that decide what is executed.

    Raises:
        InputError: No finished build, no sandbox, no C compiler, or a file that does not run there.
    """
    found, reason = sandbox.find()
    if found is None:
        raise InputError(f"bench arm64: {reason}")
    counts = []
    for model in resolve(builds, precisions, [runtimes()["litert_cpu"]]):
        notify(model.artifact.file)
        try:
            counts.append(_count(model, PROFILES[profile]))
        except EngineError as error:
            raise InputError(str(error)) from None
    return counts, {name: found.version(name) for name in _DECIDING}


def _count(model: Model, profile: Profile) -> Count:
    """Counts an artifact on the first photo that its build was verified with."""
    inputs = load_reference(model.folder, model.manifest).inputs_of(model.artifact.inputs, 0)
    with TemporaryDirectory() as folder:
        out = Path(folder) / "counts"
        with closing(EmulatedSession(tflite_file.read(model.path), profile, *plugin.options(out))) as session:
            session.write(inputs)
            memory = MemoryMap(session.ask("count").text)
            executed: Counter[int] = Counter()
            for line in out.read_text().splitlines():
                address, number = line.split()
                executed[int(address, 16)] += int(number)
    return Count(model.artifact.file, executed.total(), by_function(executed, memory))
