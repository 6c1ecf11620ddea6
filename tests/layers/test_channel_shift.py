"""Shifts in units of what each channel varies, in both forms."""

from __future__ import annotations

import torch

from mobile_robust.layers.channel_shift import ChannelShift


@torch.no_grad()
def test_both_forms_shift_in_units_of_the_spread() -> None:
    spread = torch.tensor([0.1, 10.0, 3.0])
    shift, condition = ChannelShift(4, spread), torch.rand(2, 4, 5, 5)
    expected = shift.linear(condition) * spread[:, None, None]
    torch.testing.assert_close(shift(condition), expected)
    torch.testing.assert_close(shift.fuse()(condition), expected)
