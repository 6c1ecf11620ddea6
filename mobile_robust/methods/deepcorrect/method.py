"""DeepCorrect: its options, ablations, published figures and the command that ranks filters."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt

from mobile_robust.contracts.ranking import read_ranking
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.files import write_output
from mobile_robust.methods.method import Ablation, Command, LayerNames, LazyImport, Method, Options, Published, Training

Share = StrictInt | StrictFloat


class DeepCorrectOptions(Options):
    """``[options]`` of a recipe."""

    variant: Literal["critically_wide", "lite", "bottleneck"] = Field(
        default="bottleneck", description="widths and kernels of the units (Table 10)"
    )
    batch_norm: StrictBool = Field(default=True, description='false: the paper\'s "no-bn"')
    layers: LayerNames | None = Field(
        default=None, min_length=1, description="convolutions that are corrected; default: the paper's of the backbone"
    )
    beta: Share | tuple[Share, ...] | None = Field(
        default=None,
        description="share of a layer's filters that are corrected, or their number where it is a whole number; one "
        "for all layers or a list; default: the paper's of the backbone, else 0.5",
    )
    update: LayerNames = Field(default=(), description="layers that are trained along")


#: Share of a layer's filters that are corrected where rankings are compared: of nearly all filters, all rankings choose
#: nearly the same.
ABLATION_BETA = 0.25


def ablations(recipe: Recipe, folder: Path, seed: int) -> list[Ablation]:
    """A quarter of every layer's filters: the first of the ranking, random ones, and the last of the ranking. Raises
    InputError where the recipe names no ranking, or one that cannot be read."""
    import numpy as np

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
        write_output(path, ranking.model_copy(update={"layers": layers}).model_dump_json(indent=2) + "\n")
        rows.append(Ablation(name, recipe.with_options(beta=ABLATION_BETA).with_ranking(path)))
    return rows


_CIFAR, _IMAGENET = "Deepcorr-6, CIFAR-100", "Deepcorr-5-bottleneck, ImageNet"
#: Network, tables, corruption, levels, top-1 on clean photos -> top-1 at each level without the units and with them.
_TOP1 = {
    (_CIFAR, "Table 3", "gaussian_blur", (0.5, 1, 1.5, 2, 2.5, 3), 70.28): (
        (64.02, 22.12, 8.06, 4.40, 3.40, 2.90),
        (68.71, 65.48, 61.16, 56.38, 51.28, 44.05),
    ),
    (_CIFAR, "Table 4", "awgn", (5, 10, 15, 20, 25, 30), 70.28): (
        (61.84, 38.62, 22.39, 13.24, 8.29, 5.69),
        (69.03, 67.69, 64.96, 62.77, 59.86, 56.79),
    ),
    (_IMAGENET, "Tables 7 and 11", "gaussian_blur", (1, 2, 3, 4, 5, 6), 56.94): (
        (44.56, 29.34, 15.85, 7.86, 4.27, 2.56),
        (55.04, 52.32, 50.70, 48.56, 45.60, 42.33),
    ),
    (_IMAGENET, "Tables 8 and 12", "awgn", (10, 20, 40, 60, 80, 100), 56.94): (
        (52.18, 37.42, 12.56, 4.38, 1.90, 0.90),
        (56.49, 55.13, 51.91, 48.43, 44.56, 40.85),
    ),
}

METHOD = Method(
    name="deepcorrect",
    paper="Borkar & Karam, DeepCorrect: Correcting DNN Models against Image Distortions, IEEE TIP 2019",
    options=DeepCorrectOptions,
    variants=("critically_wide", "lite", "bottleneck"),
    build=LazyImport("mobile_robust.methods.deepcorrect.network:build"),
    pipeline=LazyImport("mobile_robust.methods.pipeline:InsertPipeline"),
    required=LazyImport("mobile_robust.methods.deepcorrect.network:required"),
    training=Training(
        task=LazyImport("mobile_robust.methods.deepcorrect.training:Correction"),
        summary="DeepCorrect, on the filters of a ranking",
        description="Train the correction units of the filters that a ranking names (see mobile-robust rank) "
        "on clean and distorted photos, half and half.",
        clean_share=0.5,
        corruptions=("awgn",),
        steps=4000,
        batch=128,
        rate=5e-3,
    ),
    ablations=ablations,
    published=tuple(
        Published(network, f"DeepCorrect, {tables}", corruption, levels, clean, *top1)
        for (network, tables, corruption, levels, clean), top1 in _TOP1.items()
    ),
    commands={
        "rank": Command(
            LazyImport("mobile_robust.methods.deepcorrect.rank.cli:main"),
            "which filters suffer most from a corruption (for DeepCorrect)",
        )
    },
)
