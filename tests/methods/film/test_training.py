"""Training FiLM: the loss falls, clean photos cost nothing at first, a single crop is refused."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mobile_robust.data.images import built_in_photos, jpeg
from mobile_robust.errors import InputError
from mobile_robust.methods.film.training import CALIBRATION_STEPS
from mobile_robust.methods.method import Options
from mobile_robust.methods.task import Task
from mobile_robust.recipes import load_recipe
from mobile_robust.training.run import initial_model, make_task

RECIPE = str(Path(__file__).parent / "recipe.toml")
STEPS = 12


def task() -> Task[Any, Any]:
    return make_task(initial_model(load_recipe(RECIPE), 0), (64, 64), Options(), STEPS)


def batch(count: int, quality: int | None = 7) -> tuple[Tensor, Tensor, Tensor]:
    photos = built_in_photos((64, 64), 2 * count)[::2]
    degraded = photos if quality is None else [jpeg(photo, quality) for photo in photos]
    clean, seen = (torch.from_numpy(np.stack(each)) for each in (photos, degraded))
    return clean, seen, torch.full((count,), -1)


def test_the_loss_falls() -> None:
    learner, given = task(), batch(8)
    optimizer = torch.optim.Adam(learner.module.parameters(), lr=1e-2)
    losses = []
    for step in range(STEPS):
        learner.on_step_start(step / STEPS)
        found = learner(*given)
        optimizer.zero_grad()
        found["loss"].backward()
        optimizer.step()
        losses.append({name: float(value) for name, value in found.items()})
    assert losses[-1]["loss"] < 0.98 * losses[0]["loss"]
    assert set(losses[0]) == {"loss", "maps", "answer"}
    assert losses[0]["loss"] == pytest.approx(losses[0]["maps"] + 0.3 * losses[0]["answer"], rel=1e-5)


@torch.no_grad()
def test_batch_norms_keep_the_statistics_of_the_first_steps() -> None:
    learner = make_task(initial_model(load_recipe(RECIPE), 0), (64, 64), Options(), 100)
    seen = []
    for step in range(CALIBRATION_STEPS + 3):
        learner.on_step_start(step / 100)
        learner(*batch(2 + step))
        seen.append([norm.running_mean.clone() for norm in learner.norms])
    moved = [any(not torch.equal(x, y) for x, y in zip(*pair, strict=True)) for pair in itertools.pairwise(seen)]
    assert moved == [True] * (CALIBRATION_STEPS - 1) + [False] * 3
    norm = learner.module.statistics.norm
    assert int(norm.num_batches_tracked) == CALIBRATION_STEPS and not norm.training


@torch.no_grad()
def test_clean_photos_cost_nothing_before_anything_is_learned() -> None:
    learner = task()
    learner.on_step_start(0.9)
    assert float(learner(*batch(2, quality=None))["loss"]) < 1e-8
    assert float(learner(*batch(2))["loss"]) > 1e-2


def test_a_single_crop_is_refused() -> None:
    with pytest.raises(InputError, match="--batch 1: FiLM's batch norms need 2 or more a process"):
        task()(*batch(1))
