"""Qualcomm's NPU (Hexagon, HTP) without a phone: LiteRT's compiler plug-in, and Qualcomm's emulator of it."""

from mobile_robust.contracts.chips import CHIPS
from mobile_robust.runtimes.registry import RuntimeInfo

RUNTIMES = (
    RuntimeInfo(
        name="snapdragon_npu",
        target="tflite",
        accelerator="npu",
        implementation=f"{__name__}.runtime:SnapdragonNpu",
        description="compiled for a Snapdragon's NPU, emulated; every operation must be on it",
        packages=("ai-edge-litert", "onnxruntime-qnn", "onnxruntime"),
        default=False,
        arithmetic="fp16",
        integer_against="litert_cpu",
        chips=CHIPS,
    ),
)
