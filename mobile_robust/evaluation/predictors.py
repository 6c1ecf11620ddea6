"""Whatever can be scored, opened: photos in, logits out. A source is small and travels to other processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from timm.data.config import resolve_model_data_config
from torch import Tensor, nn

from mobile_robust.backbones.create import create_network
from mobile_robust.contracts.manifest import Layout, read_manifest
from mobile_robust.contracts.recipe import InputSection, Recipe
from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.data.images import Photo
from mobile_robust.errors import InputError
from mobile_robust.layers.normalize import ImageRange, Normalize
from mobile_robust.methods.pipeline import Pipeline
from mobile_robust.pipelines import build_model, load_built
from mobile_robust.runtimes.base import PlacementError
from mobile_robust.runtimes.registry import runtimes

#: uint8 photos of one size, height x width x 3 RGB -> float32 (photos, classes).
Predict = Callable[[Sequence[Photo]], NDArray[np.float32]]


class Source(Protocol):
    """Says where a model comes from; equal sources give equal models."""

    def open(self) -> Predict:
        """Opens it in this process.

        Raises:
            InputError: It cannot be opened, or not with the runtime that was chosen.
        """


@dataclass(frozen=True)
class FileSource:
    """An artifact, fed as its manifest says. ``low`` and ``high`` are the values of black and white."""

    path: Path
    runtime: str
    image: str
    layout: Layout
    low: float
    high: float
    logits: str

    def open(self) -> Predict:
        try:
            session = runtimes()[self.runtime].make().open(self.path)
        except PlacementError as error:
            raise InputError(f"--runtime {self.runtime}: {error}") from None

        def predict(photo: Photo) -> NDArray[np.float32]:
            spec = ImageSpec(photo.shape[:2], self.low, self.high)
            try:
                return session.predict({self.image: spec.array(photo[None], self.layout)})[self.logits][0]
            except RuntimeError as error:
                raise InputError(f"{self.path}: {self.runtime} failed: {error}") from error

        return lambda photos: np.stack([predict(photo) for photo in photos])


@dataclass(frozen=True)
class BuildSource:
    """The PyTorch reference of a built folder, or its baseline (the backbone alone)."""

    folder: Path
    baseline: bool

    def open(self) -> Predict:
        pipeline, section = built(self.folder)
        return _pytorch(pipeline.baseline if self.baseline else pipeline, section)


@dataclass(frozen=True)
class RecipeSource:
    """The PyTorch pipeline of a recipe (as JSON), or its baseline."""

    recipe: str
    baseline: bool

    def open(self) -> Predict:
        pipeline, section = system(self.recipe)
        return _pytorch(pipeline.baseline if self.baseline else pipeline, section)


@dataclass(frozen=True)
class TimmSource:
    """A classifier of timm with its own weights and normalization."""

    name: str

    def open(self) -> Predict:
        network, section = classifier(self.name)
        normalize = Normalize(ImageRange(section.mean, section.std))
        return _pytorch(lambda image: network(normalize(image)), section)


@cache  # a baseline and the network with its module share one pipeline
def built(folder: Path) -> tuple[Pipeline, InputSection]:
    """The pipeline of a built folder, and what image it takes."""
    manifest = read_manifest(folder)
    return _channels_last(load_built(folder, manifest)), manifest.recipe.input


@cache
def system(recipe: str) -> tuple[Pipeline, InputSection]:
    """The pipeline of a recipe, and what image it takes."""
    made = Recipe.model_validate_json(recipe)
    pipeline = build_model(made).pipeline
    assert pipeline is not None
    return _channels_last(pipeline), made.input


@cache
def classifier(name: str) -> tuple[nn.Module, InputSection]:
    """A network of timm with its weights, and the image it was trained on, in [0, 1].

    Raises:
        InputError: Unknown name, or weights that cannot be downloaded.
    """
    network = create_network(name.partition(".")[0], {}, name, 0)
    data: dict[str, Any] = resolve_model_data_config(network)
    _, height, width = data["input_size"]
    return _channels_last(network), InputSection(size=(height, width), range=1, mean=data["mean"], std=data["std"])


def _channels_last(model: Any) -> Any:
    return model.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def _pytorch(model: Callable[[Tensor], Tensor], section: InputSection) -> Predict:
    def predict(photos: Sequence[Photo]) -> NDArray[np.float32]:
        image = ImageSpec.of(section).tensor(torch.from_numpy(np.stack(photos)))  # (B, 3, H, W)
        with torch.inference_mode():
            return model(image).numpy()

    return predict
