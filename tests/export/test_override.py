"""What a build may change of a recipe; the command's own tests have the refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobile_robust.contracts.recipe import Recipe
from mobile_robust.export.override import override
from mobile_robust.recipes import load_recipe
from tests.recipes import write_recipe


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return load_recipe(str(write_recipe(tmp_path)))


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, {"tflite": ("fp32", "fp16", "int8"), "coreml": ("fp32", "fp16", "int8w", "pal6")}),
        ({"targets": ["coreml"]}, {"tflite": (), "coreml": ("fp32", "fp16", "int8w", "pal6")}),
        ({"precisions": ["int8", "fp32"]}, {"tflite": ("fp32", "int8"), "coreml": ("fp32", "int8w")}),
        ({"targets": ["tflite"], "precisions": ["fp16"]}, {"tflite": ("fp16",), "coreml": ()}),
        ({"precisions": ["pal6"]}, {"tflite": (), "coreml": ("pal6",)}),
        ({"precisions": ["int8w"]}, {"tflite": (), "coreml": ("int8w",)}),
    ],
)
def test_targets_and_precisions_are_filtered(recipe: Recipe, changes: dict, kept: dict) -> None:
    assert override(recipe, **changes).artifacts.model_dump() == kept


def test_weights_and_backbones_are_replaced(recipe: Recipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    changed = override(recipe, weights="w.safetensors", backbone_weights="timm:mobilenetv2_100")
    assert changed.weights.file == str(tmp_path / "w.safetensors")
    assert changed.backbone.weights == "timm:mobilenetv2_100"
    random = override(changed, random_backbone=7).backbone
    assert (random.weights, random.seed) == (None, 7)
    assert recipe.weights.file is None and recipe.backbone.weights is None
