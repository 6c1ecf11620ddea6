"""SyMPIE: its options, ablations and published figures."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from mobile_robust.contracts.recipe import Recipe
from mobile_robust.methods.method import Ablation, LazyImport, Method, Options, Published, Training


class SyMPIEOptions(Options):
    """``[options]`` of a recipe."""

    variant: Literal["sympie", "sympie_official"] = Field(
        default="sympie", description="sympie as in Table 1; sympie_official as the authors' published weights need it"
    )


class SyMPIETraining(Options):
    """Options of ``train sympie``."""

    loss: Literal["tail", "answers"] = Field(
        default="tail",
        description="answers: the paper's cross-entropy alone; tail: and how far the network's maps are from those of "
        "the clean photo (default)",
    )
    fit: int | None = Field(
        default=None,
        ge=0,
        le=10**9,
        strict=True,
        description="of the steps, the first N fit the last layer in closed form (default: a quarter of them); 0: "
        "none, which wants a higher --rate, such as 1e-3",
    )


def ablations(recipe: Recipe, folder: Path, seed: int) -> list[Ablation]:
    """The whole method; without the start in closed form; and with the paper's loss alone."""
    return [
        Ablation("whole", recipe),
        Ablation("no_closed_form", recipe, {"fit": 0, "rate": 1e-3}),
        Ablation("loss_answers", recipe, {"loss": "answers"}),
    ]


_SEVERITIES = (1, 2, 3, 4, 5)
_TABLE_3 = "SyMPIE, Table 3; clean: Table 2"
#: Table 2, first two rows: corruption -> (without, with), means over the five severities.
_TABLE_2 = {
    "defocus_blur": (43.6, 44.1),
    "glass_blur": (29.7, 36.0),
    "motion_blur": (43.2, 61.2),
    "zoom_blur": (42.9, 46.8),
    "contrast": (60.0, 61.8),
    "elastic_transform": (48.8, 51.4),
    "jpeg_compression": (61.4, 61.7),
    "pixelate": (53.0, 61.1),
    "gaussian_noise": (42.2, 43.6),
    "impulse_noise": (37.2, 39.0),
    "shot_noise": (40.5, 42.0),
    "brightness": (72.6, 72.0),
    "fog": (59.5, 62.1),
    "frost": (47.0, 49.7),
    "snow": (41.2, 51.0),
}

METHOD = Method(
    name="sympie",
    paper="Barbato et al., A Modular System for Enhanced Robustness of Multimedia Understanding Networks via Deep "
    "Parametric Estimation, MMSys 2024",
    options=SyMPIEOptions,
    variants=("sympie",),
    float_layers=("nem.out", "dwm"),  # why: see sympie_224.toml
    build=LazyImport("mobile_robust.methods.sympie.network:build"),
    pipeline=LazyImport("mobile_robust.methods.pipeline:ImagePipeline"),
    training=Training(
        task=LazyImport("mobile_robust.methods.sympie.training:Estimation"),
        summary="SyMPIE, through a frozen classifier",
        description="Train SyMPIE's estimator through a frozen classifier on photos with ImageNet-C's corruptions and "
        "the paper's four.",
        options=SyMPIETraining,
        clean_share=1 / 6,
        corruptions=("imagenet_c", "light"),
        steps=2000,
        batch=16,
        rate=3e-5,
    ),
    ablations=ablations,
    published=(
        *(
            Published("ResNet-50 (V2), ImageNet-C", "SyMPIE, Table 2", name, _SEVERITIES, 80.7, (without,), (repaired,))
            for name, (without, repaired) in _TABLE_2.items()
        ),
        Published("ResNet-50 (V2), ImageNetC-mixed", _TABLE_3, "imagenetc_mixed", _SEVERITIES, 80.7, (38.2,), (41.0,)),
    ),
)
