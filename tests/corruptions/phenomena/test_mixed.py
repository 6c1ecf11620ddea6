"""ImageNetC-mixed draws from its pool as documented."""

import numpy as np

from mobile_robust.corruptions import IMAGENET_C, Corruption, by_family
from mobile_robust.corruptions.phenomena.mixed import POOL, mixed
from mobile_robust.data.images import Photo
from tests.corruptions.conftest import flat


def test_the_pool_is_imagenet_c_and_sympies_four() -> None:
    assert [entry.name for entry in POOL] == [*IMAGENET_C, *(entry.name for entry in by_family()["light"])]
    assert len(POOL) == 19


def test_one_to_three_different_ones_at_the_severity() -> None:
    calls: list[tuple[str, float]] = []

    def member(name: str) -> Corruption:
        def apply(photo: Photo, level: float, rng: np.random.Generator) -> Photo:
            calls.append((name, level))
            return photo

        return Corruption(name, "notes that it was called", "test", "here", apply)

    pool = tuple(member(str(i)) for i in range(6))
    random, counts, drawn = np.random.default_rng(0), [0] * 4, set()
    for _ in range(300):
        calls.clear()
        mixed(flat(0, 32, 32), 4, random, pool=pool)
        names = [name for name, _ in calls]
        assert len(set(names)) == len(names) and {level for _, level in calls} == {4}
        counts[len(calls)] += 1
        drawn.update(names)
    assert counts[0] == 0 and min(counts[1:]) > 70 and len(drawn) == 6
