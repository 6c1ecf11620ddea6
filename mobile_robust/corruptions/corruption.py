"""An entry of the registry: a function on photos with its levels and their source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from mobile_robust.data.images import Photo
from mobile_robust.errors import InputError

#: (photo (H, W, 3) RGB uint8, level or the parameters of a severity, random generator) -> corrupted photo, same shape.
Apply = Callable[[Photo, Any, np.random.Generator], Photo]
F = TypeVar("F", bound=Callable[..., Photo])


@dataclass(frozen=True)
class Corruption:
    """One way in which photos are degraded.

    Attributes:
        name: Unique in the registry.
        family: The group in which it is listed and can be selected.
        source: Paper and section.
        parameters: Second argument of ``apply`` at severities 1 to 5; empty where that is the level itself.
        levels: The source's, from mild to strong.
        small_levels: The source's levels for images of 32x32 (CIFAR), where they differ.
        unit: Of the level: "severity", "quality", "sigma", …
        limits: Smallest and largest level.
        whole: Only whole numbers are levels.
    """

    name: str
    description: str
    family: str
    source: str
    apply: Apply
    parameters: tuple[Any, ...] = ()
    levels: tuple[float, ...] = (1, 2, 3, 4, 5)
    small_levels: tuple[float, ...] = ()
    unit: str = "severity"
    limits: tuple[float, float] = (1, 5)
    whole: bool = True

    def source_levels(self, small: bool) -> tuple[float, ...]:
        """The source's levels; where ``small``, those for images of 32x32."""
        return self.small_levels if small and self.small_levels else self.levels

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


#: Every corruption, in the order in which the modules of :mod:`mobile_robust.corruptions.phenomena` are imported.
REGISTERED: list[Corruption] = []


def corruption(name: str, description: str, *, family: str, source: str, **levels: Any) -> Callable[[F], F]:
    """Registers the function that it decorates as a :class:`Corruption`."""

    def register(apply: F) -> F:
        REGISTERED.append(Corruption(name, description, family, source, apply, **levels))
        return apply

    return register
