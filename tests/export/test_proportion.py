"""Modules that cost a good part of their backbone, or more, are named."""

from __future__ import annotations

import pytest

from mobile_robust.contracts.recipe import BackboneSection, InputSection, Recipe
from mobile_robust.export.cost import overhead
from mobile_robust.export.proportion import check_proportion
from mobile_robust.pipelines import build_model


def said(method: str, scope: str = "pipeline", **options: object) -> tuple[str, ...]:
    backbone = BackboneSection(name="test_resnet", options={"num_classes": 10})
    image = InputSection(size=64)
    recipe = Recipe(name="r", method=method, scope=scope, options=options, backbone=backbone, input=image)
    return check_proportion(recipe, overhead(build_model(recipe)))


@pytest.mark.parametrize("scope", ["pipeline", "module"])
def test_a_module_out_of_proportion_is_named_with_the_smaller_ones(scope: str) -> None:
    (sentence,) = said("afd", scope, variant="afd")
    assert sentence.startswith("the module adds ") and "(+" in sentence
    assert sentence.endswith("; options.variant afd_nano or afd_pico costs less")


def test_a_small_one_and_a_bare_backbone_are_not() -> None:
    assert said("afd", variant="afd_nano") == said("none") == ()
