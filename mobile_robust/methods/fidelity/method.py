"""Fidelity map: its options, ablations and published figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, StrictBool, model_validator

from mobile_robust.contracts.recipe import Recipe
from mobile_robust.methods.method import Ablation, LazyImport, Method, Options, Published, Training, small_crop

#: The modules that edit features, each of which can be left out: the report's (Table 6.1), and one of the small form.
PaperModule = Literal[
    "spatial_multiplication",
    "spatial_addition",
    "residual",
    "channel_multiplication",
    "channel_concatenation",
]
Module = PaperModule | Literal["block_addition"]
PAPER_MODULES: tuple[Module, ...] = get_args(PaperModule)
MODULES: dict[str, tuple[Module, ...]] = {
    "fidelity": PAPER_MODULES,
    "fidelity_nano": (*PAPER_MODULES, "block_addition"),
}


class FidelityOptions(Options):
    """``[options]`` of a recipe."""

    variant: Literal["fidelity", "fidelity_nano"] = Field(
        default="fidelity_nano", description="fidelity: the paper's networks; fidelity_nano: ours for phones"
    )
    map: Literal["l1", "l2", "cosine"] = Field(
        default="l1", description="distance of the restored from the clean photo: absolute, squared, or the cosine"
    )
    source: Literal["estimated", "oracle", "constant"] = Field(
        default="estimated",
        description="of the map; oracle: measured with the clean photo, constant: no map: both for comparison only",
    )
    without: tuple[Module, ...] = Field(default=(), description="modules that are left out; all: restores only")
    ensemble: StrictBool = Field(
        default=False, description="mix in the features of the restored photo as they are: a second backbone pass"
    )
    depth: int = Field(default=20, ge=3, le=64, description="fidelity: convolutions of restorer and estimator")
    batch_norm: StrictBool = Field(default=False, description="fidelity: batch norms in restorer and estimator")
    estimate_from: Literal["degraded", "restored"] = Field(
        default="degraded", description="fidelity: what the estimator looks at"
    )
    block: Literal[2, 4] = Field(default=4, description="fidelity_nano: pixels a side that are computed together")

    @model_validator(mode="after")
    def _of_the_variant(self) -> FidelityOptions:
        other = {"fidelity": ("block",), "fidelity_nano": ("depth", "batch_norm", "estimate_from")}[self.variant]
        if wrong := [name for name in other if name in self.model_fields_set]:
            raise ValueError(f"{wrong[0]} is no option of variant {self.variant}")
        if wrong := [name for name in self.without if name not in MODULES[self.variant]]:
            raise ValueError(f"without {wrong[0]}: variant {self.variant} has no such module")
        if self.restores_only and self.ensemble:
            raise ValueError("ensemble: features are mixed with edited ones, and without leaves out all that edits")
        return self

    @property
    def restores_only(self) -> bool:
        """Whether nothing edits features."""
        return set(self.without) == set(MODULES[self.variant])


class FidelityTraining(Options):
    """Options of ``train fidelity``."""

    loss: Literal["tail", "answers"] = Field(
        default="tail",
        description="of the calibration. answers: the paper's cross-entropy with smoothed labels; tail: how far the "
        "network's maps and its answer are from those of the clean photo (default)",
    )
    restore: int | None = Field(
        default=None,
        ge=0,
        le=10**9,
        strict=True,
        description="of the steps, the first N train restorer and estimator, the others the calibration (default: "
        "half of them; with --start 0)",
    )
    learn: Literal["calibration", "end_to_end", "all"] = Field(
        default="calibration",
        description="in the other steps. calibration: it alone (default); end_to_end: the estimator as well; all: the "
        "restorer as well",
    )


def ablations(recipe: Recipe, folder: Path, seed: int) -> list[Ablation]:
    """What the map does: estimated, measured with the clean photo (oracle), constant; restored only. And the report's
    Table 6.1, whose maps are all the oracle's: other maps, and without each module. Where the recipe names weights,
    their restorer serves all rows, and only the calibration is trained."""
    options = FidelityOptions.model_validate(recipe.options)
    modules, left_out = MODULES[options.variant], options.without
    rows: dict[str, dict[str, Any]] = {
        "estimated": {},
        "constant_map": {"source": "constant"},
        "oracle": {},
        "map_l2": {"map": "l2"},
        "map_cosine": {"map": "cosine"},
        **{f"no_{module}": {"without": (*left_out, module)} for module in modules if module not in left_out},
    }
    first_stage = {"start": Path(recipe.weights.file), "restore": 0} if recipe.weights.file else {}
    oracles = list(rows)[2:]
    found = [
        Ablation(name, recipe.with_options(**changes, **({"source": "oracle"} if name in oracles else {})), first_stage)
        for name, changes in rows.items()
    ]
    return [Ablation("restored_only", recipe.with_options(without=modules), first_stage), *found]


_SIGMAS = (0.1, 0.2, 0.3, 0.4, 0.5)
_TABLE_5_1 = "fidelity-map report, Table 5.1, pre-trained, single"
_NETWORK = "ResNet-50, Caltech-256"

METHOD = Method(
    name="fidelity",
    paper="Lin et al., Fidelity Estimation Improves Noisy-Image Classification With Pretrained Networks, IEEE SPL 2021",
    options=FidelityOptions,
    variants=("fidelity", "fidelity_nano"),
    build=LazyImport("mobile_robust.methods.fidelity.network:build"),
    pipeline=LazyImport("mobile_robust.methods.fidelity.pipeline:FidelityPipeline"),
    training=Training(
        task=LazyImport("mobile_robust.methods.fidelity.training:Calibrating"),
        summary="fidelity map: a restorer, what it could not restore, and a calibration of the network by that",
        description="Train restorer and fidelity map estimator on photos and their degraded selves, then the "
        "calibration of the network. Labels are optional.",
        options=FidelityTraining,
        clean_share=1 / 2,
        corruptions=("fidelity_awgn",),
        steps=2000,
        batch=16,
        rate=2e-3,
        crop=small_crop,
    ),
    ablations=ablations,
    published=(
        Published(
            _NETWORK,
            _TABLE_5_1,
            "fidelity_awgn",
            _SIGMAS,
            83.20,
            (62.80, 30.24, 10.44, 3.73, 1.65),
            (79.01, 74.78, 69.86, 64.66, 58.73),
        ),
        Published(_NETWORK, _TABLE_5_1, "fidelity_awgn_1d", (0.5,), 83.20, (28.60,), (73.59,)),
        Published(_NETWORK, _TABLE_5_1, "fidelity_awgn_2d", (0.5,), 83.20, (32.72,), (74.46,)),
    ),
)
