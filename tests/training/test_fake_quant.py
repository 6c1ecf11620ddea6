"""Finishing for int8: rounding as in the file, gradients that pass it, and a module that suffers less from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from safetensors.torch import load_file, save_file
from torch import Tensor

from mobile_robust.data.images import jpeg, read_image
from mobile_robust.errors import InputError
from mobile_robust.export.rounding import prepare
from mobile_robust.export.targets.tflite import channels_last, convert_tflite
from mobile_robust.export.targets.tflite_quantize import static_wi8_ai8
from mobile_robust.methods.registry import methods
from mobile_robust.methods.task import Batch, Task
from mobile_robust.pipelines import build_model
from mobile_robust.recipes import load_recipe
from mobile_robust.training.cli import main
from mobile_robust.training.fake_quant import round_activations, round_weights
from mobile_robust.training.run import quantize
from tests.methods.training import losses_of, train_words
from tests.methods.training import task_of as small_task
from tests.randomize import randomize

Recipes = dict[str, Path]
ALL = pytest.mark.parametrize("method", [name for name, method in methods().items() if method.training])

#: Options with which all weights of a method learn by gradients.
ALL_LEARNS: dict[str, dict[str, object]] = {
    "sympie": {"fit": 0},
    "fidelity": {"restore": 0, "learn": "all"},
    "dir": {"represent": 0, "learn": "all"},
}


def task_of(recipes: Recipes, method: str) -> Task:
    """A task with a module that does something."""
    task = small_task(recipes[method], **ALL_LEARNS.get(method, {}))
    randomize(task.module).requires_grad_(True)
    for parameter in task.module.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=1e-3, generator=torch.Generator().manual_seed(0))
    return task


def pairs(photos: Path, count: int) -> tuple[Tensor, Tensor]:
    """Clean crops and their JPEG-compressed selves, uint8 (count, 64, 64, 3) each."""
    crops = [read_image(path)[:64, :64] for path in sorted(photos.iterdir())[:count]]
    return torch.from_numpy(np.stack(crops)), torch.from_numpy(np.stack([jpeg(crop, 15) for crop in crops]))


def arrays(photos: Path) -> tuple[Tensor, ...]:
    return (*pairs(photos, 3), torch.arange(3))


def snr(expected: Tensor, got: Tensor) -> float:
    """In decibels."""
    return 10 * torch.log10(expected.var() / (got - expected).var()).item()


def test_rounding_to_a_grid_of_256_values_that_holds_0() -> None:
    x = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 3 + 1
    got = round_activations(x)
    step = x.max() / 255
    assert (got - x).abs().max() <= step / 2 * 1.001 and torch.allclose((got / step).round(), got / step, atol=1e-3)
    assert torch.equal(round_activations(torch.zeros(3)), torch.zeros(3))


def test_every_output_channel_has_its_own_grid() -> None:
    weights = torch.tensor([[1.27, 0.014, -1.0], [127.0, 1.4, -0.4], [0.0, 0.0, 0.0]], requires_grad=True)
    got = round_weights(weights)
    assert torch.allclose(got, torch.tensor([[1.27, 0.01, -1.0], [127.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), atol=1e-6)
    got.sum().backward()
    assert torch.equal(weights.grad, torch.ones(3, 3))


@pytest.mark.slow
def test_the_simulation_errs_as_much_as_the_file(recipes: Recipes, photos: Path, tmp_path: Path) -> None:
    task, weights = task_of(recipes, "afd"), tmp_path / "weights.safetensors"
    save_file(task.result(), weights)
    recipe = load_recipe(str(recipes["afd"]))
    section = recipe.weights.model_copy(update={"file": str(weights)})
    model = build_model(recipe.model_copy(update={"scope": "pipeline", "weights": section}))
    crops = torch.cat(pairs(photos, 4))
    images = task.images(crops).contiguous()
    network = prepare(model.deploy, [(image[None],) for image in images], "int8")
    plain = weights.with_name("plain.tflite")
    convert_tflite(network, {"image": images[:1]}, "logits", plain)
    samples = [{"image": channels_last(image[None]).numpy()} for image in images]
    runner = Interpreter(model_content=static_wi8_ai8(plain, samples)).get_signature_runner()
    filed = torch.from_numpy(np.concatenate([runner(**sample)["logits"] for sample in samples]))
    quantize(task, (), crops)
    with torch.no_grad(), task.student() as pipeline:
        simulated = pipeline(images)
    exact = task.pipeline(images).detach()
    # single roundings fall as they like, their size does not
    assert abs(snr(exact, simulated) - snr(exact, filed)) < 3


@pytest.mark.slow
@ALL
def test_gradients_reach_every_weight_and_only_those(recipes: Recipes, photos: Path, method: str) -> None:
    task = task_of(recipes, method)
    before = {name: tensor.clone() for name, tensor in task.module.state_dict().items()}
    quantize(task, (), pairs(photos, 4)[0])
    task.on_step_start(0.0)
    assert not task.module.training
    task(*arrays(photos))["loss"].backward()
    without = [name for name, p in task.module.named_parameters() if p.grad is None or not p.grad.any()]
    assert not without
    others = [name for name, p in task.named_parameters() if p.grad is not None and "module." not in name]
    assert not others
    assert all(torch.equal(before[name], tensor) for name, tensor in task.module.state_dict().items())


@pytest.mark.slow
@ALL
def test_the_loss_sees_the_rounding(recipes: Recipes, photos: Path, method: str) -> None:
    task = task_of(recipes, method)
    task.on_step_start(1.0)
    plain = task(*arrays(photos))["loss"].item()
    quantize(task, (), pairs(photos, 4)[0])
    rounded = task(*arrays(photos))["loss"].item()
    assert plain != rounded and rounded == pytest.approx(plain, rel=0.5)


@pytest.mark.slow
def test_finishing_lowers_the_error_of_the_int8_answer(recipes: Recipes, photos: Path) -> None:
    task, fixed = task_of(recipes, "afd"), arrays(photos)
    quantize(task, (), pairs(photos, 4)[0])
    found = losses_of(task, Batch(*fixed), 12, 3e-3)
    assert found[-1] < 0.9 * found[0]
    task.module.eval().deployed()  # the trained weights are ordinary ones


@pytest.mark.slow
def test_float_layers_stay_float(recipes: Recipes, photos: Path) -> None:
    crops = pairs(photos, 4)[0]
    everything = task_of(recipes, "afd")
    quantize(everything, ("module", "stem", "tail", "normalize"), crops)
    images = everything.images(crops)
    exact = everything.pipeline(images)
    with everything.student() as pipeline:
        assert torch.allclose(pipeline(images), exact, atol=1e-4)
    one = task_of(recipes, "afd")
    guide, features, exact = one.module.fde(images), one.pipeline.features(images), one.pipeline(images)
    quantize(one, ("module.fde",), crops)
    with one.student() as pipeline:
        assert torch.allclose(pipeline.module.fde(images), guide, atol=1e-4)
        assert not torch.allclose(pipeline.features(images), features, atol=1e-4)
        assert not torch.allclose(pipeline(images), exact, atol=1e-4)


@pytest.mark.slow
@ALL
def test_training_goes_on_from_a_file(recipes: Recipes, photos: Path, tmp_path: Path, method: str) -> None:
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    save_file(task_of(recipes, method).result(), first)
    main(train_words(recipes, photos, second, method, "--start", first, "--quantized", "--rate", 1e-6))
    given, got = load_file(first), load_file(second)
    assert given.keys() == got.keys() and any(not torch.equal(given[name], got[name]) for name in got)
    assert all(torch.allclose(given[name].float(), got[name].float(), atol=1e-4) for name in got)
    card = second.with_suffix(".md").read_text()
    assert "| start | first.safetensors, SHA-256 " in card and "quantization-aware" in card


@pytest.mark.slow
def test_bad_starts(recipes: Recipes, photos: Path, tmp_path: Path) -> None:
    def refused(method: str, message: str, *more: object) -> None:
        with pytest.raises(InputError, match=message):
            main(train_words(recipes, photos, tmp_path / "out.safetensors", method, *more))
        assert not (tmp_path / "out.safetensors").exists()

    refused("afd", "name them with --start FILE", "--quantized")
    refused("afd", "no such file", "--start", tmp_path / "nowhere.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"no weights")
    refused("afd", "not a readable safetensors file", "--start", tmp_path / "broken.safetensors")
    task = task_of(recipes, "deepcorrect")
    other = task.result()
    save_file(other, tmp_path / "other.safetensors")
    refused("afd", "does not fit method afd on test_resnet", "--start", tmp_path / "other.safetensors")
    for name, tensor in other.items():
        if name.endswith("selected"):
            tensor.fill_(99_999)
    save_file(other, tmp_path / "selection.safetensors")
    refused("deepcorrect", "selected filters are not", "--start", tmp_path / "selection.safetensors")
