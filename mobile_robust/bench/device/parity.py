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
from mobile_robust.runtimes.litert_cpu import LitertCpu

#: Bounds that depend on the photos, and by how much a device, whose kernels round otherwise, may fall below.
_SLACK = {"snr_db": 0.5, "repair_snr_db": 0.5, "top1_agreement": 0.0}


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
        try:
            rows = outputs.load(run, sum(prod(tensor.shape) for tensor in model.artifact.outputs))
            reference = self._reference(model, len(rows))
            got = _named_output(model, rows, reference.output.name)
            tolerance = _relaxed(tolerance, model, reference, len(rows))
            metrics = _compare(reference, got)
        except OSError:
            why = "its outputs did not arrive, or not as their checksums in the result say: nothing was compared"
            return ParityCheck(run, 0, _failed(run, tolerance, why))
        except NotFiniteError as error:
            return ParityCheck(run, len(rows), _failed(run, tolerance, str(error)))
        failures = check_tolerance(metrics, tolerance, reference.output.name)
        verdict = ParityResult(
            runtime=run.runtime.name,
            verdict="fail" if failures else "pass",
            tolerance=tolerance,
            metrics={reference.output.name: metrics},
            placement=run.actual,
            failures=tuple(failures),
        )
        return ParityCheck(run, len(rows), verdict)

    def _reference(self, model: Model, count: int) -> Reference:
        known = self._references.get(model.manifest.fingerprint)
        if known is None or len(known) < count:
            size = model.manifest.recipe.input.height_width
            known = make_reference(rebuild(model.folder, model.manifest), list(islice(self._photos.crops(size), count)))
            self._references[model.manifest.fingerprint] = known
        return known


def _named_output(model: Model, rows: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """One output of all inputs, channels first."""
    start = 0
    for tensor in model.artifact.outputs:
        stop = start + prod(tensor.shape)
        if tensor.name == name:
            return np.concatenate(
                [channels_first(row[start:stop].reshape(tensor.shape), tensor.layout) for row in rows]
            )
        start = stop
    raise ValueError(f"{model.path} has no output {name}")


def _compare(reference: Reference, got: NDArray[np.float32]) -> Metrics:
    count = len(got)
    return compare(reference.expected[:count], got, reference.of_classifier, reference.unrepaired(count))


def _relaxed(tolerance: Tolerance, model: Model, reference: Reference, count: int) -> Tolerance:
    """Bounds that depend on the photos, no stricter than what the file reaches on this computer; see the module."""
    asked = {name: getattr(tolerance, name) for name in _SLACK if getattr(tolerance, name) is not None}
    if not asked:
        return tolerance
    inputs, name = model.artifact.inputs, reference.output.name
    with LitertCpu().open(model.path) as session:
        rows = [session.predict(reference.inputs_of(inputs, index))[name].ravel() for index in range(count)]
    found = _compare(reference, _named_output(model, np.stack(rows), name))
    reached = {name: getattr(found, name) for name in asked}  # None: exact
    lower = {
        name: min(bound, floor(100 * (reached[name] - _SLACK[name])) / 100)  # two digits are enough to read
        for name, bound in asked.items()
        if reached[name] is not None
    }
    return tolerance.model_copy(update=lower)


def _failed(run: Run, tolerance: Tolerance, why: str) -> ParityResult:
    return ParityResult(runtime=run.runtime.name, verdict="fail", tolerance=tolerance, failures=(why,))
