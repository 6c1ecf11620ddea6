"""SyMPIE's task: Algorithm 1, and the start in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from mobile_robust.errors import InputError
from mobile_robust.methods.sympie.training import EMA_WEIGHT, SMOOTHING, Estimation
from mobile_robust.methods.task import Batch
from tests.methods.training import batch, task_of

#: Of the closed form: that many of 20 steps.
FIT = 15


def sympie(recipes: dict[str, Path], fit: int = 0, steps: int = 20) -> Estimation:
    task = task_of(recipes["sympie"], steps, loss="tail" if fit else "answers", fit=fit)
    assert isinstance(task, Estimation)
    return task


def noisy(photos: Path, seed: int) -> Batch:
    return batch(photos, 8, [("contrast", 4), ("gaussian_noise", 4)], 0.2, [0, 1, 2], seed)


def step(task: Estimation, photos: Path, number: int, progress: float) -> dict[str, torch.Tensor]:
    task.on_step_start(progress)
    return task(*noisy(photos, number))


def test_algorithm_1(recipes: dict[str, Path], photos: Path) -> None:
    task = sympie(recipes)
    task.on_step_start(0.9)  # fixed statistics, so that the same call gives the same image
    with torch.no_grad():
        for parameter in task.ema.parameters():
            parameter.mul_(1.01)
    fixed = batch(photos, 3, [("gaussian_noise", 5)], 0.5, [1])
    image, labels = task.images(fixed.degraded), torch.ones(3, dtype=torch.int64)
    first = F.cross_entropy(task.pipeline.baseline(task.module(image)), labels)
    second = F.cross_entropy(task.pipeline.baseline(task.module(task.ema(image))), labels)
    losses = task(*fixed)
    assert losses["loss"].item() == pytest.approx((first + EMA_WEIGHT * second).item(), rel=1e-5)
    before = [p.clone() for p in task.ema.parameters()]
    task.on_step_end()
    for old, slow, fast in zip(before, task.ema.parameters(), task.module.parameters(), strict=True):
        assert torch.allclose(slow, SMOOTHING * old + (1 - SMOOTHING) * fast, atol=1e-6)
    state = {name: tensor.clone() for name, tensor in task.checkpoint_state().items()}
    other = sympie(recipes)
    other.load_checkpoint_state(state)
    assert all(torch.equal(state[name], tensor) for name, tensor in other.checkpoint_state().items())


@pytest.mark.slow
def test_the_closed_form(recipes: dict[str, Path], photos: Path) -> None:
    task = sympie(recipes, FIT)
    identity = torch.cat([torch.eye(3).flatten(), torch.zeros(3), torch.zeros(25)])
    identity[24] = 1
    statistics = task.nem.norm.running_mean.clone()
    losses = [step(task, photos, i, done) for i, done in enumerate(0.75 * np.arange(20) / 20)]
    assert not any(loss["loss"].requires_grad for loss in losses)
    assert task.regression.samples == 12 * 8  # but for those that the batch norms' statistics come from
    assert not torch.equal(task.nem.norm.running_mean, statistics)
    assert all(0 <= loss["strength"] <= 1 for loss in losses[8:]) and losses[-1]["strength"] > 0

    degraded = task.images(noisy(photos, 99).degraded)
    before = task.pipeline(degraded)
    assert torch.allclose(before, task.pipeline.baseline(degraded), atol=1e-4)
    last = step(task, photos, 20, 0.75)
    assert last["loss"].requires_grad and not torch.allclose(task.pipeline(degraded), before, atol=1e-3)
    numbers, result = task.nem(degraded), task.result()
    again = sympie(recipes, FIT)
    assert set(result) == set(again.module.state_dict())
    again.module.load_state_dict(result)
    assert torch.allclose(again.nem.eval()(degraded), numbers, atol=1e-5)
    assert (numbers - identity).abs().max() > 0.01


@pytest.mark.slow
def test_algorithm_1_by_itself_moves_its_statistics_and_a_fitted_start_keeps_them(
    recipes: dict[str, Path], photos: Path
) -> None:
    from_scratch = sympie(recipes)
    before = from_scratch.nem.norm.running_mean.clone()
    step(from_scratch, photos, 0, 0.1)
    moved = from_scratch.nem.norm.running_mean.clone()
    assert not torch.equal(moved, before)
    step(from_scratch, photos, 1, 0.9)
    assert torch.equal(from_scratch.nem.norm.running_mean, moved)
    fitted = sympie(recipes, FIT)
    for i in range(9):
        step(fitted, photos, i, 0.0)
    before = fitted.nem.norm.running_mean.clone()
    step(fitted, photos, 9, 0.76)
    assert torch.equal(fitted.nem.norm.running_mean, before)


@pytest.mark.slow
@pytest.mark.parametrize("stop", [4, 12, 18])
def test_a_stopped_closed_form_resumes(recipes: dict[str, Path], photos: Path, stop: int) -> None:
    def trained(task: Estimation, steps: range) -> Estimation:
        optimizer = torch.optim.SGD(task.module.parameters(), lr=1e-4)
        for i in steps:
            loss = step(task, photos, i, i / 20)["loss"]
            if loss.requires_grad:
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
            task.on_step_end()
        return task

    stopped = trained(sympie(recipes, FIT), range(stop))
    resumed = sympie(recipes, FIT)
    resumed.load_checkpoint_state({name: tensor.clone() for name, tensor in stopped.checkpoint_state().items()})
    expected, got = (trained(task, range(stop, 20)).result() for task in (stopped, resumed))
    for name, tensor in expected.items():
        assert torch.equal(tensor, got[name]), name


def test_a_fit_longer_than_the_training_is_refused(recipes: dict[str, Path]) -> None:
    with pytest.raises(InputError, match="--fit 9: allowed are 0 to --steps 8"):
        sympie(recipes, fit=9, steps=8)


def test_the_second_copy_starts_from_a_file_too(recipes: dict[str, Path], tmp_path: Path) -> None:
    task = sympie(recipes)
    given = {name: (x + 1).contiguous() for name, x in task.module.state_dict().items()}
    save_file(given, tmp_path / "w.safetensors")
    task.load(tmp_path / "w.safetensors", "the module")
    state = task.ema.state_dict()
    assert all(torch.equal(state[name], x) for name, x in given.items())
