"""Runs an artifact on runtimes of this machine and compares it with the stored PyTorch reference."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobile_robust.contracts.manifest import Artifact, Metrics, ParityResult, Placement
from mobile_robust.contracts.precisions import PRECISIONS
from mobile_robust.contracts.recipe import Recipe, Tolerance
from mobile_robust.errors import InputError
from mobile_robust.parity.agreement import wilson
from mobile_robust.parity.metrics import NotFiniteError, check_tolerance, compare
from mobile_robust.parity.reference import Reference, channels_first
from mobile_robust.runtimes.base import EngineError, PlacementError
from mobile_robust.runtimes.registry import RuntimeInfo, find
from mobile_robust.tflite import file as tflite_file

#: A bound on agreement needs many images, a bound on the error shows on few: where the recipe does not say how many are
#: compared, at most so many are run for the latter.
ERROR_IMAGES = 4
#: Of photos that a user gives, at most so many are kept for the former, where the recipe does not say how many.
AGREEMENT_IMAGES = 200

#: Absolute errors kept per artifact and runtime for the report's histograms.
ERROR_SAMPLES = 4000

Errors = NDArray[np.float32]


def check(
    folder: Path,
    artifact: Artifact,
    recipe: Recipe,
    reference: Reference,
    checks: Iterable[RuntimeInfo],
    on_step: Callable[[str], None] = lambda _: None,
    file: PathLike[str] | None = None,
) -> tuple[list[ParityResult], dict[str, Errors]]:
    """Every check of the artifact's target, in order; those of another target are left out.

    Args:
        folder: Of the build.
        artifact: Its entry in the manifest.
        recipe: Says what counts as equal.
        reference: Inputs and expected output.
        checks: From the registry.
        on_step: Called with a description of each check as it begins.
        file: What was already read from it, or was compiled from it.

    Returns:
        One result per check (of an int8 file two where the runtime is compared with another one too), and by runtime
        name a sample of errors as fractions of the reference's range.

    Raises:
        InputError: The file is truncated or of another kind.
    """
    results, samples = [], {}
    for info in checks:
        if info.target != artifact.target:
            continue
        on_step(f"{artifact.file} on {info.name}")
        if reason := info.skip or (info.make().unavailable() if info.executes else None):
            results.append(ParityResult(runtime=info.name, verdict="skipped", reason=reason))
            continue
        file = file or _read_once(folder, artifact)
        if not info.executes:
            results.append(info.load()(file))
            continue
        made, errors = _check_on(info, file, folder, artifact, recipe, reference)
        results += made
        if errors is not None:
            samples[info.name] = errors
    return results, samples


def check_compiled(
    folder: Path,
    file: PathLike[str],
    artifact: Artifact,
    recipe: Recipe,
    reference: Reference,
    checks: Iterable[RuntimeInfo],
    on_step: Callable[[str], None] = lambda _: None,
) -> list[ParityResult]:
    """:func:`check` of a ``file`` that was compiled from an artifact into one operation, which stands for all of it."""
    total = sum(artifact.operations.values())
    results, _ = check(folder, artifact, recipe, reference, checks, on_step, file)
    placed = {"total_ops": total, "placed_ops": total}
    placements = [result.placement and result.placement.model_copy(update=placed) for result in results]
    return [result.model_copy(update={"placement": where}) for result, where in zip(results, placements, strict=True)]


def _read_once(folder: Path, artifact: Artifact) -> PathLike[str]:
    """What runtimes open: of a TFLite file its content, so that each of them need not read it anew."""
    path = folder / artifact.file
    return tflite_file.read(path) if artifact.target == "tflite" else path


def computed_by(info: RuntimeInfo, folder: Path, artifact: Artifact, reference: Reference) -> Reference:
    """The reference with the outputs of an available runtime in place of PyTorch's, of an artifact of its target.

    Raises:
        InputError: The file is truncated or of another kind, or the runtime does not take it.
    """
    try:
        outputs, _ = _execute(info, _read_once(folder, artifact), artifact, reference, len(reference))
    except (PlacementError, EngineError) as error:
        raise InputError(f"--against {info.name}: {error}") from None
    return replace(reference, expected=outputs)


def _check_on(
    info: RuntimeInfo, file: PathLike[str], folder: Path, artifact: Artifact, recipe: Recipe, reference: Reference
) -> tuple[list[ParityResult], Errors | None]:
    start = time.perf_counter()
    # Of a float32 file that is computed in half precision no more can be asked than of a half-precision one.
    half = info.arithmetic == "fp16" and artifact.precision == "fp32"
    tolerance = recipe.tolerance("fp16" if half else artifact.precision)
    count = len(reference)
    if not recipe.parity.images:
        few = recipe.parity_images if tolerance.top1_agreement else ERROR_IMAGES
        count = count if tolerance.top1_agreement and info.quick else min(count, few)
    expected = reference.expected[:count]
    try:
        got, placement = _execute(info, file, artifact, reference, count)
    except (PlacementError, EngineError) as error:
        return [_result(info, tolerance, {}, [str(error)], start)], None
    metrics, failures = _compared(expected, got, tolerance, reference)
    results = [_result(info, tolerance, metrics, failures, start, placement, count)]
    if info.integer_against and PRECISIONS[artifact.precision].integer:
        start, other = time.perf_counter(), find(info.integer_against)
        try:
            integer, _ = _execute(other, _read_once(folder, artifact), artifact, reference, count)
            metrics, failures = _compared(integer, got, tolerance, reference)
        except EngineError as error:
            metrics, failures = {}, [str(error)]
        results.append(_result(info, tolerance, metrics, failures, start, placement, count, other.name))
    return results, _sample(expected, got) if results[0].metrics else None


def _compared(
    expected: NDArray[np.float32], got: NDArray[np.float32], tolerance: Tolerance, reference: Reference
) -> tuple[dict[str, Metrics], list[str]]:
    """Metrics by output name, and a sentence per bound that is missed."""
    output = reference.output.name
    try:
        metrics = compare(expected, got, reference.of_classifier, reference.unrepaired(len(expected)))
    except NotFiniteError as error:
        return {}, [str(error)]
    if metrics.top1_agreement is not None:
        interval = wilson(metrics.top1_agreement, len(expected))
        metrics = metrics.model_copy(update={"top1_interval": interval})
    return {output: metrics}, check_tolerance(metrics, tolerance, output)


def _result(
    info: RuntimeInfo,
    tolerance: Tolerance,
    metrics: dict[str, Metrics],
    failures: list[str],
    start: float,
    placement: Placement | None = None,
    count: int | None = None,
    against: str | None = None,
) -> ParityResult:
    return ParityResult(
        runtime=info.name,
        against=against,
        verdict="fail" if failures else "pass",
        images=count if metrics else None,
        tolerance=tolerance,
        metrics=metrics,
        placement=placement,
        failures=tuple(failures),
        seconds=time.perf_counter() - start,
    )


def _execute(
    info: RuntimeInfo, file: PathLike[str], artifact: Artifact, reference: Reference, count: int
) -> tuple[NDArray[np.float32], Placement | None]:
    """(N, …) outputs for the first inputs, channels first."""
    name, shape = reference.output.name, reference.expected.shape[1:]
    outputs = []
    with info.make().open(file) as session:
        for index in range(count):
            try:
                got = session.predict(reference.inputs_of(artifact.inputs, index))[name]
                (layout,) = [tensor.layout for tensor in artifact.outputs if tensor.name == name]
            except (KeyError, ValueError) as error:
                raise InputError(f"{Path(file)}: takes or gives other tensors than the reference: {error}") from None
            outputs.append(channels_first(got, layout))
            if outputs[-1].shape[1:] != shape:
                shapes = f"{outputs[-1].shape[1:]}, of the reference {shape}"
                raise InputError(f"{Path(file)}: output {name} is of shape {shapes}")
        return np.concatenate(outputs), session.placement


def _sample(expected: NDArray[np.float32], got: NDArray[np.float32]) -> Errors:
    span = float(np.ptp(expected)) or 1.0
    errors = np.abs(got - expected).ravel() / span
    return errors[:: max(1, len(errors) // ERROR_SAMPLES)].astype(np.float32)
