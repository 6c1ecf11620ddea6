"""Several corruptions on one photo: SyMPIE's benchmark ImageNetC-mixed."""

from __future__ import annotations

from functools import partial

import numpy as np

from mobile_robust.corruptions.corruption import Corruption
from mobile_robust.corruptions.papers import IMAGENET_C, SYMPIE
from mobile_robust.corruptions.phenomena import blur, compression, geometry, impulse, light, noise, weather
from mobile_robust.data.images import Photo

_MODULES = (noise, blur, impulse, weather, light, geometry, compression)
_BY_NAME = {entry.name: entry for module in _MODULES for entry in module.ENTRIES}
#: ImageNet-C's fifteen and SyMPIE's four.
POOL = tuple(_BY_NAME[name] for name in (*IMAGENET_C, "darken", "horizon", "night", "white_point"))


def mixed(photo: Photo, severity: int, rng: np.random.Generator, *, pool: tuple[Corruption, ...]) -> Photo:
    """One to three different corruptions of the pool, one after the other in random order.

    The paper does not state how often each number occurs nor at which severities: here 1, 2 and 3 are equally likely,
    all at the given severity.
    """
    for i in rng.permutation(len(pool))[: rng.integers(1, 4)]:
        photo = pool[i](photo, severity, rng)
    return photo


ORDER = 9
ENTRIES = (
    Corruption(
        "imagenetc_mixed",
        partial(mixed, pool=POOL),
        "mixed",
        f"{SYMPIE}, section 4.1",
        f"one to three of ImageNet-C's fifteen and SyMPIE's four ({len(POOL)} in all)",
    ),
)
