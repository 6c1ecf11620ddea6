"""Training the fidelity map: two stages, each of which learns what it should, and weights to begin from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from mobile_robust.errors import InputError
from mobile_robust.methods.fidelity.method import MODULES, FidelityTraining
from mobile_robust.methods.fidelity.training import CALIBRATION_RATE, RESTORER_RATE, Calibrating
from mobile_robust.methods.task import Batch
from mobile_robust.training.loop import _in_stage
from mobile_robust.training.run import initial_model, make_task
from tests.methods.fidelity.test_network import recipe
from tests.methods.training import corrupted_batch

STEPS = 20


def task(steps: int = STEPS, options: dict[str, Any] | None = None, **training: Any) -> Calibrating:
    torch.manual_seed(0)
    made = make_task(initial_model(recipe(**(options or {})), 0), (32, 32), FidelityTraining(**training), steps)
    assert isinstance(made, Calibrating)
    return made


def batch() -> Batch:
    return corrupted_batch("fidelity_awgn", 0.2)


def train(learner: Calibrating, first: int, stop: int, rate: float) -> list[dict[str, float]]:
    """Steps ``first`` to ``stop``; the losses of each."""
    optimizer, given, found = torch.optim.Adam(learner.module.parameters(), lr=rate), batch(), []
    for step in range(first, stop):
        learner.on_step_start(step / learner.steps)
        losses = learner(*given)
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
        found.append({name: float(value) for name, value in losses.items()})
    return found


def changed(learner: Calibrating, before: dict[str, Tensor]) -> set[str]:
    """Parts of the module whose parameters are no longer what they were."""
    names = [name for name, p in learner.module.named_parameters() if not torch.equal(p, before[name])]
    return {name.split(".")[0] if "error" not in name else "estimator" for name in names}


def state(learner: Calibrating) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in learner.module.state_dict().items()}


@torch.no_grad()
def test_clean_crops_have_a_psnr_that_can_be_drawn() -> None:
    learner, crops = task(restore=STEPS), batch().clean
    learner.on_step_start(0)
    assert float(learner(crops, crops, batch().labels)["psnr"]) == pytest.approx(58.9, abs=0.1)


def test_first_the_restorer_then_the_calibration() -> None:
    learner = task(2 * STEPS, restore=STEPS)
    before = state(learner)
    first = train(learner, 0, STEPS, 2e-3)
    assert first[-1]["loss"] < first[0]["loss"] and first[-1]["psnr"] > first[0]["psnr"]
    assert changed(learner, before) == {"restorer", "estimator"}
    before = state(learner)
    second = train(learner, STEPS, 2 * STEPS, 1e-3)
    assert second[-1]["loss"] < second[0]["loss"] and set(second[0]) == {"loss", "maps", "answer"}
    assert changed(learner, before) == {"calibration"}


@pytest.mark.parametrize(
    ("learn", "shares", "parts"),
    [
        ("calibration", [0, 0, 1, CALIBRATION_RATE], {"calibration"}),
        ("end_to_end", [0, RESTORER_RATE, 1, CALIBRATION_RATE], {"calibration", "estimator"}),
        ("all", [RESTORER_RATE, RESTORER_RATE, 1, CALIBRATION_RATE], {"calibration", "estimator", "restorer"}),
    ],
)
def test_what_learns_in_the_second_stage(learn: str, shares: list[float], parts: set[str]) -> None:
    learner = task(restore=0, learn=learn)
    before = state(learner)
    train(learner, 0, 10, 1e-2)
    assert [share for _, share in learner.param_groups()] == shares
    assert changed(learner, before) == parts


def test_the_map_gets_its_statistics_and_keeps_them() -> None:
    learner = task(restore=4)
    train(learner, 0, 4, 1e-3)
    norm = learner.module.map.norm
    assert norm is not None and int(norm.num_batches_tracked) == 0
    train(learner, 4, STEPS, 1e-3)
    assert int(norm.num_batches_tracked) == 8 and not norm.training
    assert not learner.module.restorer.training


@pytest.mark.parametrize("options", [{"source": "oracle"}, {"source": "constant"}, {"map": "cosine"}, {"map": "l2"}])
@pytest.mark.parametrize("loss", ["tail", "answers"])
def test_every_map_trains(options: dict[str, Any], loss: str) -> None:
    found = train(task(options=options, restore=4, loss=loss), 0, STEPS, 3e-3)
    assert found[-1]["loss"] < found[4]["loss"]


def test_an_ensemble_trains_its_mixture() -> None:
    learner = task(options={"ensemble": True}, restore=0)
    learner.on_step_start(0)
    learner(*batch())["loss"].backward()
    mixture = learner.module.calibration.ensemble
    assert mixture is not None and mixture[-1].bias.grad is not None


def test_the_paper_trains_with_labels() -> None:
    learner = task(options={"variant": "fidelity", "depth": 3}, restore=4, loss="answers")
    found = train(learner, 0, STEPS, 1e-3)
    assert found[-1]["loss"] < found[4]["loss"] and set(found[-1]) == {"loss"}


def test_weights_of_the_first_stage_serve_every_second_one(tmp_path: Path) -> None:
    first = task(restore=STEPS)
    train(first, 0, STEPS, 1e-2)
    save_file(first.result(), path := tmp_path / "restorer.safetensors")
    for options in ({}, {"source": "oracle"}, {"without": ("spatial_addition",)}):
        learner = task(options=options)
        learner.load(path, "method fidelity")
        assert learner.restore == 0 and learner.stages == (0.0,)
        torch.testing.assert_close(learner.module.restorer.gate.weight, first.module.restorer.gate.weight)
    save_file({"restorer.first": torch.zeros(1)}, path)
    with pytest.raises(InputError, match=r"restorer.safetensors does not fit method fidelity"):
        task().load(path, "method fidelity")


def test_a_map_is_measured_anew_where_it_is_another(tmp_path: Path) -> None:
    first = task(restore=4)
    train(first, 0, STEPS, 1e-3)
    save_file(first.result(), path := tmp_path / "whole.safetensors")
    for options, training, kept in (({}, {}, 8), ({}, {"restore": 4}, 0), ({"source": "oracle", "map": "l2"}, {}, 0)):
        learner = task(options=options, **training)
        learner.load(path, "method fidelity")
        norm = learner.module.map.norm
        assert norm is not None and int(norm.num_batches_tracked) == kept


def test_stages_have_schedules_of_their_own() -> None:
    assert task(restore=5).stages == (0.0, 0.25) and task(restore=0).stages == task(restore=STEPS).stages == (0.0,)
    assert [_in_stage(step, 20, (0.0, 0.25)) for step in (0, 4, 5, 19)] == [(0, 5), (4, 5), (0, 15), (14, 15)]
    assert _in_stage(7, 20, (0.0,)) == (7, 20)


def test_what_cannot_be_trained() -> None:
    with pytest.raises(InputError, match=rf"--restore 21: allowed are 0 to --steps {STEPS}"):
        task(restore=STEPS + 1)
    with pytest.raises(InputError, match="--restore 3: the recipe leaves out all of the calibration"):
        task(options={"without": MODULES["fidelity_nano"]}, restore=3)
    assert task(options={"without": MODULES["fidelity_nano"]}).restore == STEPS


def test_restoring_alone_can_be_measured_without_a_step() -> None:
    """As a row of an ablation: nothing is left to learn."""
    learner = task(options={"without": MODULES["fidelity_nano"]}, restore=0)
    learner.on_step_start(0)
    assert not learner(*batch())["loss"].requires_grad
