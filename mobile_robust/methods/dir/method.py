"""DiR: its options and ablations."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, StrictBool

from mobile_robust.contracts.recipe import Recipe
from mobile_robust.methods.method import (
    Ablation,
    Command,
    LazyImport,
    Method,
    Options,
    PublishedRestoration,
    Training,
    small_crop,
)


class DiROptions(Options):
    """``[options]`` of a recipe."""

    variant: Literal["dir", "dir_nano"] = Field(
        default="dir_nano", description="dir: the paper's networks; dir_nano: ours for phones"
    )
    alignment: Literal["pilot", "plain", "none"] = Field(
        default="pilot",
        description="of the baseline representation with the clean one; plain: without the pilot representation, none: "
        "the decoder reads the baseline: both for comparison",
    )
    shifts: StrictBool = Field(
        default=False,
        description="the outputs of the classifier's blocks are shifted by what the representations say of the photo, "
        "in place of the paper's training of the classifier",
    )


class DiRTraining(Options):
    """Options of ``train dir``."""

    objective: Literal["dir", "autoencoder"] = Field(
        default="dir",
        description="dir: both stages of the paper (default); autoencoder: the same networks, from the degraded to the "
        "clean photo directly, for comparison",
    )
    represent: int | None = Field(
        default=None,
        ge=0,
        le=10**9,
        strict=True,
        description="of the steps, the first N train the representations (stage I), the others the alignment (stage "
        "II) (default: a third of them; with --start 0)",
    )
    learn: Literal["alignment", "all"] = Field(
        default="alignment",
        description="in stage II. alignment: as in the paper (default); all: encoders and decoder as well",
    )
    task_weight: float = Field(
        default=2.0,
        ge=0,
        le=1e6,
        description="gamma1 of Eq. 8: of the classifier's task beside the photo's error in stage II (default: 2, the "
        "paper's for detection); 0: restores only, without the classifier, in half of the time a step",
    )
    loss: Literal["tail", "answers"] = Field(
        default="tail",
        description="of the task. answers: cross-entropy with the class; tail: how far the network's maps and its "
        "answer are from those of the clean photo (default)",
    )


def ablations(recipe: Recipe, folder: Path, seed: int) -> list[Ablation]:
    """Table 5: the baseline representation; aligned; aligned with the pilot's guidance; and an auto-encoder of the same
    size as this one, its very networks. Where the recipe names weights, their first stage serves the first three."""
    stage_two = {"start": Path(recipe.weights.file), "represent": 0} if recipe.weights.file else {}
    found = [
        Ablation(name, recipe.with_options(alignment=alignment), stage_two)
        for name, alignment in (("baseline", "none"), ("aligned", "plain"), ("aligned_with_pilot", "pilot"))
    ]
    return [*found, Ablation("autoencoder", recipe.with_options(alignment="pilot"), {"objective": "autoencoder"})]


#: Table 5: form of the method -> PSNR in dB and LPIPS on Set14, then on BSD100.
_TABLE_5 = {
    "baseline": ((22.4, 0.359), (23.8, 0.379)),
    "aligned": ((23.9, 0.243), (24.6, 0.313)),
    "aligned_with_pilot": ((24.1, 0.228), (25.0, 0.288)),
    "autoencoder": ((21.6, 0.378), (23.1, 0.408)),
}

METHOD = Method(
    name="dir",
    paper="Guo et al., Learning Degradation-Independent Representations for Camera ISP Pipelines, CVPR 2024",
    options=DiROptions,
    variants=("dir", "dir_nano"),
    build=LazyImport("mobile_robust.methods.dir.network:build"),
    pipeline=LazyImport("mobile_robust.methods.dir.network:pipeline"),
    training=Training(
        task=LazyImport("mobile_robust.methods.dir.training:Refining"),
        summary="DiR: representations that do not depend on the camera's degradations, and their alignment",
        description="Train DiRNet and DfRNet on photos and their degraded selves, then the alignment of their "
        "representations through a frozen classifier. Labels are optional.",
        options=DiRTraining,
        clean_share=1 / 2,
        corruptions=("isp_default", "isp_low_light", "isp_ablation"),
        steps=2000,
        batch=16,
        rate=1e-3,
        crop=small_crop,
    ),
    ablations=ablations,
    restoration=tuple(
        PublishedRestoration(form, photos, "DiR, Table 5", "isp_ablation", *figures)
        for form, both in _TABLE_5.items()
        for photos, figures in zip(("Set14", "BSD100"), both, strict=True)
    ),
    commands={
        "closeness": Command(
            LazyImport("mobile_robust.methods.dir.closeness.cli:main"),
            "how little representations depend on the degradation (for DiR)",
        )
    },
)
