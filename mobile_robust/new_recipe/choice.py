"""A recipe for a backbone: everything that has to be decided, decided, with the reasons."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mobile_robust.backbones.create import NETWORKS, timm_name
from mobile_robust.backbones.split import try_image
from mobile_robust.backbones.trained_image import input_of
from mobile_robust.contracts.recipe import BackboneSection, InputSection, Recipe
from mobile_robust.data.class_names import IMAGENET, class_names
from mobile_robust.documents import DocumentError, as_model, parse_toml
from mobile_robust.errors import InputError
from mobile_robust.export.cost import overhead
from mobile_robust.export.proportion import PROPORTION
from mobile_robust.methods.registry import methods
from mobile_robust.methods.site import create_backbone
from mobile_robust.new_recipe.classes import class_count
from mobile_robust.new_recipe.layers.points import PricedLayers, PricedPoint, cut_methods, price_layers
from mobile_robust.new_recipe.limits import known_limits
from mobile_robust.new_recipe.preprocessing import (
    LEAST_PHOTOS,
    MOST_PHOTOS,
    Measured,
    Preprocessing,
    count_trials,
    find_preprocessing,
)
from mobile_robust.new_recipe.proposal import Decision, Proposal, Request
from mobile_robust.new_recipe.text import recipe_text
from mobile_robust.pipelines import build_model
from mobile_robust.recipes import shipped_weights
from mobile_robust.reporting.text import triple_text
from mobile_robust.state_dicts import State, apply_state, read_state

#: Steps beside the trials of :func:`find_preprocessing`.
_STEPS = 3
_IMAGENET_CLASSES = 1000
#: Repairs the photo in front of any network: chosen where the method that is asked for has no insertion point.
_ANYWHERE = "sympie"
#: Decisions that are repeated in the recipe's comment.
_OF_IMAGE = ("size", "crop", "normalization")


def count_steps(request: Request) -> int:
    """How often :func:`propose` calls ``on_step`` at most."""
    return _STEPS + (count_trials() if request.photos and request.weights else 0)


def propose(request: Request, on_step: Callable[[str], None] = lambda what: None) -> Proposal:
    """Decides, and builds what was decided, in PyTorch.

    Raises:
        InputError: Unknown backbone, weights that do not fit, labels that are none of its classes, or a module that
            finds no layers in the backbone.
    """
    on_step("backbone")
    chosen = _Choice(request)
    chosen.count_classes()
    chosen.read_image()
    chosen.check_preprocessing(on_step)
    on_step("layers")
    chosen.choose_layer()
    chosen.add_limits()
    on_step("module")
    return chosen.finish()


class _Choice:
    """The decisions, one after the other."""

    def __init__(self, request: Request) -> None:
        self.request, self.decisions = request, list[Decision]()
        if request.backbone not in NETWORKS:
            timm_name(request.backbone)
        self.path = None
        if request.weights and not request.weights.startswith("timm:"):
            self.path = Path(request.weights)
        self.state: State | None = read_state(self.path) if self.path else None
        self.options: dict[str, Any] = {}
        self.network = create_backbone(self.section())
        self.tried: tuple[Measured, ...] = ()
        self.layers: PricedLayers | None = None
        self.layer: str | None = None
        self.variant: str | None = None

    def decide(self, what: str, value: object, why: str) -> None:
        self.decisions.append(Decision(what, str(value), why))

    def section(self) -> BackboneSection:
        weights = self.request.weights
        return BackboneSection(name=self.request.backbone, options=self.options, weights=weights)

    def recipe(self) -> Recipe:
        image = InputSection(size=self.request.size)
        name = self.request.method.name
        return Recipe(name="new", method=name, scope="pipeline", backbone=self.section(), input=image)

    def count_classes(self) -> None:
        """How many the weights know, and what they are called."""
        request = self.request
        count = class_count(self.network, self.state) if self.state else None
        if count:
            self.options["num_classes"] = count
            why = f"the classifier in {self.path.name if self.path else ''} has as many rows"
        else:
            why = "the network's default" if not self.state else "the weights fit the network as it is"
        self.network = self.create(self.options)
        image = torch.zeros(1, 3, *(request.size or input_of(self.recipe()).recipe.input.height_width))
        scores = try_image(self.network, request.backbone, image)
        if not isinstance(scores, torch.Tensor) or scores.dim() != 2:
            raise InputError(f"backbone {request.backbone}: gives no scores of classes for an image")
        self.classes = int(scores.shape[1])
        self.decide("classes", self.classes, why)
        self.names = request.classes or (IMAGENET if self.classes == _IMAGENET_CLASSES else None)
        if request.classes and (given := len(class_names(request.classes))) != self.classes:
            known = f"{request.backbone} knows {self.classes} classes"
            raise InputError(f"--classes {request.classes}: has {given} names, but {known}")
        said = "1000 classes are taken for ImageNet's; else --classes FILE" if not request.classes else "--classes"
        self.decide("names of classes", self.names or "none", said if self.names else "one a line: --classes FILE")

    def create(self, options: Mapping[str, Any]) -> nn.Module:
        """The network with its weights; raises InputError where they do not fit, or for unknown options."""
        network = create_backbone(self.section().model_copy(update={"options": dict(options)}))
        if self.state is not None and self.path is not None:
            apply_state(network, self.state, self.path, f"backbone {self.request.backbone}")
        return network

    def read_image(self) -> None:
        """Size and normalization, as timm knows them."""
        known = input_of(self.recipe())
        self.image = known.recipe.input
        crop = known.origin.partition("; timm crops")[2]
        source = known.origin.partition(": ")[2].partition("; ")[0]  # of mean and std
        asked = "--size" if self.request.size else source
        self.decide("size", self.image.size_text(), asked)
        note = f"timm crops{crop}: crop alike in the app" if crop else "as the network was evaluated"
        self.decide("crop", "87.5% of the middle, bicubic", note)
        self.how = Preprocessing(self.options, *self.image.normalization)
        self.source = source

    def check_preprocessing(self, on_step: Callable[[str], None]) -> None:
        """Padding, epsilon and normalization: timm's, or what the photos say."""
        photos, why = self.request.photos, f"{self.source}; not checked: "
        if self.request.weights is None:
            why += "the weights are random"
        elif photos is None:
            why += "give --images DIR"
        else:
            photos.check_classes(self.classes, self.request.backbone)
            some = photos.shuffled(0).readable(MOST_PHOTOS)
            if len(some) < LEAST_PHOTOS:
                raise InputError(f"--images {photos.folder}: {len(some)} photos; give {LEAST_PHOTOS} or more")
            crops = np.stack(list(some.crops(self.image.height_width)))
            images = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
            self.tried = tuple(find_preprocessing(self.create, self.how, images, some.labels, on_step))
            why = self._reason(len(some))
            self.how = self.tried[0].how
            self.options = dict(self.how.options)
            self.network = self.create(self.options)
        self.decide("normalization", f"mean {triple_text(self.how.mean)}, std {triple_text(self.how.std)}", why)
        built = {key: value for key, value in self.options.items() if key != "num_classes"}
        text = ", ".join(f"{key} {value}" for key, value in built.items())
        self.decide("padding, epsilon", text or "as timm builds it", why)

    def _reason(self, photos: int) -> str:
        best, known = self.tried[0], next(each for each in self.tried if each.how == self.how)
        seen = "top-1" if best.top1 is not None else "confidence"
        figure = best.top1 if best.top1 is not None else best.confidence
        expected = known.top1 if known.top1 is not None else known.confidence
        if best is known:
            return f"{self.source}; no other way is clearly better on {photos} photos ({seen} {figure:.0%})"
        return f"{seen} {figure:.0%} on {photos} photos, {expected:.0%} as in {self.source}"

    def choose_layer(self) -> None:
        """Of a module that edits the features of one layer, and its variant: the costliest that is in proportion. Where
        there is none, the module becomes one that edits the photo."""
        request, method = self.request, self.request.method
        if method.name in cut_methods():
            self.layers = price_layers(self.recipe(), self.network, method)
        point = self.layers.chosen if self.layers else None
        if self.layers and not point:
            needed = "a map of a fourth of the photo's sides or more that all paths lead through"
            lacking = f"no insertion point: no layer's output is what it can take, {needed}"
            why = f"repairs the photo; {method.name} has {lacking}"
            self.decide("module", _ANYWHERE, why)
            self.layers, method = None, methods()[_ANYWHERE]
            self.request = replace(request, method=method)
        if not point:
            self.variant = method.variants[-1] if method.variants else None
            if len(method.variants) > 1:
                self.decide("variant", self.variant, f"the smallest of {', '.join(method.variants)}")
            return
        self.layer = point.point.layer
        what = f"{point.point.channels} channels, {point.point.height}x{point.point.width}"
        first = "where the stem ends" if point.point.default else "the first one that the module can take"
        self.decide("layer", self.layer, f"{first}: {what}")
        self.variant = self._variant(point)
        fits = self._share(point, self.variant) <= PROPORTION
        which = f"the largest that costs {PROPORTION:.0%} of the backbone at most" if fits else "the smallest"
        self.decide("variant", self.variant, f"{which}, of {', '.join(point.costs)}")

    def _variant(self, point: PricedPoint) -> str:
        fitting = [name for name in point.costs if self._share(point, name) <= PROPORTION]
        return fitting[0] if fitting else list(point.costs)[-1]

    def _share(self, point: PricedPoint, variant: str) -> float:
        assert self.layers is not None
        return self.layers.share(point.costs[variant])

    def _others(self) -> str:
        tried = {self.request.method.name, *cut_methods()}
        names = [name for name, method in methods().items() if method.training and name not in tried]
        return f"try one that edits the photo, or finds its layers itself: --module {', '.join(names)}"

    def add_limits(self) -> None:
        """Else ``convert`` would find them, after minutes."""
        self.limits = tuple(known_limits(self.network, self.request.method))
        for limit in self.limits:
            self.decide(limit.key, ", ".join(limit.value), limit.why)

    def finish(self) -> Proposal:
        """The recipe, built once."""
        text = self._text()
        try:
            recipe = as_model(Recipe, {"name": self.request.out.stem, **parse_toml(text)})
        except DocumentError as error:
            raise InputError(f"--out {self.request.out}: the file names the recipe; {error}") from None
        if recipe.backbone and self.path:
            recipe = recipe.with_backbone_weights(str(self.path))
        try:
            model = build_model(recipe)
        except InputError as error:
            if self.request.method.name in cut_methods() or not self.request.method.training:
                raise
            raise InputError(f"--module {self.request.method.name}: {error}; {self._others()}") from None
        cost = overhead(model)
        method = self.request.method
        return Proposal(text, recipe, method, tuple(self.decisions), self.tried, self.layers, self.layer, cost)

    def _text(self) -> str:
        request, method = self.request, self.request.method
        height, width = self.image.height_width
        head: dict[str, Any] = {
            "title": f"{request.backbone} with {method.name}",
            "method": method.name,
            "scope": "pipeline",
        }
        tables: dict[str, dict[str, Any]] = {
            "": head,
            "options": {"variant": self.variant},
            "backbone": {
                "name": request.backbone,
                "options": self.options,
                "layer": self.layer,
                "weights": self._beside(request.weights),
                "classes": self._beside(self.names) if self.names != IMAGENET else self.names,
            },
            "input": {
                "size": height if height == width else [height, width],
                "range": 255,
                "mean": self.how.mean,
                "std": self.how.std,
            },
            "quantization": {},
        }
        comments = {
            "": ["Written by mobile-robust new; docs/methods.md explains every key.", f"Paper: {method.paper}"],
            "input": [f"{each.what}: {each.why}" for each in self.decisions if each.what in _OF_IMAGE],
            "quantization": [],
        }
        for limit in self.limits:
            tables[limit.table][limit.key] = limit.value
            comments[limit.table].append(f"{limit.key}: {limit.why}")
        return recipe_text(tables, comments)

    def _beside(self, file: str | None) -> str | None:
        """A file as the recipe names it: by its name where it lies beside it, else by its whole path."""
        if file is None or file.startswith("timm:"):
            return file
        real, folder = Path(os.path.realpath(file)), Path(os.path.realpath(self.request.out.parent))
        if real.parent == folder and shipped_weights(real.name) is None:
            return real.name
        return str(real)
