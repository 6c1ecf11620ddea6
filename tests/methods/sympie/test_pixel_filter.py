"""The repair of a camera app: equal to the module's own; numbers that cannot be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mobile_robust.errors import InputError
from mobile_robust.methods.sympie.network import DWM, NUMBERS, SyMPIE, identity
from mobile_robust.methods.sympie.pixel_filter import PixelFilter
from tests.randomize import randomize


@given(seed=st.integers(0, 2**31), height=st.integers(1, 12), width=st.integers(1, 12))
@torch.no_grad()
def test_a_frame_is_repaired_as_by_the_module(seed: int, height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    numbers = identity() + 0.3 * torch.randn(NUMBERS, generator=generator)
    frame = torch.randint(256, (height, width, 3), generator=generator, dtype=torch.uint8)
    image = frame.permute(2, 0, 1)[None].double()
    expected = DWM((height, width), 255.0).double().eval()(image, numbers[None].double()) / 255
    found = PixelFilter.of(numbers)(frame.numpy())
    np.testing.assert_allclose(found, expected[0].permute(1, 2, 0).numpy(), atol=1e-6)


@torch.no_grad()
def test_an_app_estimates_on_one_frame_and_repairs_another() -> None:
    torch.manual_seed(0)
    module = SyMPIE((32, 48), 255.0).eval()
    randomize(module)
    module.nem.out.weight.mul_(1e-3)
    module.nem.out.bias.copy_(identity())
    first, second = torch.randint(256, (2, 32, 48, 3), dtype=torch.uint8)
    numbers = module.nem(first.permute(2, 0, 1)[None].float())
    expected = module.dwm(second.permute(2, 0, 1)[None].float(), numbers) / 255
    found = PixelFilter.of(numbers)(second.numpy())
    np.testing.assert_allclose(found, expected[0].permute(1, 2, 0).numpy(), atol=1e-5)


@pytest.mark.parametrize("numbers", [[1.0] * 36, [1.0] * 36 + [float("nan")]])
def test_other_numbers_are_refused(numbers: list[float]) -> None:
    with pytest.raises(InputError, match="37 finite ones are needed"):
        PixelFilter.of(numbers)
