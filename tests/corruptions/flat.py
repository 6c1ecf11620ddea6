"""Photos of one colour."""

from __future__ import annotations

import numpy as np

from mobile_robust.data.images import Photo


def flat(value: int, height: int = 160, width: int = 160) -> Photo:
    return np.full((height, width, 3), value, np.uint8)
