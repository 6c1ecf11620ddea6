"""Impulse noise replaces the published fraction of the values."""

import numpy as np
import pytest

from mobile_robust.corruptions import corrupt
from tests.corruptions.conftest import flat

AMOUNTS = [
    *(("impulse_noise", severity, amount) for severity, amount in enumerate((0.03, 0.06, 0.09, 0.17, 0.27), 1)),
    ("fidelity_salt_and_pepper", 0.3, 0.3),
]


@pytest.mark.parametrize(("name", "level", "amount"), AMOUNTS)
def test_half_of_the_amount_each(name: str, level: float, amount: float) -> None:
    noisy = corrupt(flat(100), name, level, 0, 0)
    for value in (0, 255):
        assert (noisy == value).mean() == pytest.approx(amount / 2, rel=0.08)
    assert set(np.unique(noisy)) == {0, 100, 255}
