"""One table of precisions: the names that types and schemas spell out are its own, and recipes take its defaults."""

from __future__ import annotations

from typing import get_args

import pytest

from mobile_robust.contracts import precisions
from mobile_robust.contracts.precisions import PRECISIONS, Precision, precisions_of
from mobile_robust.contracts.recipe import ArtifactsSection, BackboneSection, Recipe, Tolerance
from mobile_robust.contracts.targets import TARGETS, Target
from mobile_robust.export.rounding import SCHEMES


def test_the_written_out_names_are_those_of_the_tables() -> None:
    assert get_args(Precision) == tuple(PRECISIONS)
    assert get_args(precisions.TfliteForm) == precisions_of("tflite")
    assert get_args(precisions.CoremlForm) == precisions_of("coreml")
    assert get_args(Target) == tuple(TARGETS)
    assert ArtifactsSection().pairs() == [(target, name) for target in TARGETS for name in precisions_of(target)]


@pytest.mark.parametrize("name", PRECISIONS)
def test_a_row_has_tolerances_a_rounding_scheme_and_a_name_that_selects_on_another_target_only(name: Precision) -> None:
    spec = PRECISIONS[name]
    module = Recipe(name="r", method="afd", scope="module", backbone=BackboneSection(name="resnet50"))
    random = module.model_copy(update={"scope": "pipeline"})
    trained = random.with_backbone_weights("timm:resnet50")
    for recipe, kind in ((module, "module"), (trained, "pipeline"), (random, "random pipeline")):
        assert recipe.tolerance(name) == Tolerance(**spec.bounds[kind])
    assert spec.rounding in SCHEMES or (spec.rounding is None and name == "fp32")
    assert spec.chosen_with is None or not set(spec.targets) & set(PRECISIONS[spec.chosen_with].targets)
