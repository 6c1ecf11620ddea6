"""Spatter on the lens."""

import numpy as np

from mobile_robust.corruptions import corrupt
from tests.corruptions.conftest import flat


def test_spatter_is_water_then_mud() -> None:
    water = [corrupt(flat(100, 224, 224), "spatter", severity, 0, 0).astype(int) - 100 for severity in (1, 2, 3)]
    assert all((drops >= 0).all() and drops.max() > 80 for drops in water)
    cover = [(drops > 5).mean() for drops in water]
    assert 0 < cover[0] < cover[1] < cover[2] < 0.5
    assert all((drops[..., 2] >= drops[..., 0]).all() for drops in water)
    for severity in (4, 5):
        mud = corrupt(flat(200, 224, 224), "spatter", severity, 0, 0)
        covered = (mud < 150).all(-1)
        assert 0.02 < covered.mean() < 0.5 and (np.diff(mud[covered].astype(int), axis=-1) < 0).all()
