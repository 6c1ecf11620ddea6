"""DeepCorrect in recipes: units inside layers, the unedited network beside them, one unit as a file of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mobile_robust.backbones.create import create_network
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.pipelines import Model, build_model
from tests.randomize import randomize, relative_error

PHOTO = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
LAYERS = ["conv1", "layer1.0.conv1", "layer2.0.conv2"]


def recipe(**changes: object) -> Recipe:
    fields = {
        "name": "test",
        "method": "deepcorrect",
        "scope": "pipeline",
        "options": {"layers": LAYERS, "beta": 0.5},
        "backbone": {"name": "cifar_resnet20"},
        "input": {"size": 32},
    }
    return Recipe.model_validate({**fields, **changes})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Randomized weights of backbone and module."""
    folder = tmp_path_factory.mktemp("weights")
    backbone, module = folder / "backbone.safetensors", folder / "module.safetensors"
    save_file(randomize(create_network("cifar_resnet20", {}, None, 0)).state_dict(), backbone)
    state = randomize(build_model(recipe()).adapter).state_dict()
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, module)
    return backbone, module


def with_weights(files: tuple[Path, Path], **changes: object) -> Model:
    backbone = {"name": "cifar_resnet20", "weights": str(files[0])}
    return build_model(recipe(**{"backbone": backbone, "weights": {"file": str(files[1])}, **changes}))


@torch.no_grad()
def test_a_unit_is_a_module_of_its_own(files) -> None:
    unit = with_weights(files, scope="module", part="layer2.0.conv2")
    inputs = unit.example(PHOTO)
    assert {name: tuple(x.shape) for name, x in inputs.items()} == {"features": (1, 32, 16, 16)}
    assert list(unit.tensors) == ["features", "repaired"] and unit.output.repairs == "features"
    expected = unit.reference(*inputs.values())
    assert relative_error(expected, unit.deploy(*inputs.values())) < 1e-5
    assert relative_error(expected, inputs["features"]) > 1e-3


def test_a_unit_needs_no_more_than_the_network_up_to_it(files, tmp_path: Path) -> None:
    state = create_network("cifar_resnet20", {}, None, 1).state_dict()
    first = tmp_path / "first.safetensors"
    save_file({name: x for name, x in state.items() if not name.startswith(("layer3", "linear"))}, first)
    model = with_weights((first, files[1]), scope="module", part="layer1.0.conv1")
    assert model.provenance.label is None
    save_file({name: x for name, x in state.items() if name.startswith("layer3")}, first)
    with pytest.raises(InputError, match=r"does not fit backbone cifar_resnet20 up to layer layer1\.0\.conv1: "):
        with_weights((first, files[1]), scope="module", part="layer1.0.conv1")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scope": "module"}, "builds one component; name it as part: conv1, layer1.0.conv1, layer2.0.conv2"),
        ({"scope": "module", "part": "layer3"}, "unknown component of method deepcorrect 'layer3'; known: conv1, "),
        ({"scope": "module", "backbone": None}, r"recipe test: method deepcorrect needs a \[backbone\]"),
        ({"backbone": {"name": "cifar_resnet20", "options": {"classes": 3}}}, "unknown option of backbone"),
        ({"weights": {"ranking": "/nowhere/ranking.json"}}, r"ranking\.json"),
    ],
)
def test_what_cannot_be_built_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_model(recipe(**changes))


@torch.no_grad()
def test_layers_trained_along_belong_to_the_module(tmp_path: Path) -> None:
    options = {"layers": ["conv1"], "update": ["linear"]}
    own = randomize(build_model(recipe(options=options)).adapter).state_dict()
    assert "updated.linear.weight" in own
    save_file({name: x.contiguous() for name, x in own.items()}, tmp_path / "c.safetensors")
    model = build_model(recipe(options=options, weights={"file": str(tmp_path / "c.safetensors")}))
    (image,) = model.example(PHOTO).values()
    plain = build_model(recipe(options={"layers": ["conv1"]}))
    assert plain.pipeline is not None and model.pipeline is not None
    assert torch.equal(model.pipeline.baseline(image), plain.pipeline.baseline(image))
    assert relative_error(model.reference(image), model.deploy(image)) < 2e-5
