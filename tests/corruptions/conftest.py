"""A photo for all phenomena."""

from __future__ import annotations

import pytest

from mobile_robust.data.images import Photo, built_in_photos


@pytest.fixture(scope="session")
def photo() -> Photo:
    return built_in_photos((80, 112), 1)[0]
