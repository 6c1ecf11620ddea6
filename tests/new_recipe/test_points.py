"""What a module costs where it goes."""

from __future__ import annotations

import numpy as np
import pytest

from mobile_robust.contracts.recipe import BackboneSection, InputSection, Recipe
from mobile_robust.export.cost import count, overhead
from mobile_robust.methods.site import create_backbone
from mobile_robust.new_recipe.layers.cli import main
from mobile_robust.new_recipe.layers.points import PricedLayers, cut_methods, price_layers
from mobile_robust.pipelines import Model, build_model


def recipe(scope: str = "pipeline", **section: object) -> Recipe:
    backbone = BackboneSection.model_validate({"name": "test_resnet", "options": {"num_classes": 10}, **section})
    options = {"variant": "afd_nano"}
    image = InputSection(size=64)
    return Recipe(name="r", method="afd", scope=scope, options=options, backbone=backbone, input=image)


@pytest.fixture(scope="module")
def priced() -> PricedLayers:
    wanted = recipe()
    assert wanted.backbone is not None
    return price_layers(wanted, create_backbone(wanted.backbone), cut_methods()["afd"])


def model(scope: str, layer: str) -> Model:
    return build_model(recipe(scope, layer=layer))


def test_costs_are_those_of_the_built_module_and_of_what_the_pipeline_adds(priced: PricedLayers) -> None:
    point = next(each for each in priced.points if each.point.default)
    module = model("module", point.point.layer)
    assert point.costs["afd_nano"] == count(module.deploy, module.example(np.zeros((64, 64, 3), np.uint8)))
    whole = overhead(model("pipeline", point.point.layer))
    assert whole is not None and whole == overhead(module)
    assert (whole.macs, whole.parameters) == point.costs["afd_nano"]
    # folded, a batch norm that no convolution precedes is a convolution itself
    assert whole.backbone_macs == pytest.approx(priced.backbone.macs, rel=1e-2)
    assert whole.share == pytest.approx(priced.share(point.costs["afd_nano"]), rel=1e-2)


def test_smaller_variants_cost_less_and_deep_layers_take_none(priced: PricedLayers) -> None:
    costs = [[cost.macs for cost in each.costs.values()] for each in priced.points if each.costs]
    assert costs and all(sorted(macs, reverse=True) == macs and len(set(macs)) == 3 for macs in costs)
    assert all(64 // each.point.height <= 4 for each in priced.points if each.costs)
    assert any(not each.costs for each in priced.points)


def test_only_methods_of_one_layer_are_asked_for_one() -> None:
    assert list(cut_methods()) == ["afd"]


def test_a_recipe_without_a_module_has_no_overhead() -> None:
    bare = recipe().model_copy(update={"method": "none", "options": {}})
    assert overhead(build_model(bare)) is None


def test_the_command_marks_the_default(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["test_resnet", "--size", "64"]) == 0
    out = capsys.readouterr().out
    assert "conv1.2 *" in out and "afd_pico" in out and "%" in out and "–" in out
    assert max(map(len, out.splitlines()[1:])) <= 80
