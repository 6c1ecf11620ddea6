"""FiLM on DCT statistics: its options, ablations and training."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from mobile_robust.contracts.recipe import Recipe
from mobile_robust.methods.method import Ablation, LayerNames, LazyImport, Method, Options, Training, small_crop


class FiLMOptions(Options):
    """``[options]`` of a recipe."""

    layers: LayerNames | None = Field(
        default=None,
        min_length=1,
        description="whose outputs are shifted, in the network's order; default: every block's",
    )
    stem: Literal["afd", "afd_nano"] | None = Field(
        default=None, description="AFD-Module that repairs the stem's features before (its variant)"
    )
    hidden: int = Field(default=128, ge=1, le=1024, description="channels of the network that reads the statistics")
    rank: int = Field(default=64, ge=1, le=1024, description="numbers that the shifts of all layers are read from")


def ablations(recipe: Recipe, folder: Path, seed: int) -> list[Ablation]:
    """Where the network is edited: behind every block; there, but by as much as one number says; at the stem, by
    AFD-Module, trained as AFD is (its loss, fewer clean crops); at both."""
    stem = recipe.options.get("stem") or "afd_nano"
    shifts = recipe.model_copy(update={"options": {k: v for k, v in recipe.options.items() if k != "stem"}})
    afd = recipe.model_copy(update={"method": "afd", "options": {"variant": stem}})
    return [
        Ablation("every_block", shifts),
        Ablation("one_number", shifts.with_options(rank=1)),
        Ablation("afd_at_the_stem", afd),
        Ablation("both", recipe.with_options(stem=stem)),
    ]


METHOD = Method(
    name="film",
    paper="Perez et al., FiLM: Visual Reasoning with a General Conditioning Layer, AAAI 2018",
    options=FiLMOptions,
    build=LazyImport("mobile_robust.methods.film.network:build"),
    pipeline=LazyImport("mobile_robust.methods.film.network:pipeline"),
    training=Training(
        task=LazyImport("mobile_robust.methods.film.training:Distillation"),
        summary="FiLM on DCT statistics, from photos without labels",
        description="Train the shifts of a backbone's blocks on photos and their degraded selves, without labels.",
        clean_share=1 / 2,
        corruptions=("jpeg",),
        steps=1000,
        batch=16,
        rate=3e-3,
        crop=small_crop,
        labels=False,
    ),
    ablations=ablations,
)
