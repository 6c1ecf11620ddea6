"""SyMPIE's and DeepCorrect's tasks, which learn from the classifier's answer."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mobile_robust.recipes import load_recipe
from mobile_robust.data.images import read_image
from mobile_robust.methods.sympie.training import EMA_WEIGHT, SMOOTHING, Estimation
from mobile_robust.methods.task import Task, stack
from mobile_robust.train.methods import METHODS, start
from mobile_robust.train.samples import CropPair

OPTIONS = Namespace(loss=None, fit=0, steps=1)


def task_of(recipes: dict[str, Path], method: str) -> Task:
    return METHODS[method].task(start(method, load_recipe(str(recipes[method])), seed=0), (64, 64), OPTIONS)


def batch(photos: Path, count: int, clean_share: float = 0.5, label: int = -1) -> tuple[torch.Tensor, ...]:
    images = [read_image(path) for path in sorted(photos.iterdir())]
    sampler, random = CropPair((64, 64), [("gaussian_noise", 5)], clean_share), np.random.default_rng(0)
    return stack([sampler(images[i % len(images)], label, random) for i in range(count)])


def test_half_of_the_crops_stay_clean(photos: Path) -> None:
    clean, degraded, labels = batch(photos, 80, label=3)
    same = sum(torch.equal(a, b) for a, b in zip(clean, degraded, strict=True))
    assert 28 <= same <= 52 and labels.tolist() == [3] * 80


@pytest.mark.parametrize("method", ["sympie", "deepcorrect"])
def test_the_start_is_the_backbone_alone(recipes: dict[str, Path], photos: Path, method: str) -> None:
    task = task_of(recipes, method)
    task.begin(0.9)
    image = task.images(batch(photos, 3)[1])
    assert torch.allclose(task.pipeline(image), task.pipeline.alone(image), atol=1e-4)


@pytest.mark.parametrize("method", ["sympie", "deepcorrect"])
def test_without_a_label_the_backbones_own_answer_is_right(recipes: dict[str, Path], photos: Path, method: str) -> None:
    task = task_of(recipes, method)
    clean, _, unknown = batch(photos, 4)
    own = task.pipeline.alone(task.images(clean)).argmax(1)
    assert torch.equal(task.targets(clean, unknown), own)
    mixed = torch.tensor([7, -1, 2, -1])
    assert task.targets(clean, mixed).tolist() == [7, own[1], 2, own[3]]


@pytest.mark.parametrize("method", ["sympie", "deepcorrect"])
def test_steps_on_one_batch_lower_its_loss(recipes: dict[str, Path], photos: Path, method: str) -> None:
    task = task_of(recipes, method)
    fixed = batch(photos, 6, clean_share=0.2)
    frozen = {name: tensor.clone() for name, tensor in task.state_dict().items() if "module" not in name}
    optimizer = torch.optim.Adam(task.module.parameters(), lr=1e-3)
    found = []
    for _ in range(12):
        task.begin(0.0)
        value = task(*fixed)["loss"]
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        task.end()
        found.append(value.item())
    assert found[-1] < found[0] - 0.001  # little: the backbone is random
    after = task.state_dict()
    changed = {name for name, tensor in frozen.items() if not torch.equal(tensor, after[name])}
    assert all(name.startswith("twin.") for name in changed)


def test_algorithm_1_of_sympie(recipes: dict[str, Path], photos: Path) -> None:
    task = task_of(recipes, "sympie")
    assert isinstance(task, Estimation)
    task.begin(0.9)  # fixed statistics, so that the same call gives the same image
    with torch.no_grad():
        for parameter in task.twin.parameters():
            parameter.mul_(1.01)
    _, degraded, _ = fixed = batch(photos, 3, label=1)
    image, labels = task.images(degraded), torch.ones(3, dtype=torch.int64)
    first = F.cross_entropy(task.pipeline.alone(task.module(image)), labels)
    second = F.cross_entropy(task.pipeline.alone(task.module(task.twin(image))), labels)
    losses = task(*fixed)
    assert losses["loss"].item() == pytest.approx((first + EMA_WEIGHT * second).item(), rel=1e-5)
    before = [p.clone() for p in task.twin.parameters()]
    task.end()
    for old, slow, fast in zip(before, task.twin.parameters(), task.module.parameters(), strict=True):
        assert torch.allclose(slow, SMOOTHING * old + (1 - SMOOTHING) * fast, atol=1e-6)
    kept = {name: tensor.clone() for name, tensor in task.kept().items()}
    other = task_of(recipes, "sympie")
    other.restore(kept)
    assert all(torch.equal(kept[name], tensor) for name, tensor in other.kept().items())


def test_the_closed_form_of_sympie(recipes: dict[str, Path], photos: Path) -> None:
    task = fitting(recipes)
    identity = torch.cat([torch.eye(3).flatten(), torch.zeros(3), torch.zeros(25)])
    identity[24] = 1
    statistics = task.nem.norm.running_mean.clone()
    losses = [steps(task, photos, i, done) for i, done in enumerate(0.75 * np.arange(20) / 20)]
    assert not any(loss["loss"].requires_grad for loss in losses)
    assert task.regression.samples == 12 * 8  # but for those that the batch norms' statistics come from
    assert not torch.equal(task.nem.norm.running_mean, statistics)
    assert all(0 <= loss["strength"] <= 1 for loss in losses[8:]) and losses[-1]["strength"] > 0

    degraded = task.images(noisy(photos, 99)[1])
    before = task.pipeline(degraded)
    assert torch.allclose(before, task.pipeline.alone(degraded), atol=1e-4)
    last = steps(task, photos, 20, 0.75)
    assert last["loss"].requires_grad and not torch.allclose(task.pipeline(degraded), before, atol=1e-3)
    numbers, result = task.nem(degraded), task.result()
    assert set(result) == set(fitting(recipes).module.state_dict())
    again = fitting(recipes)
    again.module.load_state_dict(result)
    assert torch.allclose(again.nem.eval()(degraded), numbers, atol=1e-5)
    assert (numbers - identity).abs().max() > 0.01


def test_algorithm_1_alone_moves_its_statistics_and_a_fitted_start_keeps_them(
    recipes: dict[str, Path], photos: Path
) -> None:
    alone = task_of(recipes, "sympie")
    assert isinstance(alone, Estimation)
    before = alone.nem.norm.running_mean.clone()
    steps(alone, photos, 0, 0.1)
    moved = alone.nem.norm.running_mean.clone()
    assert not torch.equal(moved, before)
    steps(alone, photos, 1, 0.9)
    assert torch.equal(alone.nem.norm.running_mean, moved)
    fitted = fitting(recipes)
    for i in range(9):
        steps(fitted, photos, i, 0.0)
    before = fitted.nem.norm.running_mean.clone()
    steps(fitted, photos, 9, 0.76)
    assert torch.equal(fitted.nem.norm.running_mean, before)


@pytest.mark.parametrize("stop", [4, 12, 18])
def test_a_stopped_closed_form_goes_on(recipes: dict[str, Path], photos: Path, stop: int) -> None:
    def trained(first: int, task: Estimation) -> Estimation:
        optimizer = torch.optim.SGD(task.module.parameters(), lr=1e-4)
        for i in range(first, 20):
            if i == stop and not first:
                return task
            loss = steps(task, photos, i, i / 20)["loss"]
            if loss.requires_grad:
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
            task.end()
        return task

    stopped, whole, resumed = trained(0, fitting(recipes)), fitting(recipes), fitting(recipes)
    resumed.restore({name: tensor.clone() for name, tensor in stopped.kept().items()})
    trained(stop, resumed)
    trained(stop, trained(0, whole))
    for name, tensor in whole.result().items():
        assert torch.equal(tensor, resumed.result()[name]), name


def fitting(recipes: dict[str, Path]) -> Estimation:
    task = METHODS["sympie"].task(
        start("sympie", load_recipe(str(recipes["sympie"])), seed=0), (64, 64), Namespace(loss="tail", fit=3, steps=4)
    )
    assert isinstance(task, Estimation)
    return task


def noisy(photos: Path, seed: int) -> tuple[torch.Tensor, ...]:
    images = [read_image(path) for path in sorted(photos.iterdir())]
    sampler, random = CropPair((64, 64), [("contrast", 4), ("gaussian_noise", 4)], 0.2), np.random.default_rng(seed)
    return stack([sampler(images[i % len(images)], i % 3, random) for i in range(8)])


def steps(task: Estimation, photos: Path, seed: int, done: float) -> dict[str, torch.Tensor]:
    task.begin(done)
    return task(*noisy(photos, seed))
