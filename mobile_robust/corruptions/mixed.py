"""Several corruptions on one photo."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mobile_robust.corruptions.registry import Corruption
from mobile_robust.data.images import Photo


def mixed(pool: Sequence[Corruption]) -> Corruption:
    """ImageNetC-mixed: one to three different corruptions of the pool, one after the other in random order.

    The paper's text does not say how often each number occurs and at which severities: here 1, 2 and 3 are equally
    likely and all have the severity that is asked for.
    """

    def apply(photo: Photo, severity: int, rng: np.random.Generator) -> Photo:
        for i in rng.permutation(len(pool))[: rng.integers(1, 4)]:
            photo = pool[i](photo, severity, rng)
        return photo

    return Corruption(
        "imagenetc_mixed",
        apply,
        "mixed",
        "SyMPIE (Barbato et al., ACM MM 2024), section 4.1",
        f"one to three of ImageNet-C's fifteen and SyMPIE's four ({len(pool)} in all)",
        (1, 2, 3, 4, 5),
    )
