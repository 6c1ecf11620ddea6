"""What computes a file, and a recipe can be for."""

from __future__ import annotations

from typing import Literal

Accelerator = Literal["cpu", "gpu"]
ACCELERATORS: tuple[Accelerator, ...] = ("cpu", "gpu")
