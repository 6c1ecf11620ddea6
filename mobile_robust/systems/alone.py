"""No place at all: the backbone alone, which a repair is measured against. Its method is called ``none``."""

from __future__ import annotations

import torch
from torch import Tensor

from mobile_robust.backbones.split import deploy_network, settle_norms
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.data.images import built_in_photos
from mobile_robust.errors import InputError
from mobile_robust.methods.adapter import Deployable, Part
from mobile_robust.methods.options import known_only
from mobile_robust.systems.place import Classifier, Normalize, Place

#: Photos that show whether a random backbone's signal lives, and that batch norms take their statistics from.
PHOTOS = 8
#: Least difference between the answers to those photos, of the answers' own spread.
LEAST_DIFFERENCE = 1e-3


class Nothing(Deployable):
    """The module that repairs nothing: any tensor -> the same. Has no weights."""

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return x

    def reparameterize(self) -> Nothing:
        """Itself."""
        return self


class NoPlace(Place):
    """See the file."""

    def __init__(self, recipe: Recipe, network: torch.nn.Module | None) -> None:
        super().__init__(recipe, network)
        self.where = f"with {self.backbone.name} alone"

    @property
    def needed(self) -> None:
        """Nothing: there is no module."""
        return None

    def set_module(self) -> None:
        """See :class:`Place`. Also wakes a random backbone where its signal dies out on the way (RepVGG's initial norms
        divide it by ten in every block): all photos would have one answer, which proves nothing.
        """
        known_only(self.recipe.method, self.recipe.options, [])
        assert self.network is not None
        self.module = Nothing()
        self.checked(self.network)
        if self.backbone.weights is None:
            self._wake(self.network)

    @torch.no_grad()
    def _wake(self, network: torch.nn.Module) -> None:
        photos = built_in_photos(self.recipe.input.height_width, PHOTOS)
        images = torch.stack([torch.from_numpy(photo).permute(2, 0, 1) for photo in photos]).float()
        normalized = Normalize(self.normalization())(images * (self.recipe.input.range / 255))
        answers = network(normalized)
        if answers.std(0).mean() < LEAST_DIFFERENCE * answers.std():
            settle_norms(network, normalized)

    def pipeline(self) -> Classifier:
        """See :class:`Place`."""
        assert self.network is not None
        return Classifier(self.network, self.normalization())

    def deploy(self) -> Classifier:
        """See :class:`Place`."""
        assert self.network is not None
        return Classifier(deploy_network(self.network, self.backbone.name), self.normalization())

    def part(self, name: str | None) -> Part:
        """There is none."""
        raise InputError(
            f'recipe {self.recipe.name}: method {self.recipe.method} has no module; its scope must be "pipeline"'
        )
