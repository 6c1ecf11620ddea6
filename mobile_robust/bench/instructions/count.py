"""The instructions of one warm inference, by kernel."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mobile_robust.bench.instructions import plugin
from mobile_robust.bench.instructions.symbols import MemoryMap, by_function
from mobile_robust.bench.models import Model
from mobile_robust.parity.reference import load_reference
from mobile_robust.runtimes.emulator.profiles import Profile
from mobile_robust.runtimes.emulator.runtime import EmulatedSession
from mobile_robust.tflite import file as tflite_file


@dataclass(frozen=True)
class Count:
    """Executed instructions of the second inference, in one thread.

    Attributes:
        artifact: File name.
        total: All of them, from the call of the interpreter until it returns.
        kernels: The same by function of XNNPACK or LiteRT, or by library where it tells no functions; largest first.
    """

    artifact: str
    total: int
    kernels: dict[str, int]


def count(model: Model, profile: Profile) -> Count:
    """Counts an artifact on the first photo that its build was proven with.

    Raises:
        InputError: There is no C compiler for the plug-in.
        EngineError: The file does not run there.
        RuntimeError: There is no sandbox.
    """
    inputs = load_reference(model.folder, model.manifest).inputs_of(model.artifact.inputs, 0)
    with TemporaryDirectory() as folder:
        out = Path(folder) / "counts"
        session = EmulatedSession(tflite_file.read(model.path), profile, *plugin.options(out))
        try:
            session.write(inputs)
            memory = MemoryMap(session.ask("count").text)
            executed: Counter[int] = Counter()
            for line in out.read_text().splitlines():
                address, number = line.split()
                executed[int(address, 16)] += int(number)
        finally:
            session.close()
    return Count(model.artifact.file, executed.total(), by_function(executed, memory))
