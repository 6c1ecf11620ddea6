"""What the fidelity map's ablation compares."""

from __future__ import annotations

from pathlib import Path

from mobile_robust.methods.fidelity.method import METHOD, MODULES, PAPER_MODULES
from mobile_robust.methods.registry import options_of
from tests.methods.fidelity.test_network import recipe


def test_rows() -> None:
    assert METHOD.ablations is not None
    rows = {row.name: row for row in METHOD.ablations(recipe(), Path(), 0)}
    options = {name: options_of(row.recipe).model_dump() for name, row in rows.items()}
    assert options["estimated"]["source"] == "estimated" and options["constant_map"]["source"] == "constant"
    assert all(options[name]["source"] == "oracle" for name in [*rows][3:])
    modules = MODULES["fidelity_nano"]
    assert [options[f"no_{module}"]["without"] for module in modules] == [(module,) for module in modules]
    assert (options["map_l2"]["map"], options["map_cosine"]["map"]) == ("l2", "cosine")
    assert set(options["restored_only"]["without"]) == set(modules)
    assert all(not row.train for row in rows.values())


def test_what_a_recipe_leaves_out_no_row_brings_back() -> None:
    assert METHOD.ablations is not None
    rows = {row.name: row for row in METHOD.ablations(recipe(without=("block_addition",)), Path(), 0)}
    assert "no_block_addition" not in rows
    assert set(rows["no_residual"].recipe.options["without"]) == {"block_addition", "residual"}
    paper = {row.name for row in METHOD.ablations(recipe(variant="fidelity"), Path(), 0)}
    assert paper >= {f"no_{module}" for module in PAPER_MODULES} and "no_block_addition" not in paper


def test_a_restorer_that_the_recipe_names_serves_all_rows() -> None:
    assert METHOD.ablations is not None
    base = recipe()
    weights = base.weights.model_copy(update={"file": "restorer.safetensors"})
    rows = METHOD.ablations(base.model_copy(update={"weights": weights}), Path(), 0)
    assert all(row.train == {"start": Path("restorer.safetensors"), "restore": 0} for row in rows)
