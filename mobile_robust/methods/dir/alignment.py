"""The alignment network: baseline representation, guided by the pilot representation -> refined one, as DfRNet would
have it of the clean photo (DiR, section 3.3 and Fig. 3).

Three modules of m1, m2, m3 = 4, 2, 4 layers (section 4.1): the first extracts features, the second is guided, the third
gives the refined representation. Kernel sizes and the number of adaptive kernels are not printed: here 3x3, and
one kernel a channel.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Layers of the three modules.
FRONT, MIDDLE, END = 4, 2, 4
#: Fixed kernels a channel whose mixture is dir_nano's adaptive kernel, and channels of its attention.
BASIS, ATTENTION = 4, 8


class Guided(nn.Module):
    """A guided layer: features (B, C, h, w), pilot (B, C, h, w) -> relu(f_k + f_a), where f_k are the features
    convolved with kernels of the pilot, and f_a the features times an attention map of it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.kernels = nn.Sequential(_conv(channels, channels), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1))
        self.attention = nn.Conv2d(channels, 1, 3, padding=1)

    def forward(self, features: Tensor, pilot: Tensor) -> Tensor:
        return F.relu(self.convolved(features, pilot) + features * torch.sigmoid(self.attention(pilot)))

    def convolved(self, features: Tensor, pilot: Tensor) -> Tensor:
        """Every channel with the 3x3 kernel that the pilot gives for it: a convolution with run-time weights."""
        height, width = pilot.shape[2:]
        step = (height // 3, width // 3)
        window = (height - 2 * step[0], width - 2 * step[1])
        kernels = F.avg_pool2d(self.kernels(pilot), window, step)  # (B, C, 3, 3)
        batch, channels = features.shape[:2]
        joined = features.reshape(1, batch * channels, *features.shape[2:])
        weight = kernels.reshape(batch * channels, 1, 3, 3)
        return F.conv2d(joined, weight, padding=1, groups=batch * channels).reshape(features.shape)


class NanoGuided(nn.Module):
    """The same with kernels in the span of a few fixed ones, so that no weights come at run time, which XNNPACK does
    not take:

        sum of a_k * (W_k * f)  =  (sum of a_k W_k) * f

    where ``*`` inside is a depthwise convolution, and a_k a number for every channel, of the pilot.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.basis = nn.ModuleList(
            [nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False) for _ in range(BASIS)]
        )
        self.look = Separable(channels)
        self.pooled = nn.Conv2d(channels, channels, 1)
        self.shares = nn.ModuleList([nn.Conv2d(channels, channels, 1) for _ in range(BASIS)])
        self.attention = nn.Sequential(nn.Conv2d(channels, ATTENTION, 1), nn.ReLU(), nn.Conv2d(ATTENTION, 1, 1))

    def forward(self, features: Tensor, pilot: Tensor) -> Tensor:
        return F.relu(self.convolved(features, pilot) + features * torch.sigmoid(self.attention(pilot)))

    def convolved(self, features: Tensor, pilot: Tensor) -> Tensor:
        """See :class:`Guided`."""
        seen = F.relu(self.pooled(self.look(pilot).mean((2, 3), keepdim=True)))  # (B, C, 1, 1)
        first, *others = (conv(features) * share(seen) for conv, share in zip(self.basis, self.shares, strict=True))
        return sum(others, start=first)


class Separable(nn.Module):
    """relu(x + pointwise(depthwise 3x3(x)))."""

    def __init__(self, channels: int, relu: bool = True) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.pointwise = nn.Conv2d(channels, channels, 1)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.pointwise(self.depthwise(x))
        return F.relu(x) if self.relu else x


class Plain(nn.Module):
    """What stands in place of a guided layer where there is no pilot."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, features: Tensor, pilot: Tensor) -> Tensor:
        return F.relu(self.layer(features))


class Alignment(nn.Module):
    """baseline (B, C, h, w), pilot (B, C, h, w) -> refined representation (B, C, h, w).

    Args:
        channels: C.
        nano: Separable layers with shortcuts, and the refined representation as the pilot plus a correction, so that
            it is right for a clean photo from the start. Else as in the paper.
        guided: Whether the pilot is looked at.
    """

    def __init__(self, channels: int, nano: bool, guided: bool) -> None:
        super().__init__()
        self.adds = nano and guided
        guidance, plain = (NanoGuided, Separable) if nano else (Guided, _conv)
        self.front, end = nn.Sequential(), nn.Sequential()
        for _ in range(FRONT):
            self.front.extend([Separable(channels)] if nano else [_conv(channels, channels), nn.ReLU()])
        middle = [guidance(channels) if guided else Plain(plain(channels)) for _ in range(MIDDLE)]
        self.middle = nn.ModuleList(middle)
        for _ in range(END - 1):
            end.extend([Separable(channels)] if nano else [_conv(channels, channels), nn.ReLU()])
        self.end = end
        self.last = nn.Conv2d(channels, channels, 1) if nano else nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, baseline: Tensor, pilot: Tensor) -> Tensor:
        x = self.front(baseline)
        for layer in self.middle:
            x = layer(x, pilot)
        x = self.last(self.end(x))
        return pilot + x if self.adds else x


def _conv(channels: int, outputs: int | None = None) -> nn.Conv2d:
    """3x3 with He's weights: there are no batch norms that would keep the signal up."""
    conv = nn.Conv2d(channels, outputs or channels, 3, padding=1)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    return conv
