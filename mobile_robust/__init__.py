"""Classifiers on phones that keep working on bad photos.

Train or load a small repair module for a pretrained classifier, convert it to TFLite and Core ML, and verify every file
against the PyTorch reference. The functions below are what the commands call; each is imported when it is first used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing and importlib wait until they are needed: Ctrl-C is not caught yet (cli.py)
if TYPE_CHECKING:
    from typing import Any

    from mobile_robust.bench.run import benchmark
    from mobile_robust.data.dataset import PhotoDataset
    from mobile_robust.evaluation.run import evaluate
    from mobile_robust.export.build import convert
    from mobile_robust.parity.verify import verify
    from mobile_robust.pipelines import build_pipeline
    from mobile_robust.recipes import load_recipe
    from mobile_robust.training.run import train

__version__ = "0.2.0"

__all__ = [
    "PhotoDataset",
    "__version__",
    "benchmark",
    "build_pipeline",
    "convert",
    "evaluate",
    "load_recipe",
    "train",
    "verify",
]

#: Name -> module.
_HOMES = {
    "PhotoDataset": "data.dataset",
    "benchmark": "bench.run",
    "build_pipeline": "pipelines",
    "convert": "export.build",
    "evaluate": "evaluation.run",
    "load_recipe": "recipes",
    "train": "training.run",
    "verify": "parity.verify",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value
