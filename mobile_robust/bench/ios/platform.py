"""iOS as the session sees it: Core ML's compute units as runtimes, and how hot a phone may be."""

from __future__ import annotations

from mobile_robust.bench.device.transport import DeviceRuntime, Platform
from mobile_robust.contracts.precisions import Precision
from mobile_robust.contracts.result import Accelerator


def _compute_units(accelerator: Accelerator, without: tuple[Precision, ...] = ()) -> DeviceRuntime:
    # Core ML is part of the system, whose version is in the result's device.
    return DeviceRuntime(f"coreml_{accelerator}", accelerator, "system", ".mlpackage", target="coreml", without=without)


IOS = Platform(
    name="ios",
    runtimes=(
        _compute_units("cpu"),
        _compute_units("gpu"),
        _compute_units("npu", without=("fp32",)),  # the Neural Engine computes in half precision only
        _compute_units("all"),
    ),
    max_thermal_status=1,  # ProcessInfo.ThermalState.fair
    file_problems=lambda _: [],  # every package is made for iOS 16, the oldest the app runs on
)
