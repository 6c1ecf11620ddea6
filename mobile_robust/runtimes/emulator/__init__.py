"""LiteRT's ARM64 build on emulated phones: the very kernels that a phone's CPU runs."""

from mobile_robust.runtimes.registry import RuntimeInfo

_IMPLEMENTATION = f"{__name__}.runtime"
RUNTIMES = tuple(
    RuntimeInfo(
        name=name,
        target="tflite",
        accelerator="cpu",
        implementation=f"{_IMPLEMENTATION}:{implementation}",
        description=description,
        default=False,
    )
    for name, implementation, description in (
        ("litert_arm64", "LitertArm64", "a Snapdragon 865's kernels, emulated; fp16 files in half precision"),
        ("litert_armv9", "LitertArmv9", "a newer phone's kernels, likewise; mobile_robust.arm64 setup installs both"),
    )
)
