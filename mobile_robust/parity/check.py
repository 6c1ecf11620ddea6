"""Runs an artifact on every runtime of this machine and compares it with the stored PyTorch reference."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobile_robust.contracts.manifest import Layout, ParityResult, Placement
from mobile_robust.contracts.recipe import Target, Tolerance
from mobile_robust.errors import InputError, unknown
from mobile_robust.parity.metrics import NotFiniteError, compare, judge
from mobile_robust.parity.reference import Reference, channels_first
from mobile_robust.runtimes import gpu_delegate
from mobile_robust.runtimes.base import EngineError, PlacementError, Runtime
from mobile_robust.runtimes.coreml_device import CoremlDevice
from mobile_robust.runtimes.coreml_mil.runtime import CoremlMil
from mobile_robust.runtimes.emulator.runtime import LitertArm64, LitertArmv9
from mobile_robust.runtimes.litert_cpu import LitertCpu
from mobile_robust.runtimes.litert_gpu.runtime import LitertGpu

RUNTIMES: dict[str, type[Runtime]] = {
    r.name: r for r in (LitertCpu, LitertGpu, LitertArm64, LitertArmv9, CoremlMil, CoremlDevice)
}
#: All checks: the runtimes, and the op table of Android's GPU delegate, which executes nothing.
CHECKS: dict[str, Target] = {**{name: r.target for name, r in RUNTIMES.items()}, gpu_delegate.NAME: "tflite"}
#: Those that every build is proven with.
DEFAULT_CHECKS = [name for name in CHECKS if name not in RUNTIMES or not RUNTIMES[name].on_request]

#: A bound on agreement needs many images, a bound on the error shows on few: at most so many are run for the latter.
ERROR_IMAGES = 4

#: Absolute errors kept per artifact and runtime for the report's histograms.
ERROR_SAMPLES = 4000

Errors = NDArray[np.float32]


def select_checks(names: Sequence[str] | None) -> list[str]:
    """The named checks, or the default ones.

    Raises:
        InputError: A name is unknown.
    """
    for name in names or ():
        if name not in CHECKS:
            raise unknown("runtime", name, CHECKS)
    return list(names or DEFAULT_CHECKS)


def require(names: Sequence[str]) -> None:
    """Checks that runtimes asked for by name can run.

    Raises:
        InputError: One cannot, with the reason.
    """
    for name in names:
        reason = RUNTIMES[name]().unavailable() if name in RUNTIMES else None
        if reason:
            raise InputError(f"--runtime {name}: not available on this machine: {reason}")


def prove(
    artifact: Path,
    target: Target,
    tolerance: Tolerance,
    reference: Reference,
    checks: Sequence[str],
    step: Callable[[str], None] = lambda _: None,
) -> tuple[list[ParityResult], dict[str, Errors]]:
    """Every check of the artifact's target, in order.

    Args:
        artifact: The file.
        target: What kind of file it is.
        tolerance: What counts as equal.
        reference: Inputs and expected output.
        checks: Names among :data:`CHECKS`.
        step: Told of each check as it begins.

    Returns:
        One result per check, and by runtime name a sample of errors as fractions of the reference's range.

    Raises:
        InputError: The file is truncated or of another kind.
    """
    results, samples = [], {}
    for name in checks:
        if CHECKS[name] != target:
            continue
        step(f"{artifact.name} on {name}")
        if name == gpu_delegate.NAME:
            results.append(gpu_delegate.check_op_table(artifact))
            continue
        result, errors = _run(RUNTIMES[name](), artifact, tolerance, reference)
        results.append(result)
        if errors is not None:
            samples[name] = errors
    return results, samples


def answered_by(name: str, artifact: Path, reference: Reference) -> Reference:
    """The reference with the answers of a runtime to the same file in the place of PyTorch's.

    Args:
        name: Among :data:`RUNTIMES`; one that can run here.
        artifact: The file, of the runtime's target.
        reference: Inputs.

    Raises:
        InputError: The file is truncated or of another kind, or the runtime does not take it.
    """
    try:
        return replace(reference, expected=_execute(RUNTIMES[name](), artifact, reference, len(reference))[0])
    except (PlacementError, EngineError) as error:
        raise InputError(f"--against {name}: {error}") from None


def _run(
    runtime: Runtime, artifact: Path, tolerance: Tolerance, reference: Reference
) -> tuple[ParityResult, Errors | None]:
    start = time.perf_counter()
    reason = runtime.unavailable()
    if reason:
        return ParityResult(runtime=runtime.name, verdict="skipped", reason=reason), None
    count = len(reference) if tolerance.top1_agreement else min(len(reference), ERROR_IMAGES)
    expected = reference.expected[:count]
    try:
        got, placement = _execute(runtime, artifact, reference, count)
        metrics = compare(expected, got, reference.output == "logits", reference.unrepaired(count))
    except (PlacementError, EngineError, NotFiniteError) as error:
        failed = ParityResult(
            runtime=runtime.name,
            verdict="fail",
            tolerance=tolerance,
            failures=(str(error),),
            seconds=time.perf_counter() - start,
        )
        return failed, None
    failures = judge(metrics, tolerance, reference.output)
    result = ParityResult(
        runtime=runtime.name,
        verdict="fail" if failures else "pass",
        tolerance=tolerance,
        metrics={reference.output: metrics},
        placement=placement,
        failures=tuple(failures),
        seconds=time.perf_counter() - start,
    )
    return result, _sample(expected, got)


def _execute(
    runtime: Runtime, artifact: Path, reference: Reference, count: int
) -> tuple[NDArray[np.float32], Placement | None]:
    session = runtime.open(artifact)
    layout: Layout = "NHWC" if runtime.target == "tflite" else "NCHW"
    try:
        outputs = []
        for index in range(count):
            try:
                array = session.run(reference.inputs(index, layout))[reference.output]
            except (KeyError, ValueError) as error:
                raise InputError(f"{artifact}: takes or gives other tensors than the reference: {error}") from None
            outputs.append(channels_first(array) if layout == "NHWC" else array)
            if outputs[-1].shape[1:] != reference.expected.shape[1:]:
                shapes = f"{outputs[-1].shape[1:]}, of the reference {reference.expected.shape[1:]}"
                raise InputError(f"{artifact}: output {reference.output} is of shape {shapes}")
        return np.concatenate(outputs), session.placement
    finally:
        session.close()


def _sample(expected: NDArray[np.float32], got: NDArray[np.float32]) -> Errors:
    span = float(np.ptp(expected)) or 1.0
    errors = np.abs(got - expected).ravel() / span
    return errors[:: max(1, len(errors) // ERROR_SAMPLES)].astype(np.float32)
