"""What the recipes that ship cost, in ``costs.json``: to be listed without making their networks.

For maintainers: ``python -m mobile_robust.export.costs`` writes the file anew, after a change of a recipe or a method;
latencies are measured.
"""

from __future__ import annotations

import platform
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import Field

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

    measured: str = Field(description="where and when the latencies were measured, in words")
    recipes: dict[str, RecipeCost]


def stored_costs() -> Costs:
    """Of the recipes that ship."""
    return read_model(COSTS, Costs, "the costs of the recipes")


def cost_of(name: str, measure: bool = False) -> RecipeCost:
    """Of one recipe; makes its network and runs it once. ``measure``: with the latency that its module adds."""
    import numpy as np

    from mobile_robust.export.cost import count, overhead
    from mobile_robust.export.latency import added_latency
    from mobile_robust.export.targets.tflite import convert_tflite
    from mobile_robust.pipelines import build_model

    model = build_model(load_recipe(name))
    inputs = model.example(np.zeros((*model.recipe.input.height_width, 3), np.uint8))
    made, added = count(model.deploy, inputs), overhead(model)
    if added and measure:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "deploy.tflite"
            convert_tflite(model.deploy, inputs, model.output.name, file)
            added = added.model_copy(update={"latency": added_latency(model, file)})
    return RecipeCost(macs=made.macs, parameters=made.parameters, overhead=added)


if __name__ == "__main__":
    where = f"one thread, {platform.machine().replace('_', '-')}, {date.today()}"
    found = Costs(measured=where, recipes={name: cost_of(name, measure=True) for name in built_in_recipes()})
    write_atomically(COSTS, found.model_dump_json(indent=1, exclude_none=True) + "\n")
