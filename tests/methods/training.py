"""Tasks and batches for the tests of the methods' training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mobile_robust.corruptions import corrupt
from mobile_robust.data.images import built_in_photos, read_image
from mobile_robust.methods.registry import methods
from mobile_robust.methods.task import Batch, Task
from mobile_robust.recipes import load_recipe
from mobile_robust.training.run import initial_model, make_task
from mobile_robust.training.samples import CropPair, Degradation, stack

SIDE = 64


def task_of(recipe: Path, steps: int = 1, **options: object) -> Task:
    """The task of a recipe's method, its module at the start."""
    loaded = load_recipe(str(recipe))
    training = methods()[loaded.method].training
    assert training is not None
    return make_task(initial_model(loaded, 0), (SIDE, SIDE), training.options(**options), steps)


def train_words(recipes: dict[str, Path], photos: Path, out: Path, method: str, *more: object) -> list[str]:
    """The words of a training of 4 steps on the command line; of a repeated option the last one counts."""
    common = ["--images", photos, "--out", out, "--steps", 4, "--batch", 4, "--threads", 1, "--readers", 0, "--cpu"]
    return [str(word) for word in (method, recipes[method], *common, *more)]


def batch(
    photos: Path, count: int, degradations: list[Degradation], clean_share: float, labels: list[int], seed: int = 0
) -> Batch:
    """Crops of the photos in turn, each with the label whose turn it is."""
    images = [read_image(path) for path in sorted(photos.iterdir())]
    sampler, random = CropPair((SIDE, SIDE), degradations, clean_share), np.random.default_rng(seed)
    samples = [sampler(images[i % len(images)], labels[i % len(labels)], random) for i in range(count)]
    return Batch(*stack(samples))


def corrupted_batch(name: str, level: float, count: int = 8) -> Batch:
    """Photos of 32x32, all of them corrupted alike, each of a class of its own."""
    photos = built_in_photos((32, 32), count)
    degraded = [corrupt(photo, name, level, 0, index) for index, photo in enumerate(photos)]
    return Batch(torch.from_numpy(np.stack(photos)), torch.from_numpy(np.stack(degraded)), torch.arange(count))


def losses_of(task: Task, fixed: Batch, steps: int, rate: float) -> list[float]:
    """The loss of each of some optimizer steps on one batch."""
    optimizer = torch.optim.Adam(task.module.parameters(), lr=rate)
    found = []
    for _ in range(steps):
        task.on_step_start(0.0)
        value = task(*fixed)["loss"]
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        task.on_step_end()
        found.append(value.item())
    return found
