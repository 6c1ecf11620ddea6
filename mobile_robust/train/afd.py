"""Training AFD-Module (Peng et al., TMM 2024, section IV-B) without labels.

A crop and its JPEG-compressed self go through the frozen stem; the module learns to make the second's features equal to
the first's. To the paper's squared error of the features this adds:

* the frozen tail's view: its feature maps at every resolution, because what it computes from the repaired features
  matters and not the features themselves;
* clean crops in the mix, so that the module learns to leave good photos alone;
* a start at the identity, where the module changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from mobile_robust.contracts.recipe import Recipe, WeightsSection
from mobile_robust.data import JPEG_QUALITIES, Photo, jpeg, read_image
from mobile_robust.errors import InputError
from mobile_robust.modules.afd import AFD
from mobile_robust.systems import System, build_system
from mobile_robust.systems.features import FeaturePipeline

#: Share of the crops that stay as they are: input = target.
CLEAN_SHARE = 1 / 6
#: Decoded photos kept in memory, each with a short side of the recipe's size x 256 / 224: 0.3 MB at 224.
CACHED_PHOTOS = 1024
#: The batch norms' statistics follow the batches for this share of the steps and are fixed for the rest, so that the
#: last steps train the very function that is deployed.
MOVING_STATISTICS = 0.8
WARM_UP_STEPS = 20
#: Weight of the features' error beside that of the tail's maps, which is some fifteen times as large.
FEATURES_WEIGHT = 10.0


@dataclass(frozen=True)
class Settings:
    """How long and on how much.

    Attributes:
        steps: Optimizer steps.
        batch: Crops per step.
        rate: Highest learning rate; Adam, warmed up, then a half cosine down to 0.
    """

    steps: int
    batch: int
    rate: float = 3e-3


@dataclass(frozen=True)
class Step:
    """What one step reports. Losses are fractions of the clean values' variance."""

    step: int
    loss: float
    features: float
    maps: float
    rate: float


class CropPairs:
    """Endless batches of (clean, degraded) crops, both uint8 side x side x 3; every photo once before any twice.

    The compression is applied to the crop, as in evaluation, so that the 8x8 blocks lie where the module looks for
    them. Photos that cannot be read are moved from ``photos`` to ``skipped`` as (path, reason).

    Args:
        paths: Image files of any size.
        short: Length to which the photos' short sides are brought.
        side: Side of the crops in pixels, at most ``short``.
        seed: Of everything random here.
    """

    def __init__(self, paths: Sequence[Path], short: int, side: int, seed: int) -> None:
        self.side = side
        self.photos = list(paths)
        self.skipped: list[tuple[Path, str]] = []
        self._random = np.random.default_rng(seed)
        self._queue: list[Path] = []
        self._read = lru_cache(CACHED_PHOTOS)(lambda path: with_short_side(read_image(path), short))

    def draw(self, count: int) -> tuple[list[Photo], list[Photo]]:
        """``count`` clean crops and their degraded selves.

        Raises:
            InputError: No photo can be read.
        """
        clean = [self._crop(self._next_photo()) for _ in range(count)]
        return clean, [self._degrade(crop) for crop in clean]

    def _next_photo(self) -> Photo:
        while self.photos:
            if not self._queue:
                self._queue = [self.photos[i] for i in self._random.permutation(len(self.photos))]
            path = self._queue.pop()
            try:
                return self._read(path)
            except InputError as error:
                self.photos.remove(path)
                self.skipped.append((path, str(error).removeprefix(f"{path}: ")))
        path, reason = self.skipped[0]
        raise InputError(f"none of {len(self.skipped)} images can be read; the first, {path}: {reason}")

    def _crop(self, photo: Photo) -> Photo:
        top, left = (self._random.integers(length - self.side + 1) for length in photo.shape[:2])
        crop = photo[top : top + self.side, left : left + self.side]
        return np.ascontiguousarray(crop[:, ::-1] if self._random.random() < 0.5 else crop)

    def _degrade(self, crop: Photo) -> Photo:
        if self._random.random() < CLEAN_SHARE:
            return crop
        return jpeg(crop, int(self._random.choice(JPEG_QUALITIES)))


class TailMaps(nn.Module):
    """A frozen tail: features (B, C, h, w) -> its last feature map at every resolution, largest first, and the logits.

    Args:
        tail: A backbone's tail.
        features: An example of what it takes; the resolutions are read from it.
    """

    def __init__(self, tail: nn.Module, features: Tensor) -> None:
        super().__init__()
        assert isinstance(tail, fx.GraphModule)
        ShapeProp(tail).propagate(features)
        last: dict[int, fx.Node] = {}  # side -> node
        for node in tail.graph.nodes:
            found = node.meta.get("tensor_meta")
            if node.op != "placeholder" and found is not None and len(found.shape) == 4 and found.shape[-1] > 1:
                last[found.shape[-1]] = node
        graph = fx.Graph()
        copies: dict[fx.Node, fx.Node] = {}
        logits = graph.graph_copy(tail.graph, copies)
        graph.output((*(copies[node] for node in last.values()), logits))
        self.network = fx.GraphModule(tail, graph).eval()

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        return self.network(features)


