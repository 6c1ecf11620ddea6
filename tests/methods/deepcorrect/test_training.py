"""DeepCorrect's task: cross-entropy of the corrected network, from units that change nothing."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F

from tests.methods.training import batch, task_of


def test_the_loss_is_the_cross_entropy_of_the_degraded_crops(recipes: dict[str, Path], photos: Path) -> None:
    task = task_of(recipes["deepcorrect"])
    task.on_step_start(0.9)
    fixed = batch(photos, 4, [("awgn", 20)], 0.0, [7, 1])
    expected = F.cross_entropy(task.pipeline(task.images(fixed.degraded)), fixed.labels)
    assert torch.equal(task(*fixed)["loss"], expected)
