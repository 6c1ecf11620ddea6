"""What is counted, and that the modules cost no more than promised."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mobile_robust.export.cost import count
from mobile_robust.methods.afd.network import AFD


@pytest.mark.parametrize(
    ("channels", "variant", "least", "most"),
    [(64, "afd", 100e6, 0.36e9), (32, "afd_nano", 10e6, 0.08e9)],  # the latter: a quarter of a MobileNetV2
)
def test_afd_costs_no_more_than_promised(channels: int, variant: str, least: float, most: float) -> None:
    inputs = {"image": torch.zeros(1, 3, 224, 224), "features": torch.zeros(1, channels, 112, 112)}
    macs, parameters = count(AFD(channels, variant).eval().deployed(), inputs)
    assert least < macs <= most and 10e3 < parameters <= 0.12e6


def test_convolutions_and_matrix_products_are_counted() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 10))
    macs, parameters = count(network.eval(), {"image": torch.zeros(1, 3, 8, 8)})
    assert macs == 8 * 3 * 9 * 16 + 8 * 16 * 10
    assert parameters == 8 * 3 * 9 + 8 + 8 * 16 * 10 + 10
