"""What is left out or exchanged, by method."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mobile_robust.contracts.ranking import read_ranking
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.files import write_output

#: Share of a layer's filters that are corrected where rankings are compared: of nearly all filters, all rankings choose
#: nearly the same.
BETA = 0.25


@dataclass(frozen=True)
class Row:
    """One way to build and train a method.

    Attributes:
        name: Of its recipe and weights.
        recipe: What is built.
        words: Further options of ``train``.
    """

    name: str
    recipe: Recipe
    words: tuple[str, ...] = ()


def afd(recipe: Recipe, folder: Path, seed: int) -> list[Row]:
    """The whole method; without the guidance by DCT coefficients; with plain convolutions for RepConv blocks; and with
    the losses that do not ask the tail.

    Raises:
        InputError: The recipe's variant has none to be compared with.
    """
    del folder, seed
    if recipe.options.get("variant") != "afd_nano":
        raise InputError(f'recipe {recipe.name}: AFD is ablated at the variant "afd_nano", set options.variant to it')
    return [
        Row("whole", recipe),
        Row("no_dct_guidance", _with_options(recipe, variant="afd_nano_unguided")),
        Row("plain_convolutions", _with_options(recipe, variant="afd_nano_plain")),
        Row("loss_features", recipe, ("--loss", "features")),
        Row("loss_channels", recipe, ("--loss", "channels")),
    ]


def sympie(recipe: Recipe, folder: Path, seed: int) -> list[Row]:
    """The whole method; without the start in closed form; and with the paper's loss alone."""
    del folder, seed
    return [
        Row("whole", recipe),
        Row("no_closed_form", recipe, ("--fit", "0", "--rate", "1e-3")),
        Row("loss_answers", recipe, ("--loss", "answers")),
    ]


def deepcorrect(recipe: Recipe, folder: Path, seed: int) -> list[Row]:
    """A quarter of every layer's filters: the first of the ranking, random ones, and the last of the ranking.

    Raises:
        InputError: The recipe names no ranking, or one that cannot be read.
    """
    if recipe.weights.ranking is None:
        raise InputError(f"recipe {recipe.name}: needs weights.ranking, or --ranking FILE")
    ranking, random = read_ranking(Path(recipe.weights.ranking)), np.random.default_rng(seed)
    orders = {
        "ranked_first": ranking.layers,
        "random": {layer: tuple(random.permutation(tau).tolist()) for layer, tau in ranking.layers.items()},
        "ranked_last": {layer: tuple(-t for t in tau) for layer, tau in ranking.layers.items()},
    }
    rows = []
    for name, layers in orders.items():
        path = folder / f"{name}_ranking.json"
        changed = ranking.model_copy(update={"layers": layers})
        write_output(path, json.dumps(changed.model_dump(mode="json"), indent=2) + "\n")
        weights = recipe.weights.model_copy(update={"ranking": str(path)})
        rows.append(Row(name, _with_options(recipe, beta=BETA).model_copy(update={"weights": weights})))
    return rows


PLANS: dict[str, Callable[[Recipe, Path, int], list[Row]]] = {"afd": afd, "sympie": sympie, "deepcorrect": deepcorrect}


def _with_options(recipe: Recipe, **options: Any) -> Recipe:
    return recipe.model_copy(update={"options": {**recipe.options, **options}})
