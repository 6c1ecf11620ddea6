"""What the recipes that ship cost, in ``costs.json``: to be listed without making their networks.

For maintainers: ``python -m mobile_robust.export.costs`` writes the file anew, after a change of a recipe or a method.
"""

from __future__ import annotations

from pathlib import Path

from mobile_robust.contracts.contract import Contract
from mobile_robust.contracts.overhead import Overhead
from mobile_robust.documents import read_model
from mobile_robust.files import write_atomically
from mobile_robust.recipes import built_in_recipes, load_recipe

COSTS = Path(__file__).with_name("costs.json")


class RecipeCost(Contract):
    """Multiply-accumulates and parameters of a recipe's deploy form, and what of them its module adds."""

    macs: int
    parameters: int
    overhead: Overhead | None = None


class Costs(Contract):
    """By name of the recipe."""

    recipes: dict[str, RecipeCost]


def stored_costs() -> dict[str, RecipeCost]:
    """Of the recipes that ship."""
    return read_model(COSTS, Costs, "the costs of the recipes").recipes


def cost_of(name: str) -> RecipeCost:
    """Of one recipe; makes its network and runs it once."""
    import numpy as np

    from mobile_robust.export.cost import count, overhead
    from mobile_robust.pipelines import build_model

    model = build_model(load_recipe(name))
    photo = np.zeros((*model.recipe.input.height_width, 3), np.uint8)
    made = count(model.deploy, model.example(photo))
    return RecipeCost(macs=made.macs, parameters=made.parameters, overhead=overhead(model))


if __name__ == "__main__":
    found = Costs(recipes={name: cost_of(name) for name in built_in_recipes()})
    write_atomically(COSTS, found.model_dump_json(indent=1, exclude_none=True) + "\n")
