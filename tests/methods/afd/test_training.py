"""AFD's task: it starts at the identity, learns with every loss, and sees the tail at every resolution."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch

from mobile_robust.recipes import load_recipe
from mobile_robust.data.images import read_image
from mobile_robust.methods.afd import training as afd
from mobile_robust.methods.task import stack
from mobile_robust.train.methods import METHODS, start
from mobile_robust.train.samples import CropPair

PAIRS = CropPair((64, 64), [("jpeg", 25), ("jpeg", 7)], afd.CLEAN_SHARE)


def batch(photos: Path, count: int, seed: int = 0) -> tuple[torch.Tensor, ...]:
    images = [read_image(path) for path in sorted(photos.iterdir())]
    random = np.random.default_rng(seed)
    return stack([PAIRS(images[i % len(images)], -1, random) for i in range(count)])


def task_of(recipes: dict[str, Path], loss: str = "tail") -> afd.Distillation:
    return METHODS["afd"].task(start("afd", load_recipe(str(recipes["afd"])), seed=0), (64, 64), Namespace(loss=loss))


def test_the_start_changes_nothing(recipes: dict[str, Path], photos: Path) -> None:
    task = task_of(recipes)
    task.begin(0.9)
    image = task.images(batch(photos, 2)[0])
    features = task.pipeline.features(image)
    assert torch.equal(task.module(image, features), features)
    losses = task(*[batch(photos, 2)[0]] * 2)
    assert losses["loss"] < 1e-6  # nothing was degraded, nothing is to be repaired


@pytest.mark.parametrize("loss", afd.LOSSES)
def test_a_few_steps_lower_every_loss(recipes: dict[str, Path], photos: Path, loss: str) -> None:
    task = task_of(recipes, loss)
    fixed = batch(photos, 4, seed=1)
    optimizer = torch.optim.Adam(task.module.parameters(), lr=3e-3)
    found = []
    for _ in range(15):
        task.begin(0.0)
        value = task(*fixed)["loss"]
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        found.append(value.item())
    assert found[-1] < 0.95 * found[0]
    assert all(p.grad is None for p in (*task.pipeline.stem.parameters(), *task.pipeline.tail.parameters()))


def test_crops_and_their_degraded_selves(photos: Path) -> None:
    clean, degraded, _ = batch(photos, 80)
    assert clean.shape == degraded.shape == (80, 64, 64, 3) and clean.dtype == torch.uint8
    unchanged = sum(torch.equal(a, b) for a, b in zip(clean, degraded, strict=True))
    assert 10 <= unchanged <= 32
    assert len({crop.numpy().tobytes() for crop in clean}) > 70


def test_tail_maps_hold_the_last_map_of_every_resolution(recipes: dict[str, Path]) -> None:
    task = task_of(recipes)
    features = task.pipeline.features(torch.rand(2, 3, 64, 64) * 255)
    *maps, logits = task.tail(features)
    sides = [x.shape[-1] for x in maps]
    assert sides == sorted(set(sides), reverse=True) and len(sides) >= 3
    assert torch.equal(logits, task.pipeline.tail(features))


def test_a_channel_error_counts_channels_and_not_sizes() -> None:
    target = torch.randn(4, 2, 8, 8) * torch.tensor([1.0, 100.0])[:, None, None]
    wrong = target + 0.5 * torch.randn_like(target) * torch.tensor([1.0, 0.0])[:, None, None]
    assert afd.relative_error(wrong, target) < 1e-3
    half = torch.stack([target[:, 1], wrong[:, 1] + 50 * torch.randn(4, 8, 8)], 1)
    assert afd.channel_error(half, torch.stack([target[:, 1]] * 2, 1)).item() == pytest.approx(0.125 / 1.1, rel=0.3)
