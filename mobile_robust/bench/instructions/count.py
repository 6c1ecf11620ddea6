"""The instructions of one warm inference, by kernel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from mobile_robust.bench.instructions import plugin
from mobile_robust.bench.instructions.symbols import MemoryMap, by_function
from mobile_robust.bench.instructions.table import InstructionCount
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


def count_instructions(
    builds: Sequence[Path], precisions: Sequence[str], profile: str, notify: Callable[[str], None]
) -> list[tuple[str, InstructionCount]]:
    """Counts the instructions of TFLite files on LiteRT's ARM64 kernels: file names, and rows of a table.

    Args:
        builds: Folders of finished builds, or TFLite files in such folders.
        precisions: Only these; none: all there are.
        profile: Name of the emulated phone.
        notify: Called with every file's name before it is counted.

    Raises:
        InputError: No finished build, no sandbox, no C compiler, or a file that does not run there.
    """
    found, reason = sandbox.find()
    if found is None:
        raise InputError(f"bench arm64: {reason}")
    versions = {name: found.version(name) for name in _DECIDING}
    rows = []
    for model in resolve(builds, precisions, [runtimes()["litert_cpu"]]):
        notify(model.artifact.file)
        try:
            kernels = _count(model, PROFILES[profile])
        except EngineError as error:
            raise InputError(str(error)) from None
        row = InstructionCount(total=sum(kernels.values()), kernels=kernels, versions=versions)
        rows.append((model.artifact.file, row))
    return rows


def _count(model: Model, profile: Profile) -> dict[str, int]:
    """Of the second inference on the first photo that the build was verified with, from the call of the interpreter
    until it returns: by function of XNNPACK or LiteRT, or by library where it tells no functions; largest first."""
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
    return by_function(executed, memory)
