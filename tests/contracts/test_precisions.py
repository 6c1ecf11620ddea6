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
    assert get_args(Precision) == get_args(precisions.Precision) == tuple(PRECISIONS)
    assert get_args(precisions.TfliteForm) == precisions_of("tflite")
    assert get_args(precisions.CoremlForm) == precisions_of("coreml")
    assert get_args(Target) == tuple(TARGETS)


def test_a_recipe_takes_every_precision_of_every_target_by_default() -> None:
    assert ArtifactsSection().pairs() == [(target, name) for target in TARGETS for name in precisions_of(target)]


@pytest.mark.parametrize("name", PRECISIONS)
def test_tolerances_of_recipes_are_those_of_the_table(name: Precision) -> None:
    spec = PRECISIONS[name]
    module = Recipe(name="r", method="afd", scope="module", backbone=BackboneSection(name="resnet50"))
    random = module.model_copy(update={"scope": "pipeline"})
    trained = random.with_backbone_weights("timm:resnet50")
    assert module.tolerance(name) == Tolerance(**spec.bounds["module"])
    assert trained.tolerance(name) == Tolerance(**spec.bounds["pipeline"])
    assert random.tolerance(name) == Tolerance(**spec.bounds["random pipeline"])


@pytest.mark.parametrize("name", PRECISIONS)
def test_every_rounding_scheme_exists(name: Precision) -> None:
    rounding = PRECISIONS[name].rounding
    assert rounding in SCHEMES or (rounding is None and name == "fp32")


def test_a_precision_may_be_selected_by_anothers_name_but_on_another_target_only() -> None:
    for spec in PRECISIONS.values():
        if spec.chosen_with is not None:
            assert not set(spec.targets) & set(PRECISIONS[spec.chosen_with].targets)
