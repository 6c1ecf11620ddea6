"""Several corruptions on one photo: SyMPIE's benchmark ImageNetC-mixed."""

from __future__ import annotations

import numpy as np

from mobile_robust.corruptions.corruption import REGISTERED, Corruption, corruption
from mobile_robust.corruptions.papers import IMAGENET_C, SYMPIE
from mobile_robust.data.images import Photo

_BY_NAME = {entry.name: entry for entry in REGISTERED}
#: ImageNet-C's fifteen and SyMPIE's four; the registry imports their modules first.
POOL = tuple(_BY_NAME[name] for name in (*IMAGENET_C, "darken", "horizon", "night", "white_point"))


@corruption(
    "imagenetc_mixed",
    f"one to three of ImageNet-C's fifteen and SyMPIE's four ({len(POOL)} in all)",
    family="mixed",
    source=f"{SYMPIE}, section 4.1",
)
def mixed(photo: Photo, severity: int, rng: np.random.Generator, *, pool: tuple[Corruption, ...] = POOL) -> Photo:
    """One to three different corruptions of the pool, one after the other in random order.

    The paper does not state how often each number occurs nor at which severities: here 1, 2 and 3 are equally likely,
    all at the given severity.
    """
    for i in rng.permutation(len(pool))[: rng.integers(1, 4)]:
        photo = pool[i](photo, severity, rng)
    return photo
