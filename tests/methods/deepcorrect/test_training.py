"""DeepCorrect's task: cross-entropy of the corrected network, from units that change nothing."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F

from mobile_robust.methods.deepcorrect.method import METHOD
from tests.methods.training import batch, losses_of, task_of


def test_half_of_the_crops_stay_clean(photos: Path) -> None:
    assert METHOD.training is not None
    clean, degraded, labels = batch(photos, 80, [("awgn", 20)], METHOD.training.clean_share, [3])
    same = sum(torch.equal(a, b) for a, b in zip(clean, degraded, strict=True))
    assert 28 <= same <= 52 and labels.tolist() == [3] * 80


def test_the_loss_is_the_cross_entropy_of_the_degraded_crops(recipes: dict[str, Path], photos: Path) -> None:
    task = task_of(recipes["deepcorrect"])
    task.on_step_start(0.9)
    fixed = batch(photos, 4, [("awgn", 20)], 0.0, [7, 1])
    expected = F.cross_entropy(task.pipeline(task.images(fixed.degraded)), fixed.labels)
    assert torch.equal(task(*fixed)["loss"], expected)


def test_steps_on_one_batch_lower_its_loss_and_change_the_units_alone(recipes: dict[str, Path], photos: Path) -> None:
    task = task_of(recipes["deepcorrect"])
    frozen = {name: tensor.clone() for name, tensor in task.state_dict().items() if "module" not in name}
    found = losses_of(task, batch(photos, 6, [("awgn", 20)], 0.2, [-1]), 12, 1e-3)
    assert found[-1] < found[0] - 0.001  # little: the backbone is random
    after = task.state_dict()
    assert frozen and all(torch.equal(tensor, after[name]) for name, tensor in frozen.items())
