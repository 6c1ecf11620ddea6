"""Encoders: photo -> representation at an eighth of its resolution (DiR, section 4.1). DiRNet and DfRNet are two of
them, with weights of their own.

A photo comes as RGB in [0, top] minus the middle grey. The representation is the mean of a Gaussian; its variance is of
use in training only and not a part of the encoder.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.layers.deploy import fused
from mobile_robust.layers.fuse import Kernel, conv_of, fold_batchnorm_after, kernel_of
from mobile_robust.layers.repconv import PlainConv
from mobile_robust.layers.space_depth import BlocksConv

#: Pixels a side of a representation's cell.
CELL = 8
#: Pixels a side that dir_nano computes together.
BLOCK = 4
#: Channels of the representations.
CHANNELS, NANO_CHANNELS = 256, 64
#: Filters of dir_nano at the blocks' resolution.
NANO_WIDTH = 32


class StridedConv(nn.Module):
    """leaky_relu(norm(4x4, stride 2)): the encoder's block of pix2pix (Isola et al., CVPR 2017)."""

    def __init__(self, inputs: int, outputs: int, norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 4, 2, padding=1, bias=not norm)
        self.norm = nn.BatchNorm2d(outputs) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / 2, W / 2)."""
        return F.leaky_relu(self.norm(self.conv(x)), 0.2)

    def fuse(self) -> nn.Sequential:
        kernel = kernel_of(self.conv)
        if isinstance(self.norm, nn.BatchNorm2d):
            kernel = fold_batchnorm_after(kernel, self.norm)
        return nn.Sequential(conv_of(kernel, stride=2, padding=1), nn.LeakyReLU(0.2))


class PaperEncoder(nn.Module):
    """centred (B, 3 n, H, W) -> representation (B, 256, H / 8, W / 8), features that it is read from.

    The first three levels of pix2pix's encoder: all eight would leave no places that an alignment could attend to.
    """

    outputs, features, early = CHANNELS, 256, 256

    def __init__(self, top: float, photos: int = 1) -> None:
        super().__init__()
        self.top = top
        widths = (3 * photos, 64, 128, self.features)
        self.levels = nn.Sequential(*(StridedConv(a, b, norm=i > 0) for i, (a, b) in enumerate(pairwise(widths))))
        self.mean = nn.Conv2d(self.features, self.outputs, 1)

    def forward(self, centred: Tensor) -> tuple[Tensor, Tensor]:
        x = self.levels(centred / self.top)
        return self.mean(x), x


class NanoEncoder(nn.Module):
    """The small one: centred (B, 3 n, H, W) -> representation (B, 64, H / 8, W / 8), features of the blocks
    (B, 32, H / 4, W / 4), features that the representation is read from (B, 64, H / 8, W / 8)."""

    outputs, features, early = NANO_CHANNELS, NANO_CHANNELS, NANO_WIDTH

    def __init__(self, top: float, depth: int, photos: int = 1) -> None:
        super().__init__()
        self.top = top
        self.first = PlainConv(3 * photos * BLOCK**2, NANO_WIDTH)
        self.down = PlainConv(NANO_WIDTH, self.features, stride=2)
        self.deep = nn.Sequential(*(PlainConv(self.features, self.features) for _ in range(depth)))
        self.mean = nn.Conv2d(self.features, self.outputs, 1)

    def forward(self, centred: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        early = self.first(F.pixel_unshuffle(centred / self.top, BLOCK))
        x = self.deep(self.down(early))
        return self.mean(x), early, x

    def fuse(self) -> DeployedNanoEncoder:
        return DeployedNanoEncoder(self)


class DeployedNanoEncoder(nn.Module):
    """Deploy form of :class:`NanoEncoder`: one convolution a block; the change of range is in the first."""

    def __init__(self, net: NanoEncoder) -> None:
        super().__init__()
        first = net.first.kernel()
        self.first = BlocksConv(Kernel(first.weight / net.top, first.bias), BLOCK)
        self.down, self.deep, self.mean = fused(net.down), fused(net.deep), net.mean

    def forward(self, centred: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        early = F.relu(self.first(centred))
        x = self.deep(self.down(early))
        return self.mean(x), early, x
