"""What is wanted of a new recipe, and what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mobile_robust.contracts.overhead import Overhead
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import Size
from mobile_robust.methods.method import Method
from mobile_robust.new_recipe.layers.points import PricedLayers
from mobile_robust.new_recipe.preprocessing import Measured


class Decision(NamedTuple):
    """One of a recipe's decisions, for people."""

    what: str
    value: str
    why: str


@dataclass(frozen=True)
class Request:
    """What is wanted.

    Attributes:
        backbone: Name of the network.
        method: Of the module that is asked for.
        out: The file to be written.
        weights: The backbone's: a file, timm:NAME, or None: random.
        classes: Names of its classes, as in a recipe; None: ImageNet's where it knows 1000.
        size: Of the photo; None: the backbone's.
        photos: To check padding and normalization on, with or without labels; None: they are not checked.
    """

    backbone: str
    method: Method
    out: Path
    weights: str | None = None
    classes: str | None = None
    size: Size | None = None
    photos: PhotoDataset | None = None


@dataclass(frozen=True)
class Proposal:
    """A recipe that builds.

    Attributes:
        text: The file.
        recipe: What it means.
        method: Of the module; another one than asked for where that has no insertion point in the backbone.
        decisions: With their reasons.
        tried: Ways to feed the network, the one taken first; empty where they were not checked.
        layers: Where the module can go; None where it finds its layers itself, or edits the photo.
        layer: Where it goes; None likewise.
        cost: Of the module; None where there is none.
    """

    text: str
    recipe: Recipe
    method: Method
    decisions: tuple[Decision, ...]
    tried: tuple[Measured, ...]
    layers: PricedLayers | None
    layer: str | None
    cost: Overhead | None
