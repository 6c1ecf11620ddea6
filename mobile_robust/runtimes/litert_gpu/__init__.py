"""The LiteRT GPU engine, the one phones use: here on WebGPU over Vulkan, or over SwiftShader where there is no GPU."""

from mobile_robust.runtimes.registry import RuntimeInfo

RUNTIMES = (
    RuntimeInfo(
        name="litert_gpu",
        target="tflite",
        accelerator="gpu",
        implementation=f"{__name__}.runtime:LitertGpu",
        description="the LiteRT GPU engine in float32; every operation must be on it",
        packages=("ai-edge-litert",),
        timed=True,
        arithmetic="fp32",
    ),
)
