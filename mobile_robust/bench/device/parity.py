"""Parity on the phone: what its runtime answered to the first photos, against PyTorch under the manifest's tolerances.

The bounds of quantized files are for the photos that the build was proven with. Others may strain the ranges of int8
more, and one photo in twenty already breaks a top-1 agreement of 97 %. So where the same file does worse on this
computer, for the same photos, that is as much as is asked of the phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from math import floor, prod

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mobile_robust.bench.device.outputs import Answers
from mobile_robust.bench.inputs import Photos
from mobile_robust.bench.models import Model
from mobile_robust.bench.resume import key
from mobile_robust.contracts.manifest import Metrics, ParityResult
from mobile_robust.contracts.recipe import Tolerance
from mobile_robust.contracts.result import Result, Run
from mobile_robust.convert.build import make_reference
from mobile_robust.parity.metrics import NotFiniteError, check_tolerance, compare
from mobile_robust.parity.reference import Reference, channels_first
from mobile_robust.parity.table import STYLES, SYMBOLS, tolerance_text, worst_text
from mobile_robust.pipelines import rebuild
from mobile_robust.runtimes.litert_cpu import LitertCpu

#: Bounds that depend on the photos, and by how much a phone, whose kernels round otherwise, may stay behind.
_SLACK = {"snr_db": 0.5, "repair_snr_db": 0.5, "top1_agreement": 0.0}


@dataclass(frozen=True)
class Proof:
    """The verdict on one run, and on how many photos."""

    run: Run
    photos: int
    verdict: ParityResult


class Prover:
    """Keeps the references, which take PyTorch a while, for all phones.

    Args:
        models: What was measured.
        photos: The test set.
    """

    def __init__(self, models: Sequence[Model], photos: Photos) -> None:
        self._models, self._photos = models, photos
        self._references: dict[str, Reference] = {}

    def prove(self, result: Result, answers: Answers) -> list[Proof]:
        """One proof a run of the result that was loaded, in their order."""
        runs = {run.key: run for run in result.runs}
        return [self._prove(model, runs[key(model)], answers) for model in self._models if runs[key(model)].load_ns]

    def _prove(self, model: Model, run: Run, answers: Answers) -> Proof:
        tolerance = model.manifest.recipe.tolerance(model.artifact.precision)
        try:
            rows = answers.load(run, sum(prod(tensor.shape) for tensor in model.artifact.outputs))
            reference = self._reference(model, len(rows))
            got = _output(model, rows, reference.output.name)
            tolerance = _as_on_this_computer(tolerance, model, reference, len(rows))
            metrics = _compare(reference, got)
        except OSError:
            why = "its answers did not arrive, or not as their checksums in the result say: nothing is proven"
            return Proof(run, 0, _failed(run, tolerance, why))
        except NotFiniteError as error:
            return Proof(run, len(rows), _failed(run, tolerance, str(error)))
        failures = check_tolerance(metrics, tolerance, reference.output.name)
        verdict = ParityResult(
            runtime=run.runtime.name,
            verdict="fail" if failures else "pass",
            tolerance=tolerance,
            metrics={reference.output.name: metrics},
            placement=run.actual,
            failures=tuple(failures),
        )
        return Proof(run, len(rows), verdict)

    def _reference(self, model: Model, count: int) -> Reference:
        known = self._references.get(model.manifest.fingerprint)
        if known is None or len(known) < count:
            size = model.manifest.recipe.input.height_width
            known = make_reference(rebuild(model.folder, model.manifest), list(islice(self._photos.crops(size), count)))
            self._references[model.manifest.fingerprint] = known
        return known


def _output(model: Model, rows: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """One output of all answers, channels first."""
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


def _as_on_this_computer(tolerance: Tolerance, model: Model, reference: Reference, count: int) -> Tolerance:
    """See the file."""
    asked = {name: getattr(tolerance, name) for name in _SLACK if getattr(tolerance, name) is not None}
    if not asked:
        return tolerance
    inputs, name = model.artifact.inputs, reference.output.name
    with LitertCpu().open(model.path) as session:
        rows = [session.predict(reference.inputs_of(inputs, index))[name].ravel() for index in range(count)]
    found = _compare(reference, _output(model, np.stack(rows), name))
    reached = {name: getattr(found, name) for name in asked}  # None: exact
    lower = {
        name: min(bound, floor(100 * (reached[name] - _SLACK[name])) / 100)  # two digits are enough to read
        for name, bound in asked.items()
        if reached[name] is not None
    }
    return tolerance.model_copy(update=lower)


def _failed(run: Run, tolerance: Tolerance, why: str) -> ParityResult:
    return ParityResult(runtime=run.runtime.name, verdict="fail", tolerance=tolerance, failures=(why,))


def print_proofs(proofs: Sequence[Proof], console: Console) -> None:
    """A table; below it every failure in full."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("parity on the phone", no_wrap=True)
    table.add_column("runtime", no_wrap=True)
    table.add_column("photos", justify="right")
    table.add_column("worst error", justify="right", overflow="fold")
    table.add_column("tolerance", justify="right", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    for proof in proofs:
        verdict = proof.verdict
        words = Text(f"{SYMBOLS[verdict.verdict]} {verdict.verdict}", style=STYLES[verdict.verdict])
        where = (proof.run.artifact, verdict.runtime, str(proof.photos))
        table.add_row(*map(Text, (*where, worst_text(verdict), tolerance_text(verdict.tolerance))), words)
    console.print(table)
    for proof in proofs:
        for sentence in proof.verdict.failures:
            console.print(Text.assemble((f"{proof.run.artifact} on {proof.verdict.runtime}: ", "bold red"), sentence))
