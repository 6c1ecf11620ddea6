"""What is ranked: a backbone with its weights, its layers, and how photos get into it; from a recipe or from
options."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from mobile_robust.contracts.recipe import BackboneSection, InputSection, Recipe
from mobile_robust.data.images import Photo
from mobile_robust.errors import InputError
from mobile_robust.recipes import load_recipe

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Subject:
    """A backbone to be ranked.

    Attributes:
        name: Its name.
        network: With its weights, in eval mode.
        weights: Where they are from, in words.
        weights_sha256: Over all its tensors.
        layers: Layer -> number of its filters.
    """

    name: str
    network: nn.Module
    weights: str
    weights_sha256: str
    layers: dict[str, int]


def recipe_of(options: argparse.Namespace) -> Recipe:
    """The recipe that the command line names, or one made of its options.

    Raises:
        InputError: Neither or both, or options that make no recipe.
    """
    own = ("backbone", "backbone_options", "size", "mean", "std")
    if options.recipe:
        for name in own:
            if getattr(options, name):
                raise InputError(f"--{name.replace('_', '-')}: recipe {options.recipe} says that already")
        recipe = load_recipe(options.recipe)
    else:
        if not options.backbone:
            raise InputError("name a recipe, or a backbone with --backbone NAME")
        section: dict[str, Any] = {"name": options.backbone, "options": _parsed(options.backbone_options)}
        photo = {name: getattr(options, name) for name in own[2:] if getattr(options, name)}
        try:
            backbone, image = BackboneSection(**section), InputSection(**photo)
            recipe = Recipe(name="rank", method="deepcorrect", scope="pipeline", backbone=backbone, input=image)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(map(str, first["loc"]))
            message = first["msg"].removeprefix("Value error, ")
            raise InputError(f"--{key} {first['input']}: {message}") from None
    return recipe.with_backbone_weights(options.backbone_weights) if options.backbone_weights else recipe


def load_subject(recipe: Recipe, layers: list[str] | None) -> Subject:
    """The backbone of a recipe with its weights; its ``layers``, or the recipe's.

    Raises:
        InputError: No backbone, an unknown one, or weights or layers that do not fit it.
    """
    from safetensors.torch import save

    from mobile_robust.backbones.create import create_network
    from mobile_robust.methods.deepcorrect.filter_selection import corrected_layers, filter_counts
    from mobile_robust.state_dicts import apply_state, read_state

    section = recipe.backbone
    if section is None:
        raise InputError(f"recipe {recipe.name} has no backbone to rank")
    weights = section.weights or ""
    pretrained = weights.removeprefix("timm:") if weights.startswith("timm:") else None
    network = create_network(section.name, section.options, pretrained, section.seed)
    words = f"timm {pretrained}" if pretrained else f"random, seed {section.seed}"
    if weights and not pretrained:
        path = Path(weights)
        apply_state(network, read_state(path), path, f"backbone {section.name}")
        words = path.name
    names = corrected_layers(section.name, recipe.options.get("layers") if layers is None else layers)
    counts = filter_counts(network, section.name, names)
    digest = hashlib.sha256(save({name: tensor.contiguous() for name, tensor in network.state_dict().items()}))
    return Subject(section.name, network.requires_grad_(False), words, digest.hexdigest(), counts)


def preparation(recipe: Recipe) -> Callable[[list[Photo]], Tensor]:
    """Photos (H, W, 3) uint8 -> what the recipe's backbone takes, (B, 3, H, W)."""
    import torch

    mean, std = (torch.tensor(v)[:, None, None] for v in (recipe.input.mean, recipe.input.std))
    return lambda photos: (torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2) / 255 - mean) / std


def _parsed(given: list[str]) -> dict[str, Any]:
    """KEY=VALUE with VALUE as in JSON, or else a plain word."""
    parsed: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--backbone-options {text}: must be KEY=VALUE, such as num_classes=10")
        try:
            parsed[key] = json.loads(value)
        except json.JSONDecodeError:
            parsed[key] = value
    return parsed