class Distillation(nn.Module):
    """How far the repaired features, and what the frozen tail makes of them, are from those of the clean crop.

    Args:
        pipeline: Its module is trained.
        side: Side of the crops.
    """

    def __init__(self, pipeline: FeaturePipeline, side: int) -> None:
        super().__init__()
        self.pipeline = pipeline
        with torch.no_grad():
            self.tail = TailMaps(pipeline.tail, pipeline.features(torch.zeros(1, 3, side, side)))

    def forward(self, clean: Tensor, degraded: Tensor) -> tuple[Tensor, Tensor]:
        """Two (B, 3, side, side), RGB as the pipeline takes it -> error of the features, mean error of the maps."""
        with torch.no_grad():
            target = self.pipeline.features(clean)
            target_maps = self.tail(target)
            features = self.pipeline.features(degraded)
        repaired = self.pipeline.module(degraded, features)
        errors = [relative_error(x, y) for x, y in zip(self.tail(repaired), target_maps, strict=True)]
        return relative_error(repaired, target), torch.stack(errors).mean()


def start(recipe: Recipe, seed: int) -> System:
    """The recipe's system with a module at its initial weights, made to change nothing.

    Raises:
        InputError: The recipe's method is another one; see also :func:`build_system`.
    """
    if recipe.method != "afd":
        raise InputError(f"recipe {recipe.name} is for method {recipe.method!r}; this trains recipes for method 'afd'")
    system = build_system(recipe.model_copy(update={"weights": WeightsSection(seed=seed)}))
    module = system.module
    assert isinstance(module, AFD)
    for norm in module.fe.residual.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.zeros_(norm.weight)
    return system


def train(system: System, pairs: CropPairs, settings: Settings) -> Iterator[Step]:
    """Trains the module of ``system.pipeline`` in place, one step an iteration; it is in eval mode afterwards.

    Raises:
        InputError: The loss is no finite number any more, or no photo can be read.
    """
    top = system.recipe.input.range
    # Depthwise convolutions run twice as fast channels last on a CPU.
    pipeline = system.pipeline
    assert isinstance(pipeline, FeaturePipeline)
    pipeline = pipeline.to(memory_format=torch.channels_last)
    module = pipeline.module.requires_grad_(True).train()
    optimizer = torch.optim.Adam(module.parameters(), lr=settings.rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_factor(step, settings.steps))
    distillation = Distillation(pipeline, pairs.side)
    for step in range(settings.steps):
        if step == round(MOVING_STATISTICS * settings.steps):
            module.eval()
        clean, degraded = (to_tensor(photos, top) for photos in pairs.draw(settings.batch))
        features, maps = distillation(clean, degraded)
        loss = FEATURES_WEIGHT * features + maps
        if not torch.isfinite(loss):
            raise InputError(f"the loss is {loss.item()} at step {step + 1}: training stopped, no weights were written")
        optimizer.zero_grad()
        loss.backward()
        rate = optimizer.param_groups[0]["lr"]
        optimizer.step()
        schedule.step()
        yield Step(step + 1, loss.item(), features.item(), maps.item(), rate)
    module.requires_grad_(False).eval()


def crop_pairs(recipe: Recipe, paths: Sequence[Path], seed: int) -> CropPairs:
    """Pairs for a recipe, at the scale at which it sees whole photos.

    The crops have 4/7 of its side (128 of 224): a third of the work, and the module looks at a neighbourhood only.
    """
    size = min(recipe.input.height_width)
    return CropPairs(paths, round(size * 256 / 224), max(32, size * 4 // 7 // 32 * 32), seed)


def with_short_side(photo: Photo, short: int) -> Photo:
    """The photo with its short side brought to ``short`` pixels, as for evaluation; of a very long one, the middle."""
    height, width = photo.shape[:2]
    least = min(height, width)
    if least == short:
        return photo
    top, left = max(0, height - 2 * least) // 2, max(0, width - 2 * least) // 2
    photo = photo[top : top + 2 * least, left : left + 2 * least]
    height, width = (max(short, round(length * short / least)) for length in photo.shape[:2])
    return np.array(Image.fromarray(photo).resize((width, height), Image.Resampling.BICUBIC))


def to_tensor(photos: Sequence[Photo], top: float) -> Tensor:
    """B photos, uint8 -> (B, 3, H, W) in [0, top], channels last in memory."""
    batch = torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2).float() * (top / 255)
    return batch.contiguous(memory_format=torch.channels_last)


def relative_error(x: Tensor, target: Tensor) -> Tensor:
    """Mean squared error as a fraction of the target's variance."""
    return F.mse_loss(x, target) / target.var()


def rate_factor(step: int, steps: int) -> float:
    """Share of the highest rate: a short linear warm-up and a half cosine down to 0."""
    return min(1.0, (step + 1) / WARM_UP_STEPS) * (1 + math.cos(math.pi * step / steps)) / 2
