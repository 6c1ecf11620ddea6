"""An entry of the registry: a function on photos with its levels and their source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mobile_robust.data.images import Photo
from mobile_robust.errors import InputError

#: (photo (H, W, 3) RGB uint8, level or the parameters of a severity, random generator) -> corrupted photo, same shape.
Apply = Callable[[Photo, Any, np.random.Generator], Photo]


@dataclass(frozen=True)
class Corruption:
    """One way in which photos are degraded.

    Attributes:
        name: Unique in the registry.
        apply: The function.
        family: The group in which it is listed and can be selected.
        source: Paper and section.
        description: One line.
        parameters: Second argument of ``apply`` at severity 1, 2, …; empty where that is the level itself.
        levels: The source's levels from mild to strong; with ``parameters`` the severities.
        small_levels: The source's levels for images of 32x32 (CIFAR), where they differ.
        unit: Of the level: "severity", "quality", "sigma", …
        limits: Smallest and largest level.
        whole: Only whole numbers are levels.
    """

    name: str
    apply: Apply
    family: str
    source: str
    description: str
    parameters: tuple[Any, ...] = ()
    levels: tuple[float, ...] = ()
    small_levels: tuple[float, ...] = ()
    unit: str = "severity"
    limits: tuple[float, float] = (1, 5)
    whole: bool = True

    def __post_init__(self) -> None:
        if self.parameters:
            object.__setattr__(self, "levels", tuple(range(1, len(self.parameters) + 1)))
            object.__setattr__(self, "limits", (1, len(self.parameters)))
        if not self.small_levels:
            object.__setattr__(self, "small_levels", self.levels)

    def check(self, level: float) -> None:
        """Raises InputError for a level that is not allowed."""
        least, most = self.limits
        if not least <= level <= most or (self.whole and level != round(level)):
            kind = "whole numbers from " if self.whole else ""
            word = "severity" if self.unit == "severity" else "level"
            raise InputError(f"corruption {self.name}: {word} {level:g}: allowed are {kind}{least:g} to {most:g}")

    def __call__(self, photo: Photo, level: float, rng: np.random.Generator) -> Photo:
        """The corrupted photo; ``level`` must have passed :meth:`check`."""
        if self.parameters:
            return self.apply(photo, self.parameters[round(level) - 1], rng)
        return self.apply(photo, round(level) if self.whole else level, rng)
