"""What all tasks share: the right classes, and fixed statistics at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.methods.training import batch, losses_of, task_of


def test_without_a_label_the_baselines_prediction_is_right(recipes: dict[str, Path], photos: Path) -> None:
    task = task_of(recipes["deepcorrect"])
    unknown = batch(photos, 4, [("gaussian_noise", 5)], 0.5, [-1])
    predicted = task.pipeline.baseline(task.images(unknown.clean)).argmax(1)
    assert torch.equal(task.targets(unknown), predicted)
    mixed = unknown._replace(labels=torch.tensor([7, -1, 2, -1]))
    assert task.targets(mixed).tolist() == [7, predicted[1], 2, predicted[3]]


def test_the_last_steps_train_the_function_that_is_deployed(recipes: dict[str, Path], photos: Path) -> None:
    task = task_of(recipes["deepcorrect"])
    fixed = batch(photos, 4, [("awgn", 20)], 0.5, [1])
    norm = next(m for m in task.module.modules() if isinstance(m, torch.nn.BatchNorm2d))
    changed = []
    for progress in (0.0, 0.79, 0.8, 0.99):
        before = norm.running_mean.clone()
        task.on_step_start(progress)
        task(*fixed)
        changed.append(not torch.equal(norm.running_mean, before))
    assert changed == [True, True, False, False]


@pytest.mark.parametrize(
    ("method", "options"),
    [("deepcorrect", {}), pytest.param("sympie", {"loss": "answers", "fit": 0}, marks=pytest.mark.slow)],
)
def test_steps_on_one_batch_lower_its_loss_and_change_the_module_alone(
    recipes: dict[str, Path], photos: Path, method: str, options: dict[str, Any]
) -> None:
    task = task_of(recipes[method], 20, **options)
    frozen = {name: x.clone() for name, x in task.state_dict().items() if not name.startswith(("ema.", "module."))}
    frozen = {name: x for name, x in frozen.items() if ".module." not in name}
    found = losses_of(task, batch(photos, 6, [("gaussian_noise", 5)], 0.2, [-1]), 12, 1e-3)
    assert found[-1] < found[0] - 0.001  # little: the backbone is random
    after = task.state_dict()
    assert frozen and all(torch.equal(x, after[name]) for name, x in frozen.items())
