"""Android as the session sees it: the runtimes inside the APK, and how hot a phone may be."""

from __future__ import annotations

from mobile_robust.bench.device.transport import DeviceRuntime, Platform
from mobile_robust.tflite.op_versions import RUNTIME_VERSION, too_new

ANDROID = Platform(
    name="android",
    runtimes=(
        DeviceRuntime("tflite_cpu", "cpu", RUNTIME_VERSION, ".tflite"),
        # Float32 files in full precision, all others in half, as apps do that are built for speed.
        DeviceRuntime(
            "tflite_gpu", "gpu", RUNTIME_VERSION, ".tflite", {"fp32": "fp32", "fp16": "fp16", "int8": "fp16"}
        ),
    ),
    max_thermal_status=2,  # PowerManager.THERMAL_STATUS_MODERATE
    file_problems=too_new,
)
