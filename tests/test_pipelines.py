"""What a recipe means in PyTorch: training form, deploy form, and where the weights are from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mobile_robust.backbones.create import create_network
from mobile_robust.contracts.manifest import read_manifest
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.evaluation.models import resolve
from mobile_robust.files import sha256
from mobile_robust.methods.afd.network import AFD
from mobile_robust.parity.reference import load_reference
from mobile_robust.pipelines import Model, build_model, build_pipeline, load_built, rebuild
from mobile_robust.recipes import built_in_recipes, load_recipe
from mobile_robust.training_record import TrainingRecord
from tests.randomize import randomize, relative_error

PHOTO = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
BACKBONES = {
    "mobilenetv2_100": {"pad_type": "same", "bn_eps": 1e-3, "num_classes": 10},
    "test_byobnet": {"num_classes": 10},
}
LAYERS = {"mobilenetv2_100": "bn1", "test_byobnet": "stem"}


def recipe(name: str = "mobilenetv2_100", **changes: object) -> Recipe:
    fields = {
        "name": "test",
        "method": "afd",
        "scope": "module",
        "options": {"variant": "afd_nano"},
        "backbone": {"name": name, "layer": LAYERS.get(name), "options": BACKBONES.get(name, {})},
        "input": {"size": 64},
    }
    return Recipe.model_validate({**fields, **changes})


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """Backbone -> files of randomized weights for it and for a module behind its stem."""
    folder, files = tmp_path_factory.mktemp("weights"), {}
    for name, options in BACKBONES.items():
        channels = {"mobilenetv2_100": 32, "test_byobnet": 24}[name]
        files[name] = (folder / f"{name}.safetensors", folder / f"{name}_module.safetensors")
        save_file(randomize(create_network(name, options, None, 0)).state_dict(), files[name][0])
        save_file(randomize(AFD(channels, "afd_nano")).state_dict(), files[name][1])
    return files


def with_weights(files: tuple[Path, Path], name: str, **changes: object) -> Model:
    backbone = {"name": name, "layer": LAYERS[name], "options": BACKBONES[name], "weights": str(files[0])}
    return build_model(recipe(name, backbone=backbone, weights={"file": str(files[1])}, **changes))


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES)
@torch.no_grad()
def test_the_images_range_does_not_matter(weights, name: str) -> None:
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    small, large = (
        with_weights(weights[name], name, scope="pipeline", input={"size": 64, "range": top, "mean": mean, "std": std})
        for top in (1, 255)
    )
    assert relative_error(*(s.pipeline(*s.example(PHOTO).values()) for s in (small, large))) < 1e-5
    rgb = torch.from_numpy(PHOTO).permute(2, 0, 1)[None] / 255
    normalized = (rgb - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    assert relative_error(small.pipeline.stem(normalized), large.pipeline.features(rgb * 255)) < 1e-5
    (image,) = large.example(PHOTO).values()
    assert image.max() == 255 and relative_error(large.reference(image), large.deploy(image)) < 2e-5


@pytest.mark.parametrize("build", ["module_build", "pipeline_build"])
@torch.no_grad()
def test_a_folder_holds_all_that_its_predictions_came_from(request: pytest.FixtureRequest, build: str) -> None:
    folder = request.getfixturevalue(build)
    manifest = read_manifest(folder)
    reference = load_reference(folder, manifest)
    model = rebuild(folder, manifest)
    for form in (model.reference, model.deploy):
        got = [form(*map(torch.from_numpy, reference.arguments(i))) for i in range(len(reference))]
        assert relative_error(torch.from_numpy(reference.expected), torch.cat(got)) < 1e-5
    if build == "pipeline_build":
        (image,) = map(torch.from_numpy, reference.arguments(0))
        assert torch.equal(load_built(folder, manifest)(image), model.reference(image))


@torch.no_grad()
def test_a_modules_recipe_gives_a_pipeline_with_the_whole_backbone(weights) -> None:
    files = weights["test_byobnet"]
    whole = with_weights(files, "test_byobnet", scope="pipeline")
    (image,) = whole.example(PHOTO).values()
    pipeline = build_pipeline(with_weights(files, "test_byobnet").recipe)
    assert torch.equal(pipeline(image), whole.reference(image))
    with pytest.raises(InputError, match=r"recipe bare: method sympie needs a \[backbone\]"):
        build_pipeline(Recipe(name="bare", method="sympie", scope="module"))


def test_provenance_names_the_files_and_says_what_is_untrained(weights) -> None:
    files = weights["mobilenetv2_100"]
    trained = with_weights(files, "mobilenetv2_100").provenance
    assert trained.backbone == "mobilenetv2_100 from mobilenetv2_100.safetensors"
    assert (trained.backbone_sha256, trained.weights_sha256) == tuple(map(sha256, files))
    assert trained.label is None
    random = build_model(recipe(weights={"seed": 5})).provenance
    assert (random.backbone, random.weights) == ("mobilenetv2_100: random, seed 0", "initial weights, seed 5")
    assert random.label == "untrained: latency only" and random.backbone_sha256 is None
    backbone = {**recipe().backbone.model_dump(), "weights": str(files[0])}
    assert build_model(recipe(backbone=backbone)).provenance.label == "module untrained: initial weights"


def test_a_module_on_other_weights_than_it_was_trained_for_is_labelled(tmp_path: Path) -> None:
    shipped = load_recipe("deepcorrect_cifar10_resnet20")
    assert shipped.backbone is not None and shipped.backbone.weights is not None
    state = load_file(shipped.backbone.weights)
    same, other = tmp_path / "same.safetensors", tmp_path / "other.safetensors"
    save_file({f"module.{name}": x for name, x in state.items()}, same)
    save_file({name: x * 1.001 if name == "conv1.weight" else x for name, x in state.items()}, other)
    assert build_model(shipped.with_backbone_weights(str(same))).provenance.label is None
    expected = "module trained for other backbone weights"
    assert build_model(shipped.with_backbone_weights(str(other))).provenance.label == expected
    (_, scored) = resolve([shipped.name], str(other), [])
    assert scored.label == expected


@pytest.mark.parametrize("name", built_in_recipes())
def test_what_ships_together_fits_together(name: str) -> None:
    shipped = load_recipe(name)
    if shipped.backbone and shipped.backbone.weights and shipped.weights.file:
        assert build_model(shipped).provenance.label is None
        record = TrainingRecord.read(Path(shipped.weights.file))
        assert record is not None and record.backbone


def test_weights_of_another_network_are_refused(weights) -> None:
    backbone, module = weights["mobilenetv2_100"]
    with pytest.raises(
        InputError, match=r"does not fit the stem of backbone test_byobnet: .* keys missing: stem\..* …; "
    ):
        with_weights((backbone, module), "test_byobnet")
    with pytest.raises(InputError, match=r"does not fit method afd on test_byobnet behind stem: .* shapes wrong: fe\."):
        with_weights((weights["test_byobnet"][0], module), "test_byobnet")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": "afdd"}, "unknown method 'afdd'; known: afd"),
        ({"backbone": {"name": "mobilenetv2_100", "layer": "blocks.5"}}, r"\(160, 2, 2\), which method afd cannot"),
        ({"backbone": {"name": "mobilenetv2_100", "layer": "classifier"}}, r"classifier are no \(B, C, H, W\) map"),
        ({"backbone": {"name": "mobilenetv2_100", "options": {"in_chans": 1}}}, "cannot take an RGB image of 64x64"),
        (
            {"scope": "pipeline", "backbone": {"name": "test_resnet", "options": {"features_only": True}}},
            "test_resnet: gives a list for an image, not the scores of 2 or more classes, with options",
        ),
        pytest.param(
            {"backbone": {"name": "swin_tiny_patch4_window7_224", "layer": "patch_embed"}},
            "swin_tiny_patch4_window7_224 cannot .*match model",
            marks=pytest.mark.slow,
        ),
        ({"backbone": {"name": "test_vit", "layer": "blocks.0"}, "input": {"size": 160}}, "another backbone.layer"),
    ],
)
def test_what_a_method_cannot_take_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        build_model(recipe(**changes))


def test_a_module_needs_no_more_than_the_stem(tmp_path: Path) -> None:
    recipe = load_recipe("afd_mobilenetv2")
    assert recipe.backbone.weights is not None
    whole = load_file(recipe.backbone.weights)
    model = build_model(recipe)
    assert model.provenance.label is None
    stem = {name: x for name, x in whole.items() if name.startswith(("conv_stem.", "bn1."))}
    expected = model.pipeline.stem.state_dict()
    torch.testing.assert_close(expected["conv_stem.weight"], stem["conv_stem.weight"].float(), rtol=0, atol=0)
    path = tmp_path / "stem.safetensors"
    save_file(stem, path)
    given = recipe.model_copy(update={"backbone": recipe.backbone.model_copy(update={"weights": str(path)})})
    torch.testing.assert_close(build_model(given).pipeline.stem.state_dict(), expected)
    save_file({name: x for name, x in stem.items() if name != "bn1.bias"}, path)
    with pytest.raises(
        InputError, match=r"does not fit the stem of backbone mobilenetv2_100: 1 keys missing: bn1\.bias"
    ):
        build_model(given)


def test_a_pipelines_classes_have_names(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("".join(f"class {i}\n" for i in range(10)))
    backbone = {"name": "mobilenetv2_100", "options": BACKBONES["mobilenetv2_100"], "classes": str(names)}
    assert build_model(recipe(backbone=backbone, scope="pipeline")).classes == tuple(f"class {i}" for i in range(10))
    assert build_model(recipe(backbone=backbone)).classes == (), "a module has no classes"
    backbone["classes"] = "imagenet-1k"
    with pytest.raises(InputError, match="recipe test: imagenet-1k has 1000 class names, mobilenetv2_100 10"):
        build_model(recipe(backbone=backbone, scope="pipeline"))


def test_weights_in_half_precision_are_known_as_the_same(tmp_path: Path, weights: dict[str, tuple[Path, Path]]) -> None:
    whole, module = weights["mobilenetv2_100"]
    half, other = tmp_path / "half.safetensors", tmp_path / "other.safetensors"
    state = load_file(whole)
    save_file({name: x.half() if x.dim() > 1 else x for name, x in state.items()}, half)
    save_file({**state, "classifier.bias": state["classifier.bias"] + 0.1}, other)
    hashes = [
        with_weights((path, module), "mobilenetv2_100").provenance.backbone_tensors_sha256
        for path in (whole, half, other)
    ]
    assert hashes[0] == hashes[1] != hashes[2]
