"""Whatever can be scored, opened: photos in, logits out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from timm.data.config import resolve_model_data_config
from torch import Tensor, nn

from mobile_robust.backbones.create import create_network
from mobile_robust.contracts.manifest import Tensor as ArtifactTensor
from mobile_robust.contracts.manifest import read_manifest
from mobile_robust.contracts.recipe import InputSection, Recipe
from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.data.images import Photo
from mobile_robust.documents import parse_model
from mobile_robust.errors import InputError
from mobile_robust.layers.normalize import ImageRange, Normalize
from mobile_robust.pipelines import Model, build_model, rebuild
from mobile_robust.runtimes.base import PlacementError
from mobile_robust.runtimes.registry import find

#: uint8 photos of one size, height x width x 3 RGB -> float32 (photos, classes).
Predict = Callable[[Sequence[Photo]], NDArray[np.float32]]
#: Opens a model in this process, or raises InputError. Small: it travels to other processes.
Open = Callable[[], Predict]


def open_file(path: Path, runtime: str, image: ArtifactTensor, logits: str) -> Predict:
    """An artifact, fed as its manifest says of its input ``image``."""
    assert image.value_range is not None  # what a recipe says of an image
    low, high = image.value_range
    try:
        session = find(runtime).make().open(path)
    except PlacementError as error:
        raise InputError(f"--runtime {runtime}: {error}") from None

    def predict(photo: Photo) -> NDArray[np.float32]:
        values = ImageSpec(photo.shape[:2], low, high).array(photo[None], image.layout)
        try:
            return session.predict({image.name: values})[logits][0]
        except (RuntimeError, ValueError) as error:
            raise InputError(f"{path}: {runtime} failed: {error}") from error
        except KeyError as error:
            raise InputError(f"{path}: has no tensor {error}, which its manifest describes") from None

    return lambda photos: np.stack([predict(photo) for photo in photos])


def open_pipeline(origin: Path | str, baseline: bool) -> Predict:
    """The pipeline of :func:`model_of`, or its baseline."""
    model = model_of(origin)
    pipeline = model.pipeline
    assert pipeline is not None
    return _pytorch(pipeline.baseline if baseline else pipeline.on_photos, model.recipe.input)


def open_timm(name: str) -> Predict:
    """A classifier of timm with its own weights and normalization."""
    network, section = classifier(name)
    normalize = Normalize(ImageRange(*section.normalization))
    return _pytorch(lambda image: network(normalize(image)), section)


@cache  # a baseline and the network with its module share one pipeline
def model_of(origin: Path | str) -> Model:
    """The model of a built folder or of a recipe as JSON; it has a pipeline."""
    if isinstance(origin, Path):
        model = rebuild(origin, read_manifest(origin))
    else:
        model = build_model(parse_model(Recipe, origin))
    _channels_last(model.pipeline)
    return model


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
