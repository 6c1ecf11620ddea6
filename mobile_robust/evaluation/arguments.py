"""What MODEL may be on a command line that measures photos: a build or an artifact in one, or a recipe."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mobile_robust.contracts.manifest import MANIFEST_NAME, Artifact, Manifest, read_manifest
from mobile_robust.contracts.manifest import Tensor as ArtifactTensor
from mobile_robust.contracts.tensors import Role
from mobile_robust.errors import InputError
from mobile_robust.recipes import built_in_recipes
from mobile_robust.runtimes.registry import find, require, runtimes


def add_runtimes(parser: argparse.ArgumentParser, what: str = "artifacts") -> None:
    """Adds --runtime, for :func:`runtime_for`."""
    which = f"what executes {what}: {', '.join(runtimes())} (default: the first that is there)"
    parser.add_argument("--runtime", nargs="+", default=[], metavar="NAME[:CHIP]", help=which)


def named_build(argument: str) -> tuple[Path, str | None] | None:
    """The folder of a build, and the artifact in it (None: all); None where the argument is neither."""
    path = Path(argument)
    if path.suffix in (".tflite", ".mlpackage"):
        return path.parent, path.name
    if (path / MANIFEST_NAME).is_file() or (path.is_dir() and argument not in built_in_recipes()):
        return path, None
    return None


def names_recipe(argument: str) -> bool:
    """Whether the argument is a recipe, by name or path."""
    return Path(argument).suffix == ".toml" or argument in built_in_recipes()


def read_build(folder: Path, file: str | None) -> tuple[Manifest, list[Artifact]]:
    """The manifest of a finished build, and its artifacts or the one named; raises InputError where that is not there.
    The files' hashes are not checked yet."""
    manifest = read_manifest(folder)
    if file is not None and file not in [artifact.file for artifact in manifest.artifacts]:
        known = ", ".join(artifact.file for artifact in manifest.artifacts)
        raise InputError(f"{folder / file}: not in {MANIFEST_NAME} beside it, which names {known}")
    return manifest, [artifact for artifact in manifest.artifacts if file in (None, artifact.file)]


def only_tensor(folder: Path, file: str, tensors: Sequence[ArtifactTensor], role: Role) -> ArtifactTensor:
    """The one tensor of a role among a file's inputs or outputs; raises InputError where there is none, or another."""
    found = [tensor for tensor in tensors if tensor.role is role]
    if len(found) != 1:
        count = f"{len(found)} tensors of the role {role.value}"
        raise InputError(f"{folder / MANIFEST_NAME}: {file} has {count}; must be 1")
    return found[0]


def runtime_for(artifact: Artifact, wanted: Sequence[str]) -> str:
    """The first runtime wanted that takes the file; where none of them does, the first one of this machine. Raises
    InputError where there is none."""
    if asked := [name for name in wanted if find(name).target == artifact.target]:
        require(asked[:1])
        return asked[0]
    fitting = {name: info for name, info in runtimes().items() if info.target == artifact.target}
    reasons = []
    for name, info in fitting.items():
        reason = info.make().unavailable() if info.default else "only on request"
        if reason is None:
            return name
        reasons.append(f"{name}: {reason}")
    raise InputError(f"{artifact.file}: no runtime for it on this machine: {'; '.join(reasons)}")
