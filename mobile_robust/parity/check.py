"""Runs an artifact on runtimes of this machine and compares it with the stored PyTorch reference."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobile_robust.contracts.manifest import Artifact, ParityResult, Placement
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.parity.metrics import NotFiniteError, check_tolerance, compare
from mobile_robust.parity.reference import Reference, channels_first
from mobile_robust.runtimes.base import EngineError, PlacementError
from mobile_robust.runtimes.registry import RuntimeInfo
from mobile_robust.tflite import file as tflite_file

#: A bound on agreement needs many images, a bound on the error shows on few: where the recipe does not say how many are
#: compared, at most so many are run for the latter.
ERROR_IMAGES = 4

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
        file: What was already read from it, see :func:`read_once`.

    Returns:
        One result per check, and by runtime name a sample of errors as fractions of the reference's range.

    Raises:
        InputError: The file is truncated or of another kind.
    """
    results, samples = [], {}
    for info in checks:
        if info.target != artifact.target:
            continue
        on_step(f"{artifact.file} on {info.name}")
        if info.executes and (reason := info.make().unavailable()):
            results.append(ParityResult(runtime=info.name, verdict="skipped", reason=reason))
            continue
        file = file or _read_once(folder, artifact)
        if not info.executes:
            results.append(info.load()(file))
            continue
        result, errors = _check_on(info, file, artifact, recipe, reference)
        results.append(result)
        if errors is not None:
            samples[info.name] = errors
    return results, samples


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
    info: RuntimeInfo, file: PathLike[str], artifact: Artifact, recipe: Recipe, reference: Reference
) -> tuple[ParityResult, Errors | None]:
    start = time.perf_counter()
    tolerance = recipe.tolerance(artifact.precision)
    count = len(reference)
    if not tolerance.top1_agreement and not recipe.parity.images:
        count = min(count, ERROR_IMAGES)
    expected, output = reference.expected[:count], reference.output.name
    metrics, placement, errors = {}, None, None
    try:
        got, placement = _execute(info, file, artifact, reference, count)
        metrics[output] = compare(expected, got, reference.of_classifier, reference.unrepaired(count))
        failures = check_tolerance(metrics[output], tolerance, output)
        errors = _sample(expected, got)
    except (PlacementError, EngineError, NotFiniteError) as error:
        failures = [str(error)]
    result = ParityResult(
        runtime=info.name,
        verdict="fail" if failures else "pass",
        images=count if metrics else None,
        tolerance=tolerance,
        metrics=metrics,
        placement=placement,
        failures=tuple(failures),
        seconds=time.perf_counter() - start,
    )
    return result, errors


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
