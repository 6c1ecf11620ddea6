"""What is measured: every DIR of the command line as artifacts, each on every runtime."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mobile_robust.contracts.manifest import MANIFEST_NAME, Artifact, Manifest, read_manifest, verify_hashes
from mobile_robust.errors import InputError, unknown


class Timed(Protocol):
    """What a model needs of the runtime it is measured on, here or on a device."""

    @property
    def name(self) -> str: ...
    @property
    def accelerator(self) -> str: ...


@dataclass(frozen=True)
class Model:
    """An artifact, the manifest and the folder of its build, on a runtime that asks for an accelerator ("cpu")."""

    folder: Path
    manifest: Manifest
    artifact: Artifact
    runtime: str
    accelerator: str

    @property
    def path(self) -> Path:
        """The artifact's file."""
        return self.folder / self.artifact.file


def resolve(arguments: Iterable[Path], precisions: Sequence[str], runtimes: Sequence[Timed]) -> list[Model]:
    """Everything that is measured for the DIRs of a command line, in their order, each once.

    Args:
        arguments: Folders of finished builds, or TFLite files in such folders.
        precisions: Only these; none: all there are.
        runtimes: Of this machine or of a device.

    Raises:
        InputError: Not a finished build or not in one, a build that was changed, no file of these precisions, or inputs
            or outputs that are not float32.
    """
    found: dict[tuple[str, str], Model] = {}
    for argument in arguments:
        folder, file = (argument.parent, argument.name) if argument.suffix == ".tflite" else (argument, None)
        manifest = read_manifest(folder)
        verify_hashes(manifest, folder)
        for artifact in _chosen(folder, manifest, file, precisions):
            for runtime in runtimes:
                model = Model(folder, manifest, artifact, runtime.name, runtime.accelerator)
                found.setdefault((artifact.sha256, runtime.name), model)
    return list(found.values())


def _chosen(folder: Path, manifest: Manifest, file: str | None, precisions: Sequence[str]) -> list[Artifact]:
    files = {artifact.file: artifact for artifact in manifest.artifacts if artifact.target == "tflite"}
    if file is not None and file not in files:
        raise unknown(f"TFLite file of {folder / MANIFEST_NAME}", file, files)
    fitting = (artifact for artifact in files.values() if not precisions or artifact.precision in precisions)
    chosen = [files[file]] if file is not None else list(fitting)
    if not chosen:
        has = ", ".join(artifact.precision for artifact in files.values()) or "none"
        which = f" of --precision {' '.join(precisions)}" if precisions else ""
        raise InputError(f"{folder}: no TFLite file{which}; it has: {has}")
    for artifact in chosen:
        for tensor in (*artifact.inputs, *artifact.outputs):
            if tensor.dtype != "float32":
                where = f"{folder / artifact.file}: {tensor.name}"
                raise InputError(f"{where} is {tensor.dtype}; bench takes float32 inputs and outputs")
    return chosen
