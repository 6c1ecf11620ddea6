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
#: For a module, for a pipeline, and for a pipeline around a random backbone (whose top-1 is a toss-up): keyword
#: arguments of :class:`~mobile_robust.contracts.recipe.Tolerance`.
Bounds = Mapping[Literal["module", "pipeline", "random pipeline"], Mapping[str, float]]


@dataclass(frozen=True)
class PrecisionSpec:
    """One precision, by its name in recipes, manifests, file names and on command lines."""

    name: Precision
    targets: tuple[Target, ...]  # the kinds of file that can have it
    rounding: str | None  # the scheme of export/rounding.py for its weights; None: float32, without calibration
    bounds: Bounds  # the tolerance where a recipe has none
    integer: bool = False  # activations are int8 too, with ranges from calibration images
    gpu_arithmetic: Literal["fp32", "fp16"] = "fp16"  # what apps that care for speed let a GPU compute in
    chosen_with: Precision | None = None  # a precision whose name on a command line selects this one as well


def _fine(max_error: float) -> Bounds:
    bound = {"max_error": max_error}
    return {"module": bound, "pipeline": bound, "random pipeline": bound}


def _coarse(top1_agreement: float) -> Bounds:
    """A trained pipeline is compared by what a user sees, the class."""
    return {
        "module": {"snr_db": 25.0, "repair_snr_db": 3.0},
        "pipeline": {"top1_agreement": top1_agreement},
        "random pipeline": {"snr_db": 15.0},
    }


PRECISIONS: dict[Precision, PrecisionSpec] = {
    spec.name: spec
    for spec in (
        PrecisionSpec("fp32", ("tflite", "coreml"), None, _fine(1e-5), gpu_arithmetic="fp32"),
        PrecisionSpec("fp16", ("tflite", "coreml"), "half", _fine(5e-3)),
        PrecisionSpec("int8", ("tflite",), "int8", _coarse(0.97), integer=True),
        PrecisionSpec("int8w", ("coreml",), "large_int8", _coarse(0.97), chosen_with="int8"),
        PrecisionSpec("pal6", ("coreml",), "large_palette", _coarse(0.90)),
    )
}


def precisions_of(target: Target) -> tuple[Precision, ...]:
    """The names of those that a kind of file can have."""
    return tuple(name for name, spec in PRECISIONS.items() if target in spec.targets)
