"""The methods: one file each, training form, deploy form and ``reparameterize()`` together.

A method is found by its name in :data:`METHODS`. Its builder takes the number of stem channels, how the incoming image
is normalized and the method's own options, and returns a :class:`RepairModule`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mobile_robust.modules import afd
from mobile_robust.modules.base import ImageRange, RepairModule

Builder = Callable[[int, ImageRange, dict[str, Any]], RepairModule]

METHODS: dict[str, Builder] = {"afd": afd.build}

__all__ = ["METHODS", "ImageRange", "RepairModule"]
