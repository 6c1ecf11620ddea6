"""What a module adds to the latency of its backbone, measured on the file that was built."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mobile_robust.contracts.overhead import AddedLatency
from mobile_robust.errors import InputError
from mobile_robust.export.targets.tflite import channels_last, convert_tflite
from mobile_robust.files import scratch_folder
from mobile_robust.layers.constant import fold_constants
from mobile_robust.methods.pipeline import Pipeline
from mobile_robust.pipelines import Model
from mobile_robust.quiet import quiet
from mobile_robust.reporting.intervals import median_interval
from mobile_robust.runtimes.base import Arrays
from mobile_robust.runtimes.registry import runtimes
from mobile_robust.runtimes.turns import clock_of, take_turns

#: Pairs of inferences, and the seconds that they may take.
PAIRS, MOST_SECONDS = 40, 20.0


class _Bare(nn.Module):
    """A pipeline without its adapter."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__()
        self.pipeline = pipeline

    def forward(self, image: Tensor) -> Tensor:
        return self.pipeline.baseline(image)


def added_latency(model: Model, file: Path) -> AddedLatency | None:
    """Of a recipe's float32 TFLite file beside its bare backbone, converted for the purpose and not kept: inference by
    inference in turn on LiteRT's CPU, one thread.

    None where the recipe has no backbone or no module, or where the backbone cannot be converted or run.
    """
    if model.pipeline is None or model.pipeline.is_baseline:
        return None
    size = model.recipe.input.height_width
    inputs, image = model.example(np.zeros((*size, 3), np.uint8)), torch.zeros(1, 3, *size)
    runtime = runtimes()["litert_cpu"].make_timed()
    with scratch_folder(file.parent) as folder, quiet():
        try:
            bare = fold_constants(_Bare(model.pipeline.frozen()).eval(), (image,))
            convert_tflite(bare, {"image": image}, "logits", folder / "bare.tflite")
            runtime.import_engine()
            with runtime.load(file) as ours, runtime.load(folder / "bare.tflite") as theirs:
                arrays = [_arrays(inputs)], [_arrays({"image": image})]
                samples = take_turns((ours, theirs), arrays, PAIRS, clock_of(runtime, 1), MOST_SECONDS)
        except (InputError, RuntimeError, ValueError):
            return None
    ours_ns, bare_ns = samples.T.astype(np.float64)
    added = median_interval(ours_ns / bare_ns - (model.recipe.scope == "pipeline"))
    share, low, high = (round(x, 4) for x in (added.value, added.low, added.high) if x is not None)  # of several pairs
    return AddedLatency(share=share, low=low, high=high, backbone_ms=round(float(np.median(bare_ns)) / 1e6, 4))


def _arrays(inputs: dict[str, Tensor]) -> Arrays:
    return {name: channels_last(x).numpy() for name, x in inputs.items()}
