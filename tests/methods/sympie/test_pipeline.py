"""SyMPIE in recipes: in front of any backbone, or of none; as a whole, as estimator and as repair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mobile_robust.contracts.manifest import read_manifest
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.methods.sympie.network import SyMPIE, identity
from mobile_robust.pipelines import Model, build_model
from tests.randomize import randomize, relative_error

SIZE = (64, 100)
PHOTO = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


def recipe(**changes: object) -> Recipe:
    fields = {"name": "test", "method": "sympie", "scope": "module", "input": {"size": SIZE}}
    return Recipe.model_validate({**fields, **changes})


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module whose repair is moderate and differs from photo to photo."""
    module = randomize(SyMPIE(SIZE, 255.0))
    with torch.no_grad():
        generator = torch.Generator().manual_seed(2)
        module.nem.out.weight.normal_(0, 5e-4, generator=generator)
        module.nem.out.bias.copy_(identity() + 0.05 * torch.randn(37, generator=generator))
    path = tmp_path_factory.mktemp("weights") / "sympie.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in module.state_dict().items()}, path)
    return path


def model(weights: Path, **changes: object) -> Model:
    return build_model(recipe(weights={"file": str(weights)}, **changes))


@pytest.mark.parametrize("top", [1, 255])
@torch.no_grad()
def test_whole_estimator_and_repair(weights: Path, top: int) -> None:
    size = {"size": SIZE, "range": top}
    whole, nem, dwm = (model(weights, component=component, input=size) for component in (None, "nem", "dwm"))
    (image,) = whole.example(PHOTO).values()
    assert image.max() == top and list(nem.example(PHOTO)) == ["image"]
    numbers = nem.reference(image)
    inputs = dwm.example(PHOTO)
    assert list(inputs) == ["image", "parameters"] and torch.equal(inputs["parameters"], numbers)
    assert (numbers.shape, nem.output.name, dwm.output.name) == ((1, 37), "parameters", "repaired")
    repaired = whole.reference(image)
    torch.testing.assert_close(dwm.reference(*inputs.values()), repaired)
    assert repaired.shape == image.shape and 0.01 < relative_error(image, repaired) < 1
    assert whole.provenance.label is None and whole.provenance.backbone == "none"
    assert (whole.where, whole.pipeline) == ("in front of any network", None)


@torch.no_grad()
def test_initial_weights_change_the_image_a_little() -> None:
    initial = build_model(recipe())
    (image,) = initial.example(PHOTO).values()
    assert initial.provenance.label == "module untrained: initial weights"
    assert relative_error(image, initial.reference(image)) > 1e-3, "a module at the identity verifies nothing"


def test_an_unknown_component_is_refused() -> None:
    with pytest.raises(InputError, match="unknown component of method sympie 'nme'; known: dwm, nem"):
        build_model(recipe(component="nme"))


@pytest.mark.slow
def test_every_file_is_verified_and_int8_keeps_the_repair_in_float(weights: Path, tmp_path: Path) -> None:
    """Fails where the repair loses its weights' precision to int8, or a runtime computes another repair."""
    from mobile_robust.export.cli import main

    (tmp_path / "frame.toml").write_text(
        f"""
method = "sympie"
scope = "module"
[input]
size = [{SIZE[0]}, {SIZE[1]}]
[weights]
file = "{weights}"
[artifacts]
tflite = ["fp32", "int8"]
coreml = ["int8w"]
[quantization]
calibration_images = 4
float_layers = ["nem.out", "dwm"]
[parity]
images = 2
[tolerances]
int8 = {{ repair_snr_db = 15 }}
int8w = {{ repair_snr_db = 15 }}
"""
    )
    assert main([str(tmp_path / "frame.toml"), "--out", str(tmp_path / "out")]) == 0
    for artifact in read_manifest(tmp_path / "out/frame").artifacts:
        assert "CONV_2D" in artifact.operations or artifact.target == "coreml"
        assert [t.shape[-3:] for t in artifact.inputs] == [(*SIZE, 3) if artifact.target == "tflite" else (3, *SIZE)]
