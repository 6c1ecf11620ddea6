"""The backbone alone, as a recipe: same pipeline, no module."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mobile_robust.backbones.create import create_network
from mobile_robust.contracts.manifest import read_manifest
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.export.cli import main
from mobile_robust.pipelines import build_model
from tests.randomize import randomize, relative_error

PHOTOS = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
OPTIONS = {"num_classes": 10}


def recipe(name: str = "test_byobnet", **changes: object) -> Recipe:
    fields = {"name": "test", "method": "none", "scope": "pipeline", "input": {"size": 64}}
    return Recipe.model_validate({**fields, "backbone": {"name": name, "options": OPTIONS}, **changes})


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "backbone.safetensors"
    save_file(randomize(create_network("test_byobnet", OPTIONS, None, 0)).state_dict(), path)
    return path


@pytest.mark.parametrize("top", [1, 255])
@torch.no_grad()
def test_given_weights_are_taken_as_they_are(weights: Path, top: int) -> None:
    backbone = {"name": "test_byobnet", "options": OPTIONS, "weights": str(weights)}
    model = build_model(recipe(backbone=backbone, input={"size": 64, "range": top}))
    (image,) = model.example(PHOTOS[0]).values()
    network = randomize(create_network("test_byobnet", OPTIONS, None, 0))
    mean, std = (torch.tensor(v)[:, None, None] for v in (model.recipe.input.mean, model.recipe.input.std))
    expected = network((image / top - mean) / std)
    assert relative_error(expected, model.reference(image)) < 1e-5
    assert relative_error(expected, model.deploy(image)) < 2e-5
    assert model.pipeline is not None and torch.equal(model.pipeline.baseline(image), model.reference(image))
    assert (model.output.name, model.where) == ("logits", "with test_byobnet and no adapter")
    assert (model.provenance.label, model.provenance.weights) == (None, "none")
    assert not [part for part in model.deploy.modules() if isinstance(part, torch.nn.BatchNorm2d)]


@pytest.mark.slow
@torch.no_grad()
def test_a_random_backbone_tells_photos_apart_in_every_method() -> None:
    """RepVGG's initial norms scale by a tenth each: after twenty blocks every photo had the same logits."""
    model, film = build_model(recipe("repvgg_a0")), build_model(recipe("repvgg_a0", method="film")).pipeline
    assert film is not None
    state = film.backbone_state()
    assert all(torch.equal(x, state[name.removeprefix("network.")]) for name, x in model.reference.state_dict().items())
    logits = torch.cat([model.reference(*model.example(photo).values()) for photo in PHOTOS])
    assert (logits[0] - logits[1]).abs().mean() > 0.01 * logits.std()
    assert model.provenance.label == "untrained: latency only"
    alive = create_network("test_resnet", OPTIONS, None, 0).state_dict()
    for name, tensor in build_model(recipe("test_resnet")).reference.state_dict().items():
        assert torch.equal(tensor, alive[name.removeprefix("network.")]), "the same network as in every other pipeline"
    again = build_model(recipe("repvgg_a0")).reference.state_dict()
    assert all(torch.equal(x, again[name]) for name, x in model.reference.state_dict().items())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scope": "module"}, 'method none has no module; its scope must be "pipeline"'),
        ({"options": {"variant": "x"}}, "unknown option of method none 'variant'; known: none"),
        ({"backbone": {"name": "test_resnet", "options": {"in_chans": 1}}}, "cannot take an RGB image of 64x64"),
        ({"scope": "module", "backbone": None}, r"recipe test: method none needs a \[backbone\]"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        build_model(recipe(**changes))


def test_weights_of_a_module_are_refused(weights: Path) -> None:
    with pytest.raises(
        InputError, match="does not fit method none with test_byobnet and no adapter: .* keys unexpected"
    ):
        build_model(recipe(weights={"file": str(weights)}))


BACKBONE = 'scope = "pipeline"\nbackbone = { name = "test_resnet", options = { num_classes = 10 } }\n'
RECIPES = {
    "alone": f'method = "none"\n{BACKBONE}input = {{ size = 64 }}\n',
    "peer": 'method = "baseline"\nscope = "module"\noptions = { variant = "arcnn" }\ninput = { size = 32 }\n',
}
SMALL = """\
artifacts = { coreml = ["fp16"] }
quantization = { calibration_images = 8 }
parity = { images = 2 }
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_baseline_is_converted_and_verified_like_a_module(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.toml").write_text(RECIPES[name] + SMALL)
    assert main([str(tmp_path / f"{name}.toml"), "--out", str(tmp_path / "out")]) == 0
    folder = tmp_path / "out" / name
    manifest = read_manifest(folder)
    assert [a.precision for a in manifest.artifacts] == ["fp32", "fp16", "int8", "fp16"] and manifest.passed
    assert manifest.provenance.label is not None and "untrained" in manifest.provenance.label
    assert [t.name for t in manifest.artifacts[0].inputs] == ["image"]
    if name == "peer":
        (repaired,) = manifest.artifacts[0].outputs
        assert repaired.value_range is None and "clamp" in repaired.description
    else:
        assert "the baseline to compare with" in (folder / "report.html").read_text()
