"""AFD-Module: its options, ablations and published figures."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.methods.method import (
    Ablation,
    LazyImport,
    Method,
    Options,
    Published,
    PublishedLatency,
    Training,
    small_crop,
)


class AFDOptions(Options):
    """``[options]`` of a recipe."""

    variant: Literal["afd", "afd_nano", "afd_pico", "afd_nano_unguided", "afd_nano_plain"] = Field(
        default="afd",
        description="afd for stems of 64 channels, afd_nano for 32, afd_pico for 16; unguided and plain are ablations",
    )


class AFDTraining(Options):
    """Options of ``train afd``."""

    loss: Literal["tail", "features", "channels"] = Field(
        default="tail",
        description="features: the paper's squared error of the features; channels: the same, each channel in units of "
        "its own variance; tail: features, and what the rest of the network makes of them (default)",
    )


def ablations(recipe: Recipe, folder: Path, seed: int) -> list[Ablation]:
    """The whole method; without the guidance by DCT coefficients; with plain convolutions for RepConv blocks; and with
    the losses that do not ask the tail. Raises InputError for a variant that has none to be compared with."""
    if recipe.options.get("variant") != "afd_nano":
        raise InputError(f'recipe {recipe.name}: AFD is ablated at the variant "afd_nano", set options.variant to it')
    return [
        Ablation("whole", recipe),
        Ablation("no_dct_guidance", recipe.with_options(variant="afd_nano_unguided")),
        Ablation("plain_convolutions", recipe.with_options(variant="afd_nano_plain")),
        Ablation("loss_features", recipe, {"loss": "features"}),
        Ablation("loss_channels", recipe, {"loss": "channels"}),
    ]


#: The last row, "Our", for stems of 64 channels: Snapdragon 865, Adreno 640.
TABLE_VII = PublishedLatency(0.11e6, 0.36e9, 54, 58, "AFD-Module, Table VII")
#: Table X prints the clean accuracy as 76.04, the text of section IV-D as 76.14.
_CLEAN = 76.04
_QUALITIES = (25, 18, 15, 10, 7)
_SEVERITIES = (1, 2, 3, 4, 5)
#: Table, corruption, levels -> top-1 at each level without the module and with it.
_TOP1 = {
    ("V", "jpeg", _QUALITIES): ((66.16, 62.47, 59.28, 47.50, 31.65), (67.10, 64.79, 62.91, 57.24, 49.02)),
    ("VI", "jpeg_repeated", _SEVERITIES): (
        (53.33, 45.44, 40.31, 36.59, 34.19),
        (59.58, 54.85, 51.70, 49.41, 47.51),
    ),
    ("IX", "avif", _QUALITIES): ((64.18, 60.51, 57.38, 53.09, 47.42), (65.67, 63.79, 60.87, 57.93, 53.32)),
}

METHOD = Method(
    name="afd",
    paper="Peng et al., Lightweight Adaptive Feature De-drifting for Compressed Image Classification, TMM 2024",
    options=AFDOptions,
    variants=("afd", "afd_nano", "afd_pico"),
    build=LazyImport("mobile_robust.methods.afd.network:build"),
    pipeline=LazyImport("mobile_robust.methods.pipeline:CutPipeline"),
    required=LazyImport("mobile_robust.methods.afd.network:required"),
    training=Training(
        task=LazyImport("mobile_robust.methods.afd.training:Distillation"),
        summary="AFD-Module, from photos without labels",
        description="Train AFD-Module on photos and their JPEG-compressed selves; no labels are needed.",
        options=AFDTraining,
        clean_share=1 / 4,
        corruptions=("jpeg",),
        steps=2000,
        batch=16,
        rate=3e-3,
        crop=small_crop,  # the module looks at a neighbourhood only
        labels=False,
    ),
    ablations=ablations,
    latency=dict.fromkeys(("afd_resnet50", "afd_repvgg_a2"), TABLE_VII),
    published=tuple(
        Published("ResNet-50, ImageNet", f"AFD-Module, Table {table}; clean: Table X", name, levels, _CLEAN, *top1)
        for (table, name, levels), top1 in _TOP1.items()
    ),
)
