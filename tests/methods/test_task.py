"""What all tasks share: photos as a pipeline takes them, the right classes, and fixed statistics at the end."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.methods.training import batch, task_of


def test_images_are_photos_in_the_recipes_range(recipes: dict[str, Path]) -> None:
    task = task_of(recipes["deepcorrect"])
    photos = torch.tensor([0, 51, 255], dtype=torch.uint8).expand(2, 4, 5, 3)
    images = task.images(photos)
    assert images.shape == (2, 3, 4, 5) and images.is_contiguous(memory_format=torch.channels_last)
    assert images[0, :, 0, 0].tolist() == [0, 51, 255]
    task.top = 1.0
    torch.testing.assert_close(task.images(photos)[1, :, 3, 4], torch.tensor([0, 0.2, 1]))


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
