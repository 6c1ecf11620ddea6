"""``convert --list``: the recipes that ship, backbone by backbone, and what each module adds to its backbone."""

from __future__ import annotations

from rich.table import Table as RichTable
from rich.text import Text

from mobile_robust.contracts.recipe import ArtifactsSection, Recipe
from mobile_robust.contracts.targets import TARGETS
from mobile_robust.export.costs import RecipeCost, stored_costs
from mobile_robust.recipes import built_in_recipes, load_recipe
from mobile_robust.reporting.tables import Column, Table
from mobile_robust.reporting.text import count_text


def list_table() -> RichTable:
    """Fits a terminal of 80 columns: a line a recipe, under a line for its backbone."""
    costs, groups = stored_costs().recipes, dict[str, list[Recipe]]()
    for recipe in map(load_recipe, built_in_recipes()):
        groups.setdefault(recipe.backbone.name if recipe.backbone else "", []).append(recipe)
    rows: list[list[str | Text]] = []
    for backbone, recipes in sorted(groups.items()):
        rows.append([Text(cell, style="bold") for cell in _heading(backbone, recipes, costs)])
        for recipe in recipes:
            rows.append([_name(recipe), _trained(recipe), *_added(costs.get(recipe.name))])
    columns = [Column(title, "left") for title in ("recipe", "trained")]
    return Table([*columns, Column("MACs"), Column("params"), Column("latency")], rows).terminal()


def _name(recipe: Recipe) -> str:
    if recipe.scope == "pipeline":
        return f"{recipe.name}{' *' if recipe.default else ''}"
    return f"{recipe.name} ({'component' if recipe.component else recipe.scope})"


def _heading(backbone: str, recipes: list[Recipe], costs: dict[str, RecipeCost]) -> list[str]:
    if not backbone:
        return ["for any backbone", "", "", "", ""]
    found = [cost.overhead for recipe in recipes if (cost := costs.get(recipe.name)) and cost.overhead]
    if not found:
        return [f"of {backbone}", "", "", "", ""]
    return [f"of {backbone}", "", count_text(found[0].backbone_macs), count_text(found[0].backbone_parameters), ""]


def _added(cost: RecipeCost | None) -> list[str]:
    if cost is None:
        return ["", "", ""]
    if cost.overhead is None:
        return [count_text(cost.macs), count_text(cost.parameters), ""]
    latency = cost.overhead.latency
    added = f"+{count_text(cost.overhead.macs)}", f"+{count_text(cost.overhead.parameters)}"
    return [*added, f"{latency.share:+.0%}" if latency else ""]


def _trained(recipe: Recipe) -> str:
    """Whose weights come with a recipe."""
    module = recipe.weights.file is not None or recipe.method == "none"
    if recipe.backbone is None or recipe.backbone.weights:
        return "yes" if module else "no" if recipe.backbone is None else "partly"
    return "partly" if module and recipe.weights.file else "no"


def _forms(has: ArtifactsSection) -> str:
    """The precisions of each target in one line."""
    forms = {spec.title: [name for each, name in has.pairs() if each == target] for target, spec in TARGETS.items()}
    return ", ".join(f"{title} {' '.join(names)}" for title, names in forms.items() if names)


def list_note() -> str:
    """What the table's columns say."""
    return (
        "pipelines, from image to class scores, but for those that say module or component; *: built when none is "
        "named\n"
        "MACs, params, latency: multiply-accumulates, parameters, and the time of an inference; with +: what the "
        f"module adds to its backbone's; latency measured in fp32 with LiteRT, {stored_costs().measured}\n"
        "trained: whether weights come with it; partly: of the backbone alone, so train the module, or of the module "
        "alone, so give --backbone-weights; no: for latency and parity only, until you give both\n"
        f"files, unless the recipe names fewer: {_forms(ArtifactsSection())}"
    )
