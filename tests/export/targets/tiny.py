"""What the files of a build of :class:`~tests.converted.TinyModule` have in common."""

from __future__ import annotations

import torch

from mobile_robust.contracts.recipe import Recipe
from mobile_robust.contracts.tensors import Role, TensorSpec
from mobile_robust.export.calibration import Calibration
from mobile_robust.export.targets.base import Source

SHAPES = {"image": (1, 3, 32, 32), "features": (1, 6, 16, 16)}
TENSORS = {
    "image": TensorSpec("image", Role.IMAGE, "a photo", (0.0, 1.0)),
    "features": TensorSpec("features", Role.FEATURES, "of a layer"),
    "repaired": TensorSpec("repaired", Role.FEATURES, "the same, repaired", repairs="features"),
}


def source() -> Source:
    """With one calibration photo."""
    random = torch.Generator().manual_seed(0)
    first = {name: torch.rand(shape, generator=random) for name, shape in SHAPES.items()}
    calibration = Calibration(lambda photo: first, [None])
    fields = {"name": "tiny", "method": "none", "scope": "module", "input": {"size": 32, "range": 1}}
    return Source(Recipe.model_validate(fields), TENSORS, "repaired", {"version": "0", "recipe": "tiny"}, calibration)
