"""AFD's task: it starts at the identity, learns with every loss, and sees the tail at every resolution."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import torch

from mobile_robust.methods.afd.method import METHOD, AFDTraining
from mobile_robust.methods.afd.training import Distillation, channel_error
from mobile_robust.methods.feature_maps import relative_error
from mobile_robust.methods.task import Batch
from tests.methods.training import batch, losses_of, task_of

LOSSES = get_args(AFDTraining.model_fields["loss"].annotation)


def jpegs(photos: Path, count: int, seed: int = 0) -> Batch:
    assert METHOD.training is not None
    return batch(photos, count, [("jpeg", 25), ("jpeg", 7)], METHOD.training.clean_share, [-1], seed)


def afd(recipes: dict[str, Path], loss: str = "tail") -> Distillation:
    task = task_of(recipes["afd"], loss=loss)
    assert isinstance(task, Distillation)
    return task


def test_at_the_start_a_clean_crop_needs_no_repair(recipes: dict[str, Path], photos: Path) -> None:
    task = afd(recipes)
    task.on_step_start(0.9)
    clean, _, labels = jpegs(photos, 2)
    assert task(clean, clean, labels)["loss"] < 1e-6


@pytest.mark.parametrize(
    "loss", [loss if loss == "tail" else pytest.param(loss, marks=pytest.mark.slow) for loss in LOSSES]
)
def test_a_few_steps_lower_every_loss(recipes: dict[str, Path], photos: Path, loss: str) -> None:
    task = afd(recipes, loss)
    found = losses_of(task, jpegs(photos, 4, seed=1), 15, 3e-3)
    assert found[-1] < 0.95 * found[0]
    assert all(p.grad is None for p in (*task.pipeline.stem.parameters(), *task.pipeline.tail.parameters()))


def test_tail_maps_hold_the_last_map_of_every_resolution(recipes: dict[str, Path]) -> None:
    task = afd(recipes)
    features = task.pipeline.features(torch.rand(2, 3, 64, 64) * 255)
    *maps, logits = task.tail(features)
    sides = [x.shape[-1] for x in maps]
    assert sides == sorted(set(sides), reverse=True) and len(sides) >= 3
    assert torch.equal(logits, task.pipeline.tail(features))


def test_a_channel_error_counts_channels_and_not_sizes() -> None:
    target = torch.randn(4, 2, 8, 8) * torch.tensor([1.0, 100.0])[:, None, None]
    wrong = target + 0.5 * torch.randn_like(target) * torch.tensor([1.0, 0.0])[:, None, None]
    assert relative_error(wrong, target) < 1e-3
    half = torch.stack([target[:, 1], wrong[:, 1] + 50 * torch.randn(4, 8, 8)], 1)
    assert channel_error(half, torch.stack([target[:, 1]] * 2, 1)).item() == pytest.approx(0.125 / 1.1, rel=0.3)
