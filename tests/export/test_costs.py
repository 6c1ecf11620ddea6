"""What recipes cost is stored as it is."""

from __future__ import annotations

import pytest

from mobile_robust.export.costs import RecipeCost, cost_of, stored_costs
from mobile_robust.recipes import built_in_recipes


def test_every_recipe_that_ships_has_its_costs() -> None:
    assert sorted(stored_costs().recipes) == sorted(built_in_recipes())


def test_what_every_module_adds_to_the_latency_is_there() -> None:
    """A module that computes takes its time, and in this file measurements of a fraction of it are mistakes."""
    for name, cost in stored_costs().recipes.items():
        if cost.overhead:
            measured = cost.overhead.latency
            assert measured and measured.low <= measured.share <= measured.high and measured.share > 0, name


def counted(name: str) -> RecipeCost:
    """What is stored, without the latency, which no two measurements agree on."""
    cost = stored_costs().recipes[name]
    return cost.model_copy(update={"overhead": cost.overhead and cost.overhead.model_copy(update={"latency": None})})


def test_a_small_network_costs_what_is_stored() -> None:
    assert cost_of("deepcorrect_cifar10_resnet20") == counted("deepcorrect_cifar10_resnet20")


@pytest.mark.slow
@pytest.mark.parametrize("name", built_in_recipes())
def test_they_are_what_is_stored(name: str) -> None:
    assert cost_of(name) == counted(name)
