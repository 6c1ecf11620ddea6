"""FiLM on DCT statistics: its options and training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mobile_robust.methods.method import LayerNames, LazyImport, Method, Options, Training, small_crop


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
        clean_share=1 / 4,
        corruptions=("jpeg",),
        steps=1000,
        batch=16,
        rate=3e-3,
        crop=small_crop,
        labels=False,
    ),
)
