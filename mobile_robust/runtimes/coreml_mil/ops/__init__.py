"""MIL operations in PyTorch. ``OPS`` holds them all by operation type."""

from mobile_robust.runtimes.coreml_mil.ops import compressed, elementwise, linear, reduction, resize, shaping, window
from mobile_robust.runtimes.coreml_mil.ops.table import OPS

__all__ = ["OPS", "compressed", "elementwise", "linear", "reduction", "resize", "shaping", "window"]
