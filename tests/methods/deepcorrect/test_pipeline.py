"""DeepCorrect in recipes: units inside layers, the unedited network beside them, one unit by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mobile_robust.backbones.create import create_network
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.pipelines import build_model
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


def test_a_unit_needs_no_more_than_the_network_up_to_it(tmp_path: Path) -> None:
    state, first = create_network("cifar_resnet20", {}, None, 1).state_dict(), tmp_path / "first.safetensors"
    unit = recipe(
        scope="module", component="layer1.0.conv1", backbone={"name": "cifar_resnet20", "weights": str(first)}
    )
    save_file({name: x for name, x in state.items() if not name.startswith(("layer3", "linear"))}, first)
    assert build_model(unit).provenance.label == "module untrained: initial weights"
    save_file({name: x for name, x in state.items() if name.startswith("layer3")}, first)
    with pytest.raises(InputError, match=r"does not fit backbone cifar_resnet20 up to layer layer1\.0\.conv1: "):
        build_model(unit)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scope": "module"}, "builds one component; set component to one of: conv1, layer1.0.conv1, layer2.0.conv2"),
        (
            {"scope": "module", "component": "layer3"},
            "unknown component of method deepcorrect 'layer3'; known: conv1, ",
        ),
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
