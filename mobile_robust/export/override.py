"""A recipe with some of its settings changed for one build."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from mobile_robust.contracts.precisions import PRECISIONS, Precision
from mobile_robust.contracts.recipe import MAX_SEED, ArtifactsSection, Recipe
from mobile_robust.contracts.targets import TARGETS, Target
from mobile_robust.errors import InputError


def override(
    recipe: Recipe,
    *,
    targets: Collection[Target] = (),
    precisions: Collection[Precision] = (),
    weights: str | Path | None = None,
    backbone_weights: str | None = None,
    random_backbone: int | None = None,
) -> Recipe:
    """The recipe with other settings.

    Args:
        recipe: The recipe.
        targets: Only these of its targets; none: all.
        precisions: Only these of its precisions, and those selected with them (int8w of Core ML with int8); none: all.
        weights: File of the module's weights.
        backbone_weights: File of the backbone's weights, or ``timm:NAME``.
        random_backbone: Seed of random backbone weights, whatever else is given.

    Raises:
        InputError: Nothing is left to build, the recipe has no backbone, or the seed is out of range.
    """
    changes: dict[str, Any] = {}
    if weights:
        recipe = recipe.with_weights(weights)
    if backbone_weights:
        recipe = recipe.with_backbone_weights(backbone_weights)
    if random_backbone is not None:
        if not 0 <= random_backbone <= MAX_SEED:
            raise InputError(f"--random-backbone must be from 0 to {MAX_SEED}, got {random_backbone}")
        if recipe.backbone is None:
            raise InputError(f"--random-backbone {random_backbone}: recipe {recipe.name} has no backbone")
        changes["backbone"] = recipe.backbone.model_copy(update={"weights": None, "seed": random_backbone})
    if targets or precisions:
        changes["artifacts"] = _selected(recipe, targets, precisions)
    return recipe.model_copy(update=changes)


def _selected(recipe: Recipe, targets: Collection[Target], precisions: Collection[Precision]) -> ArtifactsSection:
    pairs = recipe.artifacts.pairs()
    chosen = [name for name, spec in PRECISIONS.items() if {name, spec.chosen_with} & set(precisions or PRECISIONS)]
    kept = [(target, name) for target, name in pairs if target in (targets or TARGETS) and name in chosen]
    if not kept:
        available = ", ".join(f"{target} {name}" for target, name in pairs)
        raise InputError(f"--target and --precision leave nothing of recipe {recipe.name}, which has {available}")
    forms = {target: [name for each, name in kept if each == target] for target in TARGETS}
    return ArtifactsSection.model_validate(forms)
