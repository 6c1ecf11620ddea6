"""What the fidelity map's ablation compares."""

from __future__ import annotations

from pathlib import Path

from mobile_robust.methods.fidelity.method import METHOD, MODULES
from mobile_robust.methods.registry import options_of
from tests.methods.fidelity.test_network import recipe


def test_rows() -> None:
    assert METHOD.ablations is not None
    rows = {row.name: row for row in METHOD.ablations(recipe(), Path(), 0)}
    options = {name: options_of(row.recipe).model_dump() for name, row in rows.items()}
    assert options["estimated"]["source"] == "estimated" and options["constant_map"]["source"] == "constant"
    assert all(options[name]["source"] == "oracle" for name in [*rows][3:])
    assert [options[f"no_{module}"]["without"] for module in MODULES] == [(module,) for module in MODULES]
    assert (options["map_l2"]["map"], options["map_cosine"]["map"]) == ("l2", "cosine")
    assert set(options["restored_only"]["without"]) == set(MODULES)
    assert all(not row.train for row in rows.values())


def test_a_restorer_that_the_recipe_names_serves_all_rows() -> None:
    assert METHOD.ablations is not None
    base = recipe()
    weights = base.weights.model_copy(update={"file": "restorer.safetensors"})
    rows = METHOD.ablations(base.model_copy(update={"weights": weights}), Path(), 0)
    assert all(row.train == {"start": Path("restorer.safetensors"), "restore": 0} for row in rows)
