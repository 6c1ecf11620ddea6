"""int8 TFLite files compiled for the NPUs of chips, as apps ship them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mobile_robust.contracts.chips import Chip
from mobile_robust.contracts.manifest import Artifact, NpuArtifact
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.files import sha256, size
from mobile_robust.parity.check import check_compiled
from mobile_robust.parity.reference import Reference
from mobile_robust.runtimes.base import PlacementError
from mobile_robust.runtimes.registry import find
from mobile_robust.runtimes.snapdragon_npu import RUNTIMES
from mobile_robust.runtimes.snapdragon_npu.compiler import compile_for, versions

#: The most images that a compiled file is compared on: an inference takes up to 3 s in the emulator.
MOST_IMAGES = 4
_NEEDS = (
    "LiteRT 2 with Qualcomm's dispatch library (libLiteRtDispatch_Qualcomm.so) and Qualcomm's QNN libraries for the "
    "chip, of the QAIRT version named here or later, in the app"
)


def require_npu(recipe: Recipe, chips: Sequence[Chip]) -> None:
    """Raises InputError where a recipe has no file to compile, or this machine cannot compile it."""
    named = f"--npu {' '.join(chips)}"
    if "int8" not in recipe.artifacts.tflite:
        raise InputError(f"{named}: recipe {recipe.name} is built into no int8 TFLite file, which is what is compiled")
    if reason := find(RUNTIMES[0].name).make().unavailable():
        raise InputError(f"{named}: not available on this machine: {reason}")


def compiled_name(artifact: Artifact, chip: Chip) -> str:
    """Of the file that an artifact is compiled into."""
    return f"{artifact.file.removesuffix('.tflite')}_{chip}.tflite"


def compile_artifact(
    folder: Path,
    artifact: Artifact,
    recipe: Recipe,
    reference: Reference,
    chip: Chip,
    on_step: Callable[[str], None] = lambda _: None,
) -> NpuArtifact:
    """Compiles an int8 file of a build for a chip, and verifies what was compiled against PyTorch and the int8 file.

    Raises:
        InputError: An operation is left over, or the compiler fails.
    """
    source, out = folder / artifact.file, folder / compiled_name(artifact, chip)
    try:
        compiled = compile_for(chip, source, out)
    except PlacementError as error:
        raise InputError(f"--npu {chip}: {error}") from None
    runtime = find(f"{RUNTIMES[0].name}:{chip}")
    results = check_compiled(folder, compiled, artifact, recipe, reference.first(MOST_IMAGES), [runtime], on_step)
    return NpuArtifact(
        file=out.name,
        chip=chip,
        source=artifact.file,
        sha256=sha256(out),
        bytes=size(out),
        operations=sum(artifact.operations.values()),
        needs=_NEEDS,
        parity=tuple(results),
        **versions(),
    )
