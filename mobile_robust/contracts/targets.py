"""The kinds of file that a recipe is built into: one row each. What writes them is ``export/targets/NAME.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Target = Literal["tflite", "coreml"]


@dataclass(frozen=True)
class TargetSpec:
    """One kind of file; ``suffix`` is of a file (TFLite) or a folder (Core ML)."""

    name: Target
    title: str
    suffix: str
    layout: Literal["NHWC", "NCHW"]  # of tensors with four dimensions


TARGETS: dict[Target, TargetSpec] = {
    spec.name: spec
    for spec in (
        TargetSpec("tflite", "TFLite", ".tflite", "NHWC"),
        TargetSpec("coreml", "Core ML", ".mlpackage", "NCHW"),
    )
}
