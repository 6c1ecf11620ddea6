"""Parity on a device: its runtime's outputs for the first photos, against PyTorch under the manifest's tolerances.

The bounds of quantized files are for the photos that the build was verified with. Others may exceed the calibrated
ranges of int8 more often, and one photo in twenty already breaks a top-1 agreement of 97 %. So where the same file does
worse on this computer, for the same photos, the device is held to that instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from math import floor, prod

import numpy as np
from numpy.typing import NDArray

from mobile_robust.bench.device.outputs import StoredOutputs
from mobile_robust.bench.inputs import Photos
from mobile_robust.bench.models import Model
from mobile_robust.bench.resume import key
from mobile_robust.contracts.manifest import Metrics, ParityResult
from mobile_robust.contracts.recipe import Tolerance
from mobile_robust.contracts.result import Result, Run
from mobile_robust.export.build import make_reference
from mobile_robust.parity.metrics import NotFiniteError, check_tolerance, compare
from mobile_robust.parity.reference import Reference, channels_first
from mobile_robust.pipelines import rebuild
from mobile_robust.runtimes.base import EngineError
from mobile_robust.runtimes.registry import runtimes

#: Bounds that depend on the photos, and by how much a device, whose kernels round otherwise, may fall below.
_SLACK = {"snr_db": 0.5, "repair_snr_db": 0.5, "top1_agreement": 0.0}
#: What executes a kind of file on any computer.
_HERE = {"tflite": "litert_cpu", "coreml": "coreml_mil"}


@dataclass(frozen=True)
class ParityCheck:
    """The verdict on one run, and over how many photos."""

    run: Run
    photos: int
    verdict: ParityResult


class ParityChecker:
    """Checks results of several devices against the same references, which take PyTorch a while.

    Args:
        models: What was measured.
        photos: The test set.
    """

    def __init__(self, models: Sequence[Model], photos: Photos) -> None:
        self._models, self._photos = models, photos
        self._references: dict[str, Reference] = {}

    def check(self, result: Result, outputs: StoredOutputs) -> list[ParityCheck]:
        """One check a run of the result that was loaded, in their order."""
        runs = {run.key: run for run in result.runs}
        return [self._check(model, runs[key(model)], outputs) for model in self._models if runs[key(model)].load_ns]

    def _check(self, model: Model, run: Run, outputs: StoredOutputs) -> ParityCheck:
        tolerance = model.manifest.recipe.tolerance(model.artifact.precision)
        photos, metrics = 0, {}
        try:
            rows = outputs.load(run, sum(prod(tensor.shape) for tensor in model.artifact.outputs))
            photos = len(rows)
            reference = self._reference(model, photos)
            tolerance = _relaxed(tolerance, model, reference)
            name = reference.output.name
            metrics[name] = _compare(reference, model, rows)
            failures = check_tolerance(metrics[name], tolerance, name)
        except OSError:
            failures = ["its outputs did not arrive, or not as their checksums in the result say: nothing was compared"]
        except (NotFiniteError, EngineError) as error:
            failures = [str(error)]
        verdict = ParityResult(
            runtime=run.runtime.name,
            verdict="fail" if failures else "pass",
            tolerance=tolerance,
            metrics=metrics,
            placement=run.actual,
            failures=tuple(failures),
        )
        return ParityCheck(run, photos, verdict)

    def _reference(self, model: Model, count: int) -> Reference:
        """Of the first ``count`` photos."""
        known = self._references.get(model.manifest.fingerprint)
        if known is None or len(known) < count:
            size = model.manifest.recipe.input.height_width
            known = make_reference(rebuild(model.folder, model.manifest), list(islice(self._photos.crops(size), count)))
            self._references[model.manifest.fingerprint] = known
        return known.first(count)


def _compare(reference: Reference, model: Model, rows: NDArray[np.float32]) -> Metrics:
    """``rows``: all outputs of the model, a row an input."""
    start = 0
    for tensor in model.artifact.outputs:
        stop = start + prod(tensor.shape)
        if tensor.name == reference.output.name:
            values = rows[:, start:stop].reshape(-1, *tensor.shape[1:])
            got = channels_first(values, tensor.layout)
            return compare(reference.expected, got, reference.of_classifier, reference.unrepaired(len(rows)))
        start = stop
    raise ValueError(f"{model.path} has no output {reference.output.name}")


def _relaxed(tolerance: Tolerance, model: Model, reference: Reference) -> Tolerance:
    """Bounds that depend on the photos, no stricter than what the file reaches on this computer; see the module."""
    bounds = {name: bound for name in _SLACK if (bound := getattr(tolerance, name)) is not None}
    if not bounds:
        return tolerance
    inputs, names = model.artifact.inputs, [tensor.name for tensor in model.artifact.outputs]
    with runtimes()[_HERE[model.artifact.target]].make().open(model.path) as session:
        outputs = [session.predict(reference.inputs_of(inputs, index)) for index in range(len(reference))]
    rows = [np.concatenate([values[name].ravel() for name in names]) for values in outputs]
    found = _compare(reference, model, np.stack(rows))
    lower = {}
    for name, bound in bounds.items():
        if (reached := getattr(found, name)) is not None:  # None: exact
            lower[name] = min(bound, floor(100 * (reached - _SLACK[name])) / 100)  # two digits are enough to read
    return tolerance.model_copy(update=lower)
