"""The Core ML reference runtime, which executes a saved package's operations in PyTorch, on any machine."""

from mobile_robust.runtimes.registry import RuntimeInfo

RUNTIMES = (
    RuntimeInfo(
        name="coreml_mil",
        target="coreml",
        accelerator="cpu",
        implementation=f"{__name__}.runtime:CoremlMil",
        description="executes the saved package's operations in PyTorch, on any machine",
        packages=("torch", "coremltools"),
    ),
)
