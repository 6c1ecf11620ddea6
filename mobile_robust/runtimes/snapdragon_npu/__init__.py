"""Qualcomm's NPU (Hexagon, HTP) without a phone: LiteRT's compiler plug-in, and Qualcomm's emulator of it."""

from mobile_robust.runtimes.registry import RuntimeInfo

#: The chips that LiteRT's Qualcomm plug-in compiles for: Snapdragon 8 Gen 3 first, the default.
CHIPS = ("SM8650", "SM8350", "SM8450", "SM8475", "SM8550", "SM8750", "SM8845", "SM8850", "SA8255", "SA8295")

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
