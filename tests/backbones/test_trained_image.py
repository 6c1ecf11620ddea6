"""What a recipe leaves open of its image is the backbone's own; who says what is said."""

from __future__ import annotations

import timm
import torch
from timm.data.config import resolve_data_config

from mobile_robust.backbones.create import NETWORKS, create_network
from mobile_robust.backbones.trained_image import input_of, with_input
from mobile_robust.contracts.recipe import BackboneSection, InputSection, Recipe
from mobile_robust.pipelines import build_model
from mobile_robust.recipes import built_in_recipes, load_recipe

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = (0.5, 0.5, 0.5)


def recipe(name: str, weights: str | None = None, **given: object) -> Recipe:
    backbone = BackboneSection(name=name, weights=weights)
    return Recipe(name="x", method="none", scope="pipeline", backbone=backbone, input=InputSection(**given))


def test_every_pretrained_network_of_timm_gets_its_own_values() -> None:
    other = 0
    for name in timm.list_models(pretrained=True):
        found = with_input(recipe(name.partition(".")[0], f"timm:{name}")).input
        known = resolve_data_config({}, timm.get_pretrained_cfg(name).to_dict())
        assert found.height_width == known["input_size"][1:]
        assert found.normalization == (tuple(known["mean"]), tuple(known["std"]))
        InputSection.model_validate(found.model_dump())
        other += found.normalization != IMAGENET
    assert other > 100


def test_what_ships_is_normalized_as_before() -> None:
    for name in built_in_recipes():
        written = load_recipe(name)
        found = with_input(written).input
        assert found.normalization == ((HALF, HALF) if written.input.mean == HALF else IMAGENET)
        assert written.input.size == found.size, "named in every recipe"


def test_other_networks_have_values_too() -> None:
    sizes = {name: with_input(recipe(name)).input.height_width for name in NETWORKS}
    assert sizes == {"alexnet": (224, 224), "all_conv": (32, 32), "cifar_resnet20": (32, 32)}
    bare = input_of(Recipe(name="x", method="sympie", scope="module"))
    assert bare.recipe.input.height_width == (224, 224) and bare.origin == "size: default"


def test_who_says_what_is_said() -> None:
    assert input_of(recipe("resnet50")).origin == (
        "size, mean, std: timm resnet50.a1_in1k; timm crops the middle 95.0% of its photos, bicubic"
    )
    same = input_of(recipe("mobilenetv2_100", size=224, mean=IMAGENET[0]))
    assert same.origin == "std: timm mobilenetv2_100.ra_in1k; size, mean: recipe"
    difference = "timm mobilenetv2_100.ra_in1k has mean 0.485 / 0.456 / 0.406"
    other = {"mean": HALF, "std": IMAGENET[1], "size": 224}
    file = input_of(recipe("mobilenetv2_100", "mine.safetensors", **other))
    assert file.origin == f"size, mean, std: recipe ({difference})"
    assert file.recipe.input.mean == HALF and not file.warnings, "the file may well be trained so"
    (warning,) = input_of(recipe("mobilenetv2_100", "timm:mobilenetv2_100.ra_in1k", **other)).warnings
    assert difference in warning
    options = BackboneSection(name="vit_tiny_patch16_224", options={"img_size": 96})
    assert with_input(Recipe(name="x", method="none", scope="pipeline", backbone=options)).input.size == 96


def test_a_pipeline_computes_with_them() -> None:
    model = build_model(recipe("test_vit"))
    mean, std = (torch.tensor(values)[:, None, None] for values in (HALF, HALF))
    assert model.recipe.input.height_width == (160, 160) and model.recipe.input.normalization == (HALF, HALF)
    assert str(model.provenance.input).startswith("size, mean, std: timm test_vit.r160_in1k")
    image = torch.rand(1, 3, 160, 160) * 255
    network = create_network("test_vit", {}, None, 0)
    with torch.no_grad():
        torch.testing.assert_close(model.reference(image), network((image / 255 - mean) / std), rtol=1e-4, atol=1e-5)
