"""What is measured: every DIR of the command line as artifacts, each on every runtime."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobile_robust.contracts.manifest import MANIFEST_NAME, Artifact, Manifest, read_manifest, verify_hashes
from mobile_robust.errors import InputError, unknown
from mobile_robust.runtimes.base import Runtime
from mobile_robust.runtimes.litert_cpu import LitertCpu
from mobile_robust.runtimes.litert_gpu.runtime import LitertGpu

#: Runtimes of this host.
RUNTIMES: dict[str, type[Runtime]] = {"litert_cpu": LitertCpu, "litert_gpu": LitertGpu}
#: Every runtime that measures, and the accelerator it is asked for; those named tflite are an Android phone's.
ACCELERATORS = {"litert_cpu": "cpu", "litert_gpu": "gpu", "tflite_cpu": "cpu", "tflite_gpu": "gpu"}


@dataclass(frozen=True)
class Model:
    """An artifact on a runtime.

    Attributes:
        folder: Of its build.
        manifest: Of its build.
        artifact: Its entry there.
        runtime: A name among ACCELERATORS.
    """

    folder: Path
    manifest: Manifest
    artifact: Artifact
    runtime: str

    @property
    def path(self) -> Path:
        """The artifact's file."""
        return self.folder / self.artifact.file


def resolve(arguments: Iterable[Path], precisions: Sequence[str], runtimes: Sequence[str]) -> list[Model]:
    """Everything that is measured for the DIRs of a command line, in their order, each once.

    Args:
        arguments: Folders of finished builds, or TFLite files in such folders.
        precisions: Only these; none: all there are.
        runtimes: Names among ACCELERATORS; those of this host must be able to run.

    Raises:
        InputError: Not a finished build or not in one, a build that was changed, no file of these precisions, borders
            that are not float32, or a runtime that cannot run here.
    """
    for name in (name for name in runtimes if name in RUNTIMES):
        if reason := RUNTIMES[name]().unavailable():
            raise InputError(f"--runtime {name}: not available on this machine: {reason}")
    found: dict[tuple[str, str], Model] = {}
    for argument in arguments:
        folder, file = (argument.parent, argument.name) if argument.suffix == ".tflite" else (argument, None)
        manifest = read_manifest(folder)
        verify_hashes(manifest, folder)
        for artifact in _chosen(folder, manifest, file, precisions):
            for runtime in runtimes:
                found.setdefault((artifact.sha256, runtime), Model(folder, manifest, artifact, runtime))
    return list(found.values())


def _chosen(folder: Path, manifest: Manifest, file: str | None, precisions: Sequence[str]) -> list[Artifact]:
    files = {artifact.file: artifact for artifact in manifest.artifacts if artifact.target == "tflite"}
    if file is not None:
        if file not in files:
            raise unknown(f"TFLite file of {folder / MANIFEST_NAME}", file, files)
        return [_plain(folder, files[file])]
    wanted = [a for a in files.values() if not precisions or a.precision in precisions]
    if not wanted:
        has = ", ".join(artifact.precision for artifact in files.values()) or "none"
        which = f" of --precision {' '.join(precisions)}" if precisions else ""
        raise InputError(f"{folder}: no TFLite file{which}; it has: {has}")
    return [_plain(folder, artifact) for artifact in wanted]


def _plain(folder: Path, artifact: Artifact) -> Artifact:
    for tensor in (*artifact.inputs, *artifact.outputs):
        if tensor.dtype != "float32":
            raise InputError(f"{folder / artifact.file}: {tensor.name} is {tensor.dtype}; bench takes float32 borders")
    return artifact
