"""Training FiLM: the loss falls, clean photos cost nothing at first, a single crop is refused."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from mobile_robust.data.images import built_in_photos, jpeg
from mobile_robust.errors import InputError
from mobile_robust.layers.first_batches_norm import CALIBRATION_STEPS, FirstBatchesNorm
from mobile_robust.methods.film.training import LOADED_STEM_RATE
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


def with_stem() -> Task[Any, Any]:
    recipe = load_recipe(RECIPE).with_options(stem="afd_nano")
    return make_task(initial_model(recipe, 0), (64, 64), Options(), STEPS)


def test_with_afd_at_the_stem_its_features_count_and_it_starts_at_the_identity() -> None:
    learner = with_stem()
    learner.on_step_start(0.9)
    assert float(learner(*batch(2, quality=None))["loss"]) < 1e-8
    learner.on_step_start(0)
    found = learner(*batch(4))
    assert set(found) == {"loss", "features", "maps", "answer"}
    found["loss"].backward()
    assert [p for name, p in learner.module.named_parameters() if name.startswith("stem.fe.residual") and p.grad.any()]
    assert [share for _, share in learner.param_groups()] == [1.0, 1.0]


def test_weights_of_afd_alone_are_the_stems_and_learn_slowly(tmp_path: Path) -> None:
    learner, other, path = with_stem(), with_stem(), tmp_path / "afd.safetensors"
    state = {name: torch.rand(x.shape).to(x.dtype) for name, x in other.module.stem.state_dict().items()}
    save_file(state, path)
    learner.load(path, "method film")
    assert all(torch.equal(x, state[name]) for name, x in learner.module.stem.state_dict().items())
    shares = [share for _, share in learner.param_groups()]
    assert shares == [1.0, LOADED_STEM_RATE]
    counted = sum(len(parameters) for parameters, _ in learner.param_groups())
    assert counted == len([*learner.module.parameters()])
    learner.on_step_start(0)
    assert not learner.module.stem.training and learner.module.condition.training
    save_file(learner.result(), path)
    other.load(path, "method film")
    assert [share for _, share in other.param_groups()] == [1.0, 1.0]
    path.write_bytes(b"")
    with pytest.raises(InputError, match="afd.safetensors"):
        learner.load(path, "method film")


def test_beside_weights_of_film_alone_the_stem_begins_as_the_identity(tmp_path: Path) -> None:
    learner, path = with_stem(), tmp_path / "film.safetensors"
    own = learner.module.state_dict()
    state = {name: torch.rand(x.shape).to(x.dtype) for name, x in own.items() if not name.startswith("stem.")}
    stem = {name: tensor.clone() for name, tensor in own.items() if name.startswith("stem.")}
    save_file(state, path)
    learner.load(path, "method film")
    loaded = learner.module.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in {**state, **stem}.items())
    assert [share for _, share in learner.param_groups()] == [1.0, 1.0]
    save_file({"shifts.0.linear.weight": state["shifts.0.linear.weight"]}, path)
    with pytest.raises(InputError, match=r"film\.safetensors does not fit method film: \d+ keys missing: statistics"):
        learner.load(path, "method film")


@torch.no_grad()
def test_batch_norms_keep_the_statistics_of_the_first_steps() -> None:
    learner = make_task(initial_model(load_recipe(RECIPE), 0), (64, 64), Options(), 100)
    norms = [module for module in learner.module.modules() if isinstance(module, FirstBatchesNorm)]
    seen = []
    for step in range(CALIBRATION_STEPS + 3):
        learner.on_step_start(step / 100)
        learner(*batch(2 + step))
        seen.append([norm.running_mean.clone() for norm in norms])
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
