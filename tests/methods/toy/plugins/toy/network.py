"""The toy's adapters: what is done to the image, and to two layers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from mobile_robust.methods.toy.method import ToyOptions
from torch import Tensor, nn

from mobile_robust.layers.repconv import RepConv
from mobile_robust.methods.adapter import Adapter, Component, image_component
from mobile_robust.methods.pipeline import ImagePipeline, InsertPipeline, Pipeline
from mobile_robust.methods.site import Site

#: Channels of the context map, which is as large as the image.
MAPS = 4
VARIANTS = ("image", "layers")


class ColourAdapter(Adapter):
    """image -> gain * image + bias a channel, clamped in eval mode only.

    Args:
        top: Largest value of the image.
    """

    def __init__(self, top: float) -> None:
        super().__init__()
        self.top = top
        self.gain = nn.Parameter(torch.ones(3, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3, 1, 1))

    def prepare(self, image: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        image = self.gain * image + self.top * self.bias
        return image if self.training else image.clamp(0, self.top), ()

    def components(self, site: Site) -> Mapping[str, Component]:
        return {"module": image_component(self, site)}


class GateAdapter(ColourAdapter):
    """The same, and one map of the image that multiplies the channels of some layers.

    Args:
        top: Largest value of the image.
        sizes: Layer -> (channels, how many pixels of the image are one of the layer, per side).
    """

    contexts = 1

    def __init__(self, top: float, sizes: Mapping[str, tuple[int, int]]) -> None:
        super().__init__(top)
        self.layers = tuple(sizes)
        self.map = RepConv(3, MAPS)
        gates = {layer: nn.Conv2d(MAPS, channels, ratio, ratio) for layer, (channels, ratio) in sizes.items()}
        self.gates = nn.ModuleDict({layer.replace(".", "_"): gate for layer, gate in gates.items()})

    def prepare(self, image: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        image, _ = super().prepare(image)
        return image, (self.map(image / self.top),)

    def edit(self, layer: str, features: Tensor, *context: Tensor) -> Tensor:
        return features * (1 + self.gates[layer.replace(".", "_")](context[0]))

    def components(self, site: Site) -> Mapping[str, Component]:
        return {}


def build(site: Site, options: ToyOptions) -> ColourAdapter:
    """The adapter for a site's image and, of the variant "layers", for those layers."""
    top = float(site.recipe.input.range)
    if options.variant == "image":
        return ColourAdapter(top)
    height, width = site.recipe.input.height_width
    outputs = {layer: site.output_of(layer)(torch.zeros(1, 3, height, width)) for layer in options.layers}
    return GateAdapter(top, {layer: (x.shape[1], height // x.shape[2]) for layer, x in outputs.items()})


def pipeline(site: Site, adapter: Adapter) -> Pipeline:
    """In front of the network, or inside it."""
    return InsertPipeline(site, adapter) if adapter.layers else ImagePipeline(site, adapter)
