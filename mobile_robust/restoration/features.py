"""A distance of two photos as a classifier sees them.

Zhang et al., *The Unreasonable Effectiveness of Deep Features as a Perceptual Metric* (CVPR 2018), Eq. 1, without the
weights of channels that they learned from people's judgements, which with their AlexNet are not at hand: all are 1, as
in their comparison of untuned networks. It ranks photos much as LPIPS does, but its values are others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mobile_robust.contracts.recipe import BackboneSection, InputSection, Recipe, WeightsSection
from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.data.images import Photo, Size
from mobile_robust.errors import InputError
from mobile_robust.methods.feature_maps import TailMaps
from mobile_robust.methods.pipeline import ImagePipeline
from mobile_robust.pipelines import build_model
from mobile_robust.recipes import load_recipe

#: Keeps a direction finite where all channels are 0.
_LEAST = 1e-10


class FeatureDistance:
    """The features of a frozen backbone.

    Args:
        network: Recipe (name or .toml) whose backbone it is, or timm:NAME.
        size: Of the photos, which need not be that of the backbone's training.

    Attributes:
        name: Of the backbone.
        label: What must be known about its weights; None: nothing.

    Raises:
        InputError: No such recipe or network, or one without a backbone, or that torch.fx cannot trace.
    """

    def __init__(self, network: str, size: Size) -> None:
        model = build_model(_backbone_alone(network))
        pipeline, section = model.pipeline, model.recipe.backbone
        assert isinstance(pipeline, ImagePipeline) and section is not None
        frozen = pipeline.frozen().to(memory_format=torch.channels_last)
        assert isinstance(frozen, ImagePipeline)
        self.name, self.label = section.name, model.provenance.label and "random weights"
        self._image, self._normalize = ImageSpec.of(model.recipe.input), frozen.normalize
        self._maps = TailMaps(frozen.network, torch.zeros(1, 3, *size))

    @torch.inference_mode()
    def directions(self, photo: Photo) -> list[Tensor]:
        """Photo, uint8 (H, W, 3) -> the last map of every resolution, (1, C, h, w) each, scaled to a length of 1 at
        every place."""
        image = self._normalize(self._image.tensor(torch.from_numpy(photo[None])))
        *maps, _ = self._maps(image)
        return [x / (x.norm(dim=1, keepdim=True) + _LEAST) for x in maps]

    @staticmethod
    @torch.inference_mode()
    def between(some: Sequence[Tensor], others: Sequence[Tensor]) -> float:
        """Squared distance of two photos' directions, mean over places, summed over resolutions: 0 to 4 for each."""
        return sum(float((x - y).square().sum(1).mean()) for x, y in zip(some, others, strict=True))


def _backbone_alone(network: str) -> Recipe:
    """A recipe of the backbone without a module."""
    if network.startswith("timm:"):
        name = network.removeprefix("timm:").partition(".")[0]
        backbone = BackboneSection(name=name, weights=network)
        return Recipe(name=name, method="none", scope="pipeline", backbone=backbone, input=InputSection(range=1))
    recipe = load_recipe(network)
    if recipe.backbone is None:
        raise InputError(f"--features {network}: the recipe has no backbone; name one that has, or timm:NAME")
    alone: dict[str, Any] = {"method": "none", "options": {}, "scope": "pipeline", "component": None}
    return recipe.model_copy(update={**alone, "weights": WeightsSection()})
