"""What is measured: every DIR of the command line as artifacts, each on every runtime."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mobile_robust.contracts.manifest import MANIFEST_NAME, Artifact, Manifest, read_manifest, verify_hashes
from mobile_robust.contracts.precisions import PRECISIONS
from mobile_robust.contracts.targets import TARGETS, Target
from mobile_robust.errors import InputError, unknown

#: Inputs and outputs of a kind of file that every runtime of it takes from, or gives back as, float32.
_FLOAT = {"tflite": ("float32",), "coreml": ("float32", "float16", "image (RGB)")}


class Timed(Protocol):
    """What a model needs of the runtime it is measured on, here or on a device."""

    @property
    def name(self) -> str: ...
    @property
    def accelerator(self) -> str: ...
    @property
    def target(self) -> Target: ...
    @property
    def quantizes(self) -> bool: ...  # takes and gives float32 also where the file has uint8


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
        arguments: Folders of finished builds, or files in such folders.
        precisions: Only these, "int8" for Core ML's int8w as well; none: all there are.
        runtimes: Of this machine or of a device; each takes the files of its target.

    Raises:
        InputError: Not a finished build or not in one, a build that was changed, no file of these precisions for these
            runtimes, or inputs or outputs that cannot be given or read as float32.
    """
    found: dict[tuple[str, str], Model] = {}
    targets = list(dict.fromkeys(runtime.target for runtime in runtimes))
    for argument in arguments:
        folder, file = split_argument(argument)
        manifest = read_manifest(folder)
        verify_hashes(manifest, folder)
        for artifact in _chosen(folder, manifest, file, precisions, targets):
            for runtime in runtimes:
                if runtime.target == artifact.target:
                    _require_float32(folder, artifact, runtime)
                    model = Model(folder, manifest, artifact, runtime.name, runtime.accelerator)
                    found.setdefault((artifact.sha256, runtime.name), model)
    return list(found.values())


def split_argument(argument: Path) -> tuple[Path, str | None]:
    """A DIR of a command line as the folder of a build, and the name of the file in it where it is one."""
    is_file = argument.suffix in [target.suffix for target in TARGETS.values()]
    return (argument.parent, argument.name) if is_file else (argument, None)


def _chosen(
    folder: Path, manifest: Manifest, file: str | None, precisions: Sequence[str], targets: Sequence[Target]
) -> list[Artifact]:
    files = {artifact.file: artifact for artifact in manifest.artifacts if artifact.target in targets}
    kind = " or ".join(TARGETS[target].title for target in targets)
    if file is not None and file not in files:
        raise unknown(f"{kind} file of {folder / MANIFEST_NAME}", file, files)
    fitting = (artifact for artifact in files.values() if not precisions or _is_asked(artifact, precisions))
    chosen = [files[file]] if file is not None else list(fitting)
    if not chosen:
        has = ", ".join(artifact.precision for artifact in files.values()) or "none"
        which = f" of --precision {' '.join(precisions)}" if precisions else ""
        raise InputError(f"{folder}: no {kind} file{which}; it has: {has}")
    return chosen


def _require_float32(folder: Path, artifact: Artifact, runtime: Timed) -> None:
    allowed = (*_FLOAT[artifact.target], "uint8") if runtime.quantizes else _FLOAT[artifact.target]
    for tensor in (*artifact.inputs, *artifact.outputs):
        if tensor.dtype not in allowed:
            where = f"{folder / artifact.file}: {tensor.name} is {tensor.dtype}"
            raise InputError(f"{where}; on {runtime.name}, bench takes files with {allowed[0]} inputs and outputs")


def _is_asked(artifact: Artifact, precisions: Sequence[str]) -> bool:
    return artifact.precision in precisions or PRECISIONS[artifact.precision].chosen_with in precisions
