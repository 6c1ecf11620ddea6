"""DiR: its options and ablations."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from mobile_robust.contracts.recipe import Recipe
from mobile_robust.methods.method import Ablation, LazyImport, Method, Options, Training, small_crop


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
    loss: Literal["tail", "answers"] = Field(
        default="tail",
        description="of the task. answers: cross-entropy with the class; tail: how far the network's maps and its "
        "answer are from those of the clean photo (default)",
    )


def ablations(recipe: Recipe, folder: Path, seed: int) -> list[Ablation]:
    """Table 5: the baseline representation; aligned; aligned with the pilot's guidance; and an auto-encoder of the same
    encoder and decoder. Where the recipe names weights, their first stage serves the first three."""
    stage_two = {"start": Path(recipe.weights.file), "represent": 0} if recipe.weights.file else {}
    found = [
        Ablation(name, recipe.with_options(alignment=alignment), stage_two)
        for name, alignment in (("baseline", "none"), ("aligned", "plain"), ("aligned_with_pilot", "pilot"))
    ]
    return [*found, Ablation("autoencoder", recipe.with_options(alignment="none"), {"objective": "autoencoder"})]


METHOD = Method(
    name="dir",
    paper="Guo et al., Learning Degradation-Independent Representations for Camera ISP Pipelines, CVPR 2024",
    options=DiROptions,
    variants=("dir", "dir_nano"),
    build=LazyImport("mobile_robust.methods.dir.network:build"),
    pipeline=LazyImport("mobile_robust.methods.pipeline:ImagePipeline"),
    training=Training(
        task=LazyImport("mobile_robust.methods.dir.training:Refining"),
        summary="DiR: representations that do not depend on the camera's degradations, and their alignment",
        description="Train DiRNet and DfRNet on photos and their degraded selves, then the alignment of their "
        "representations through a frozen classifier. Labels are optional.",
        options=DiRTraining,
        clean_share=1 / 4,
        corruptions=("isp_default", "isp_low_light", "isp_ablation"),
        steps=2000,
        batch=16,
        rate=1e-3,
        crop=small_crop,
    ),
    ablations=ablations,
)
