"""One small network with every kind of layer that is quantized."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Kinds(nn.Module):
    """Padding SAME and VALID, stride 2, depthwise, twice the same layer, linear: image (1, 3, 32, 32) -> (1, 64)."""

    def __init__(self) -> None:
        super().__init__()
        self.same = nn.Conv2d(3, 8, 3, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8)
        self.twice = nn.Conv2d(8, 8, 1, bias=False)
        self.valid = nn.Conv2d(8, 80, 3)
        self.linear = nn.Linear(80, 64)

    def forward(self, image: Tensor) -> Tensor:
        x = F.relu6(self.depthwise(F.relu6(self.same(image))))
        x = F.relu6(self.twice(F.relu6(self.twice(x))))
        return self.linear(F.relu(self.valid(x)).mean((2, 3)))

    def layers(self) -> list[nn.Conv2d | nn.Linear]:
        """In the order of the forward pass."""
        return [self.same, self.depthwise, self.twice, self.valid, self.linear]


def kinds() -> Kinds:
    """Always the same weights; inputs with a large mean, where rounding errors add up."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Kinds().eval().requires_grad_(False)


def images(count: int) -> list[Tensor]:
    """(1, 3, 32, 32) in [0, 1]."""
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(1, 3, 32, 32, generator=generator) * 0.4 + 0.6 for _ in range(count)]
