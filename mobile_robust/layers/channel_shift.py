"""A shift of a layer's channels, learned in units of how far each of them varies: backbones differ a hundredfold."""

from __future__ import annotations

from torch import Tensor, nn

from mobile_robust.layers.fuse import Kernel, conv_of, kernel_of


class ChannelShift(nn.Module):
    """Condition (B, inputs, H, W) -> shift (B, C, H, W); ``spread`` is the standard deviation of the channels, (C,)."""

    spread: Tensor

    def __init__(self, inputs: int, spread: Tensor) -> None:
        super().__init__()
        self.linear = nn.Conv2d(inputs, len(spread), 1)
        self.register_buffer("spread", spread)

    def forward(self, condition: Tensor) -> Tensor:
        return self.linear(condition) * self.spread[:, None, None]

    def fuse(self) -> nn.Conv2d:
        kernel = kernel_of(self.linear)
        return conv_of(Kernel(kernel.weight * self.spread[:, None, None, None], kernel.bias * self.spread))


class AddShift(nn.Module):
    """(features (B, C, H, W), *shifts of all layers) -> features plus one of the shifts."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def forward(self, features: Tensor, *shifts: Tensor) -> Tensor:
        return features + shifts[self.index]
