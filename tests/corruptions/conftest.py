"""Photos for all phenomena."""

import numpy as np
import pytest

from mobile_robust.data.images import Photo, built_in_photos


@pytest.fixture(scope="session")
def photo() -> Photo:
    return built_in_photos((80, 112), 1)[0]


def flat(value: int, height: int = 160, width: int = 160) -> Photo:
    """A photo of one colour."""
    return np.full((height, width, 3), value, np.uint8)
