"""What to do about checks that failed, or that few photos leave open."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from mobile_robust.contracts.manifest import Artifact, Manifest
from mobile_robust.contracts.precisions import PRECISIONS
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.methods.registry import method_of
from mobile_robust.parity.table import agreement_text, worst
from mobile_robust.recipes import built_in_recipes

#: Photos from which on an interval is narrow enough to tell 94 from 97 %.
ENOUGH = 200


def walkable(artifact: Artifact) -> bool:
    """Whether the walk of layers can show something: a TFLite file that ran on the CPU, where it computed other values
    than PyTorch."""
    return artifact.target == "tflite" and any(
        result.runtime == "litert_cpu" and result.verdict == "fail" and result.placement is not None
        for result in artifact.parity
    )


def advice(manifest: Manifest, folder: Path) -> list[str]:
    """A sentence for everything about a build that a command can do something about."""
    sentences = list(_agreement(manifest))
    if any(walkable(artifact) for artifact in manifest.artifacts):
        sentences.append(f"where it went wrong: mobile-robust parity {shlex.quote(str(folder))} --layers")
    if manifest.failed:
        sentences.append("the same command again tries only what could not be made")
    return sentences


def _agreement(manifest: Manifest) -> Iterator[str]:
    """Of every file that names another class than PyTorch more often than the tolerance allows, by the runtime that has
    seen most photos."""
    for artifact in manifest.artifacts:
        compared = [result for result in artifact.parity if result.images and not result.against]
        result = max(compared, key=lambda each: each.images or 0, default=None)
        measured = worst(result) if result else None
        allowed = result.tolerance.top1_agreement if result and result.tolerance else None
        if result is None or measured is None or measured.top1_agreement is None or allowed is None:
            continue
        if measured.top1_agreement >= allowed:
            continue
        said = f"{artifact.file} agrees with PyTorch on {agreement_text(measured)} of {result.images} photos"
        few = result.verdict == "pass" and (result.images or 0) < ENOUGH
        if few:
            yield f"{said}, which does not tell if it is {allowed:.0%}: give {ENOUGH} or more with --calibration DIR"
        if PRECISIONS[artifact.precision].integer and (command := quantized_training(manifest.recipe)):
            yield f"{'or ' if few else f'{said}: '}train its weights for int8: {command}"


def quantized_training(recipe: Recipe) -> str | None:
    """The command that trains a recipe's weights further for an int8 file; None: they cannot be trained."""
    training, weights = method_of(recipe).training, recipe.weights.file
    if training is None or weights is None or recipe.backbone is None:
        return None
    name = recipe.name if recipe.name in built_in_recipes() else f"{recipe.name}.toml"
    words = ["mobile-robust", "train", recipe.method, name, "--images", "photos/", "--start", weights]
    words += ["--quantized", "--steps", "200", "--rate", f"{training.rate / 10:g}"]
    if recipe.backbone.weights:
        words += ["--backbone-weights", recipe.backbone.weights]
    return shlex.join([*words, "--out", f"{Path(weights).stem}_int8.safetensors"])
