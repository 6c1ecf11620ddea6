"""The image a backbone was trained with: it completes a recipe's [input]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import timm
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.data.config import resolve_data_config

from mobile_robust.backbones.create import NETWORKS, timm_name
from mobile_robust.contracts.recipe import BackboneSection, Recipe

#: What a recipe may leave open.
_KEYS = ("size", "mean", "std")
#: How photos are cropped here: the middle 224 of 256 pixels, bicubic.
_CROP, _INTERPOLATION = 0.875, "bicubic"


@dataclass(frozen=True)
class CompletedInput:
    """A recipe whose image is known, who says what of it, and what is doubtful about that."""

    recipe: Recipe
    origin: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _TrainedImage:
    source: str
    values: Mapping[str, Any]  # by key of the recipe
    crop: str = ""


def with_input(recipe: Recipe) -> Recipe:
    """The recipe with the size, mean and std of its backbone where it says nothing of them: those that timm knows of
    the weights, or of the network's first ones where the recipe names other weights. Without a backbone ImageNet's.

    Raises:
        InputError: Unknown backbone.
    """
    return recipe if recipe.input.complete else input_of(recipe).recipe


def input_of(recipe: Recipe) -> CompletedInput:
    """:func:`with_input`, and which values are whose."""
    section, given = recipe.backbone, recipe.input
    own = _TrainedImage("default", _values(224)) if section is None else _trained_image(section)
    said = {key: value for key in _KEYS if (value := getattr(given, key)) is not None}
    complete = recipe.model_copy(update={"input": given.model_copy(update={**own.values, **said})})
    if section is None:
        return CompletedInput(complete, f"size: {'recipe' if 'size' in said else own.source}")
    other = [
        f"{key} {_text(own.values[key])}"
        for key in said
        if getattr(complete.input, "height_width" if key == "size" else key) != _both_sides(own.values[key])
    ]
    left = [key for key in _KEYS if key not in said]
    parts = [f"{', '.join(keys)}: {source}" for keys, source in ((left, own.source), (said, "recipe")) if keys]
    if other:
        parts[-1] += f" ({own.source} has {', '.join(other)})"
    if own.crop and left:
        parts.append(own.crop)
    wrong = bool(other) and (section.weights or "").startswith("timm:")
    warnings = (f"the recipe's input is not what its weights were trained with: {own.source} has {', '.join(other)}",)
    return CompletedInput(complete, "; ".join(parts), warnings if wrong else ())


def _trained_image(section: BackboneSection) -> _TrainedImage:
    if own := NETWORKS.get(section.name):
        return _TrainedImage(section.name, _values(own.size, own.mean, own.std))
    weights = section.weights or ""
    name = timm_name(weights.removeprefix("timm:") if weights.startswith("timm:") else section.name)
    config = timm.get_pretrained_cfg(name)
    side = section.options.get("img_size")
    known = resolve_data_config(
        {"img_size": side} if isinstance(side, int) else {}, config.to_dict() if config else {"mean": None}
    )
    _, height, width = known["input_size"]
    tag = f".{config.tag}" if config and config.tag and "." not in name else ""
    crop = ""
    if (known["crop_pct"], known["interpolation"]) != (_CROP, _INTERPOLATION):
        crop = f"timm crops the middle {known['crop_pct']:.1%} of its photos, {known['interpolation']}"
    values = _values(height if height == width else (height, width), known["mean"], known["std"])
    return _TrainedImage(f"timm {name}{tag}", values, crop)


def _values(size: Any, mean: Any = IMAGENET_DEFAULT_MEAN, std: Any = IMAGENET_DEFAULT_STD) -> Mapping[str, Any]:
    return {"size": size, "mean": tuple(mean), "std": tuple(std)}


def _both_sides(value: Any) -> Any:
    return (value, value) if isinstance(value, int) else value


def _text(value: Any) -> str:
    if isinstance(value, int):
        return f"{value}x{value}"
    return "x".join(map(str, value)) if len(value) == 2 else " / ".join(f"{x:g}" for x in value)
