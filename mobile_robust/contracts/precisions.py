"""The precisions an artifact can have: one row each. Recipes, conversion, command lines and benchmarks read this table.

The algorithms are elsewhere: ``export/rounding.py`` rounds the weights, ``export/targets/`` stores them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mobile_robust.contracts.targets import Target

Scope = Literal["module", "pipeline"]
# Type checkers and JSON schemas want the names written out; a test compares them with the table.
Precision = Literal["fp32", "fp16", "int8", "int8w", "pal6"]
TfliteForm = Literal["fp32", "fp16", "int8"]
CoremlForm = Literal["fp32", "fp16", "int8w", "pal6"]
#: Keyword arguments of :class:`~mobile_robust.contracts.recipe.Tolerance`.
Bounds = Mapping[str, float]


@dataclass(frozen=True)
class PrecisionSpec:
    """One precision.

    Attributes:
        name: In recipes, manifests, file names and on command lines.
        targets: The kinds of file that can have it.
        rounding: The scheme of ``export/rounding.py`` for its weights, which reads calibration images; None: float32
            weights, and no calibration.
        bounds: The default tolerance, by scope.
        random_bounds: That of a pipeline around a random backbone, which is built for latency: its top-1 is a toss-up.
            None: as of any pipeline.
        integer: Activations are int8 too, with ranges from calibration images.
        gpu_arithmetic: What apps that care for speed let a GPU compute in.
        chosen_with: A precision whose name on a command line selects this one as well.
    """

    name: Precision
    targets: tuple[Target, ...]
    rounding: str | None
    bounds: Mapping[Scope, Bounds]
    random_bounds: Bounds | None = None
    integer: bool = False
    gpu_arithmetic: Literal["fp32", "fp16"] = "fp16"
    chosen_with: Precision | None = None

    def default_bounds(self, scope: Scope, random_backbone: bool) -> Bounds:
        """The tolerance where a recipe has none. ``random_backbone``: the recipe names no weights for its backbone."""
        if scope == "pipeline" and random_backbone and self.random_bounds is not None:
            return self.random_bounds
        return self.bounds[scope]


_REPAIR = {"snr_db": 25.0, "repair_snr_db": 3.0}
_RANDOM = {"snr_db": 15.0}

# A quantized pipeline is compared by what a user sees, the class.
PRECISIONS: dict[Precision, PrecisionSpec] = {
    spec.name: spec
    for spec in (
        PrecisionSpec(
            "fp32",
            targets=("tflite", "coreml"),
            rounding=None,
            bounds={"module": {"max_error": 1e-5}, "pipeline": {"max_error": 1e-5}},
            gpu_arithmetic="fp32",
        ),
        PrecisionSpec(
            "fp16",
            targets=("tflite", "coreml"),
            rounding="half",
            bounds={"module": {"max_error": 5e-3}, "pipeline": {"max_error": 5e-3}},
        ),
        PrecisionSpec(
            "int8",
            targets=("tflite",),
            rounding="int8",
            bounds={"module": _REPAIR, "pipeline": {"top1_agreement": 0.97}},
            random_bounds=_RANDOM,
            integer=True,
        ),
        PrecisionSpec(
            "int8w",
            targets=("coreml",),
            rounding="large_int8",
            bounds={"module": _REPAIR, "pipeline": {"top1_agreement": 0.97}},
            random_bounds=_RANDOM,
            chosen_with="int8",
        ),
        PrecisionSpec(
            "pal6",
            targets=("coreml",),
            rounding="large_palette",
            bounds={"module": _REPAIR, "pipeline": {"top1_agreement": 0.90}},
            random_bounds=_RANDOM,
        ),
    )
}


def precisions_of(target: Target) -> tuple[Precision, ...]:
    """The names of those that a kind of file can have."""
    return tuple(name for name, spec in PRECISIONS.items() if target in spec.targets)
