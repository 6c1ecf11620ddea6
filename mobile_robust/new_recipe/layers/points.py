"""What a module costs at every layer where it can go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from mobile_robust.backbones.insertion_points import InsertionPoint, insertion_points
from mobile_robust.backbones.reparameterize import reparameterized
from mobile_robust.backbones.trained_image import with_input
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.export.cost import Cost, count
from mobile_robust.methods.adapter import Adapter
from mobile_robust.methods.method import Method
from mobile_robust.methods.pipeline import CutPipeline
from mobile_robust.methods.registry import methods
from mobile_robust.methods.site import Site


@dataclass(frozen=True)
class PricedPoint:
    """An insertion point, and by variant what the module costs there; a variant that cannot go there is missing."""

    point: InsertionPoint
    costs: Mapping[str, Cost]


@dataclass(frozen=True)
class PricedLayers:
    """A backbone's cost, and its insertion points in its order."""

    backbone: Cost
    points: tuple[PricedPoint, ...]

    @property
    def chosen(self) -> PricedPoint | None:
        """Where the stem ends, or else the first one that the module can take; None: there is none."""
        able = [each for each in self.points if each.costs]
        return next((each for each in able if each.point.default), able[0] if able else None)

    def share(self, cost: Cost) -> float:
        """A module's multiply-accumulates relative to the backbone's."""
        return cost.macs / self.backbone.macs


@dataclass(frozen=True)
class _PointSite(Site):
    """A backbone whose features behind a layer are known from one trace: it is not cut to see them."""

    point: InsertionPoint

    def cut_features(self) -> tuple[int, tuple[int, int]]:
        return self.point.channels, (self.point.height, self.point.width)


def cut_methods() -> dict[str, Method]:
    """Name -> method, of those that edit the features of one layer."""
    return {name: method for name, method in methods().items() if _cuts(method.pipeline.load())}


def _cuts(pipeline: object) -> bool:
    return isinstance(pipeline, type) and issubclass(pipeline, CutPipeline)


def price_layers(recipe: Recipe, network: nn.Module, method: Method) -> PricedLayers:
    """The layers of a recipe's backbone behind which a module can go, with the cost of every variant of ``method``.

    Raises:
        InputError: A backbone that torch.fx cannot trace.
    """
    recipe = with_input(recipe)
    assert recipe.backbone is not None
    image = torch.zeros(1, 3, *recipe.input.height_width)
    backbone = count(reparameterized(network), {"image": image})
    found = []
    for point in insertion_points(network, recipe.backbone.name, image):
        section = recipe.backbone.model_copy(update={"layer": point.layer})
        site = _PointSite(recipe.model_copy(update={"backbone": section, "method": method.name}), network, point)
        priced = {variant: _cost(site, method, variant) for variant in method.variants}
        found.append(PricedPoint(point, {variant: cost for variant, cost in priced.items() if cost}))
    return PricedLayers(backbone, tuple(found))


def _cost(site: _PointSite, method: Method, variant: str) -> Cost | None:
    """Of a module's deploy form; None where it cannot take the features."""
    try:
        adapter: Adapter = method.build.load()(site, method.options.model_validate({"variant": variant}))
    except InputError:
        return None
    channels, size = site.cut_features()
    inputs = {
        "image": torch.empty(1, 3, *site.recipe.input.height_width, device="meta"),
        "features": torch.empty(1, channels, *size, device="meta"),
    }
    return count(adapter.eval().deployed().to("meta"), inputs)
