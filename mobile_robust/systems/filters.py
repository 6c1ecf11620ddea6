"""Inside layers: the module repairs the outputs of some layers' filters, shortcuts around those layers or not."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from mobile_robust.backbones.split import deploy_network, prefix_suffix
from mobile_robust.contracts.ranking import read_ranking
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.contracts.tensors import Role, TensorSpec
from mobile_robust.errors import InputError
from mobile_robust.methods.adapter import FilterRepair, ImageRange, Part
from mobile_robust.systems.place import Classifier, Normalize, Pipeline, Place

#: (backbone, its name, the method's options, layer -> filters by rank or None) -> module.
Builder = Callable[[nn.Module, str, dict[str, Any], Mapping[str, Sequence[int]] | None], FilterRepair]


class FilterPipeline(Pipeline):
    """normalize -> network with its units; the network without them stays at hand and shares its tensors."""

    def __init__(self, module: FilterRepair, network: nn.Module, image_range: ImageRange) -> None:
        super().__init__()
        self.normalize = Normalize(image_range)
        self.module, self.network = module, network
        corrected = _same_tensors(network)
        module.insert(corrected)
        # In a list, so that the state holds every tensor once and train() leaves the frozen network's norms alone.
        self._corrected = [corrected]

    def forward(self, image: Tensor) -> Tensor:
        """See :class:`Pipeline`."""
        return self._corrected[0](self.normalize(image))

    def alone(self, image: Tensor) -> Tensor:
        """See :class:`Pipeline`."""
        return self.network(self.normalize(image))


class FilterPlace(Place):
    """See the file."""

    module: FilterRepair
    network: nn.Module

    def __init__(self, recipe: Recipe, network: nn.Module | None, build: Builder) -> None:
        super().__init__(recipe, network)
        self._build = build
        self.where = f"inside {self.backbone.name}"

    @property
    def needed(self) -> tuple[nn.Module, str]:
        """All up to the layer whose unit is built."""
        name, layer = self.backbone.name, self.recipe.part
        if layer is None:
            return self.network, f"backbone {name}"
        return prefix_suffix(self.network, layer, name)[0], f"backbone {name} up to layer {layer}"

    def set_module(self) -> None:
        """See :class:`Place`."""
        path = self.recipe.weights.ranking
        ranking = read_ranking(Path(path)) if path and not self.recipe.weights.file else None
        options = self.recipe.options
        self.module = self._build(self.network, self.backbone.name, options, ranking.orders() if ranking else None)
        self.checked(self.network)

    def pipeline(self) -> FilterPipeline:
        """See :class:`Place`."""
        return FilterPipeline(self.module, self.network, self.normalization())

    def deploy(self) -> Classifier:
        """See :class:`Place`."""
        corrected = _same_tensors(self.network)
        self.module.insert(corrected)
        return Classifier(deploy_network(corrected, self.backbone.name), self.normalization())

    def part(self, name: str | None) -> Part:
        """The unit of one layer: the layer's output -> the same, corrected."""
        backbone, layers = self.backbone.name, list(self.module.layers)
        if name is None and len(layers) == 1:
            name = layers[0]
        if name is None:
            raise InputError(
                f'recipe {self.recipe.name}: method {self.recipe.method} of scope "module" builds the unit of one '
                f"layer; name it as part: {', '.join(layers)}"
            )
        if name not in layers:
            raise self.unknown_part(name, layers)
        prefix, _ = prefix_suffix(self.network, name, backbone)
        normalize = Normalize(self.normalization())
        return Part(
            self.module.unit(name),
            lambda image: {"features": prefix(normalize(image))[-1].contiguous()},
            "repaired",
            (
                TensorSpec(
                    "features",
                    Role.FEATURES,
                    f"output of layer {name} of {backbone}, before its batch norm and activation",
                ),
                TensorSpec(
                    "repaired",
                    Role.FEATURES,
                    "the same with the filters that suffer most corrected",
                    repairs="features",
                ),
            ),
        )


def _same_tensors(network: nn.Module) -> nn.Module:
    """A copy of a network's structure that shares its parameters and buffers."""
    tensors = [*network.parameters(), *network.buffers()]
    return copy.deepcopy(network, {id(tensor): tensor for tensor in tensors}).eval()
