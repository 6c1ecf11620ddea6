"""Training DiR: two stages, each of which learns what it should; weights to begin from; the rows of the ablation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from mobile_robust.errors import InputError
from mobile_robust.export.cost import count
from mobile_robust.methods.dir.method import METHOD, DiRTraining
from mobile_robust.methods.dir.training import ALONG_RATE, Refining
from mobile_robust.methods.registry import options_of
from mobile_robust.methods.task import Batch
from mobile_robust.pipelines import build_model
from mobile_robust.training.run import initial_model, make_task, quantize
from tests.methods.dir.test_network import recipe
from tests.methods.training import corrupted_batch

STEPS = 16


def task(steps: int = STEPS, options: dict[str, Any] | None = None, **training: Any) -> Refining:
    torch.manual_seed(0)
    made = make_task(initial_model(recipe(**(options or {})), 0), (32, 32), DiRTraining(**training), steps)
    assert isinstance(made, Refining)
    return made


def batch() -> Batch:
    return corrupted_batch("isp_ablation", 0.1)


def train(learner: Refining, first: int, stop: int, rate: float = 2e-3) -> list[dict[str, float]]:
    """Steps ``first`` to ``stop``; the losses of each."""
    parameters = [*learner.module.parameters(), *learner.auxiliary.parameters()]
    optimizer, given, found = torch.optim.Adam(parameters, lr=rate), batch(), []
    for step in range(first, stop):
        torch.manual_seed(step)
        learner.on_step_start(step / learner.steps)
        losses = learner(*given)
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
        learner.on_step_end()
        found.append({name: float(value) for name, value in losses.items()})
    return found


def changed(learner: Refining, before: dict[str, Tensor]) -> set[str]:
    """Parts of the module that are no longer what they were, statistics included."""
    names = [name for name, x in learner.module.state_dict().items() if not torch.equal(x, before[name])]
    return {name.removeprefix("representation.").split(".")[0] for name in names}


def state(learner: Refining) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in learner.module.state_dict().items()}


@pytest.mark.slow
def test_first_the_representations_then_their_alignment() -> None:
    learner = task(2 * STEPS, represent=STEPS)
    before, auxiliary = state(learner), [p.clone() for p in learner.auxiliary.parameters()]
    first = train(learner, 0, STEPS)
    assert first[-1]["loss"] < first[0]["loss"] and first[-1]["decoded"] < first[0]["decoded"]
    assert set(first[0]) == {"loss", "l0", "information", "redundancy", "closeness", "l_star", "decoded"}
    assert 0 < first[-1]["closeness"] < first[0]["closeness"]
    assert changed(learner, before) == {"dirnet", "dfrnet", "decoder"}
    assert not any(torch.equal(p, q) for p, q in zip(learner.auxiliary.parameters(), auxiliary, strict=True))
    before, auxiliary = state(learner), [p.clone() for p in learner.auxiliary.parameters()]
    second = train(learner, STEPS, 2 * STEPS)
    assert second[-1]["loss"] < second[0]["loss"]
    assert set(second[0]) == {"loss", "aligned", "photo", "task", "maps", "answer"}
    assert changed(learner, before) == {"alignment", "mixer"}
    assert all(torch.equal(p, q) for p, q in zip(learner.auxiliary.parameters(), auxiliary, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "training", "parts", "shares"),
    [
        ({}, {"represent": 0, "learn": "all"}, {"dirnet", "dfrnet", "decoder", "alignment", "mixer"},
         [ALONG_RATE, ALONG_RATE, ALONG_RATE, 1, 0]),
        ({"shifts": True}, {"represent": 0}, {"alignment", "mixer", "shifts"}, [0, 0, 0, 1, 0]),
        ({"shifts": True}, {"objective": "autoencoder"},
         {"dirnet", "dfrnet", "decoder", "alignment", "mixer", "shifts"}, [1, 1, 1, 1, 0]),
        ({"alignment": "plain"}, {"represent": 0}, {"alignment", "mixer"}, [0, 0, 0, 1, 0]),
        ({"alignment": "none"}, {"represent": 0}, {"decoder", "mixer"}, [0, 0, 1, 1, 0]),
        ({"alignment": "none"}, {"objective": "autoencoder"}, {"dirnet", "decoder", "mixer"}, [1, 1, 1, 1, 0]),
        ({"variant": "dir"}, {"represent": 0}, {"alignment"}, [0, 0, 0, 1, 0]),
    ],
)  # fmt: skip
def test_what_learns_in_the_second_stage(
    options: dict[str, Any], training: dict[str, Any], parts: set[str], shares: list[float]
) -> None:
    learner = task(4, options, **training)
    before = state(learner)
    found = train(learner, 0, 4)
    assert [share for _, share in learner.param_groups()] == shares
    assert changed(learner, before) == parts
    assert found[-1]["loss"] < found[0]["loss"]
    assert ("aligned" in found[0]) == ("alignment" in parts and not learner.direct)


@pytest.mark.slow
def test_the_paper_trains_with_labels_and_the_faithful_form_in_both_stages() -> None:
    learner = task(8, {"variant": "dir"}, represent=4, loss="answers")
    found = train(learner, 0, 8, 1e-3)
    assert found[3]["loss"] < found[0]["loss"] and found[7]["loss"] < found[4]["loss"]
    assert set(found[7]) == {"loss", "aligned", "photo", "task"}


def test_restoring_runs_no_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = task(4, represent=0, task_weight=0.0)
    monkeypatch.setattr(learner, "maps", None)
    monkeypatch.setattr(learner, "teacher", None)
    (found,) = train(learner, 0, 1)
    assert found["loss"] == pytest.approx(found["photo"] + found["aligned"])
    assert set(found) == {"loss", "photo", "aligned"}


def test_batch_norms_of_the_first_stage_stay_in_the_second() -> None:
    learner = task(20, represent=10)
    for step, moves, mixes in ((0, True, True), (9, False, True), (12, False, True), (17, False, False)):
        learner.on_step_start(step / 20)
        assert learner.module.representation.dirnet.training == learner.module.decoder.training == moves
        assert learner.module.mixer is not None and learner.module.mixer.training == mixes


@pytest.mark.slow
def test_the_second_stage_aligns_to_what_the_first_left() -> None:
    learner = task(16, represent=6, learn="all")
    train(learner, 0, 6)
    dfrnet = learner.module.representation.dfrnet
    left = {name: tensor.clone() for name, tensor in dfrnet.state_dict().items()}
    train(learner, 6, 10)
    assert all(torch.equal(tensor, left[name]) for name, tensor in learner.reference.state_dict().items())
    assert not all(torch.equal(tensor, left[name]) for name, tensor in dfrnet.state_dict().items())
    resumed = task(16, represent=6, learn="all")
    resumed.load_checkpoint_state(learner.checkpoint_state())
    train(resumed, 10, 12)
    assert all(torch.equal(tensor, left[name]) for name, tensor in resumed.reference.state_dict().items())


@pytest.mark.slow
def test_a_resumed_training_has_the_same_networks() -> None:
    one, other = task(represent=8), task(represent=8)
    assert all(torch.equal(p, q) for p, q in zip(one.auxiliary.parameters(), other.auxiliary.parameters(), strict=True))
    train(one, 0, 4)
    other.load_checkpoint_state(one.checkpoint_state())
    assert train(one, 4, 6) == train(other, 4, 6)
    assert set(one.result()) == set(one.module.state_dict())


@pytest.mark.slow
def test_weights_of_the_first_stage_serve_every_second_one(tmp_path: Path) -> None:
    first = task(represent=STEPS)
    train(first, 0, 4)
    save_file(first.result(), path := tmp_path / "first.safetensors")
    for options in ({}, {"alignment": "plain"}, {"alignment": "none"}):
        learner = task(options=options)
        learner.load(path, "method dir")
        assert learner.represent == 0 and learner.stages == (0.0,)
        weight = "representation.dirnet.mean.weight"
        assert torch.equal(learner.module.state_dict()[weight], first.module.state_dict()[weight])
    again = task(represent=8)
    again.load(path, "method dir")
    assert again.represent == 8
    save_file({"decoder.up": torch.zeros(1)}, path)
    with pytest.raises(InputError, match=r"first.safetensors does not fit method dir"):
        task().load(path, "method dir")


def test_stages_have_schedules_of_their_own() -> None:
    assert task(represent=4).stages == (0.0, 0.25) and task(represent=0).stages == task(represent=STEPS).stages == (
        0.0,
    )
    assert task(represent=None).represent == STEPS // 3 and task(objective="autoencoder").represent == 0


def test_what_cannot_be_trained() -> None:
    with pytest.raises(InputError, match=rf"--represent 17: allowed is 0 to --steps {STEPS}"):
        task(represent=STEPS + 1)
    with pytest.raises(InputError, match="--represent 3: allowed is 0 of an auto-encoder"):
        task(objective="autoencoder", represent=3)
    with pytest.raises(InputError, match=r"--quantized: of DiR stage II alone .* give --start, or --represent 0"):
        quantize(task(represent=4), (), batch()[0])


def test_the_auto_encoder_is_as_large_as_what_it_is_compared_with() -> None:
    assert METHOD.ablations is not None
    rows = {row.name: row.recipe for row in METHOD.ablations(recipe(), Path(), 0)}
    image = {"image": torch.zeros(1, 3, 32, 32)}
    costs = {name: count(build_model(each).adapter.deployed(), image) for name, each in rows.items()}
    assert costs["autoencoder"] == costs["aligned_with_pilot"] > costs["aligned"] > costs["baseline"]


def test_rows_of_the_ablation() -> None:
    assert METHOD.ablations is not None
    base = recipe()
    rows = {row.name: row for row in METHOD.ablations(base, Path(), 0)}
    alignments = {name: options_of(row.recipe).model_dump()["alignment"] for name, row in rows.items()}
    expected = {"baseline": "none", "aligned": "plain", "aligned_with_pilot": "pilot", "autoencoder": "pilot"}
    assert alignments == expected and rows["autoencoder"].train == {"objective": "autoencoder"}
    weights = base.weights.model_copy(update={"file": "stage_one.safetensors"})
    rows = {row.name: row for row in METHOD.ablations(base.model_copy(update={"weights": weights}), Path(), 0)}
    start = {"start": Path("stage_one.safetensors"), "represent": 0}
    assert [row.train for row in rows.values()] == [start] * 3 + [{"objective": "autoencoder"}]
