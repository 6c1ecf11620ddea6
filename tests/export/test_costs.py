"""What recipes cost is stored as it is."""

from __future__ import annotations

import pytest

from mobile_robust.export.costs import cost_of, stored_costs
from mobile_robust.recipes import built_in_recipes


def test_every_recipe_that_ships_has_its_costs() -> None:
    assert sorted(stored_costs()) == sorted(built_in_recipes())


def test_a_small_network_costs_what_is_stored() -> None:
    assert cost_of("deepcorrect_cifar10_resnet20") == stored_costs()["deepcorrect_cifar10_resnet20"]


@pytest.mark.slow
@pytest.mark.parametrize("name", built_in_recipes())
def test_they_are_what_is_stored(name: str) -> None:
    assert cost_of(name) == stored_costs()[name]
