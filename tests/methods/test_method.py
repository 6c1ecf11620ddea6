"""What methods share of their declarations: the size of crops."""

from __future__ import annotations

import pytest

from mobile_robust.methods.method import small_crop


@pytest.mark.parametrize(("size", "expected"), [((224, 224), 128), ((64, 64), 32), ((512, 224), 128)])
def test_crops_are_of_whole_blocks_and_a_third_of_the_work(size: tuple[int, int], expected: int) -> None:
    assert small_crop(size) == (expected, expected)
