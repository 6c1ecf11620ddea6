"""RepConv block: three branches while training, one convolution when deployed (AFD, section III-C and Fig. 5); and the
plain block it is compared with."""

from __future__ import annotations

from functools import reduce

from torch import Tensor, nn

from mobile_robust.layers.fuse import Kernel, conv_of, fold_batchnorm_after, kernel_of, merge, widen


class RepConv(nn.Module):
    """relu(norm(3x3(1x1(x))) + norm(1x1(3x3(x))) + norm(1x1(x))), padding 1.

    Training form; ``fuse()`` gives the deploy form. The first branch pads *before* its biased 1x1 convolution: padded
    in between, the border would see zeros where the merged kernel sees the bias. There is no ReLU where a signed
    residual leaves the network. A ``size`` of 2 instead of 3 pads nothing.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, relu: bool = True, size: int = 3) -> None:
        super().__init__()
        self.stride, self.size, self.padding = stride, size, _padding(size)
        self.pointwise_first = nn.Sequential(
            nn.Conv2d(in_channels, in_channels, 1, padding=self.padding),
            nn.Conv2d(in_channels, out_channels, size, stride, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.pointwise_last = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, size, stride, padding=self.padding),
            nn.Conv2d(out_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.pointwise_only = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.act = nn.ReLU() if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H / stride, W / stride)."""
        return self.act(self.pointwise_first(x) + self.pointwise_last(x) + self.pointwise_only(x))

    def kernel(self) -> Kernel:
        """The convolution that this block is in eval mode, at the borders too; the ReLU comes after it."""
        first, last, only = map(_merge_branch, (self.pointwise_first, self.pointwise_last, self.pointwise_only))
        return first + last + widen(only, self.size)

    def fuse(self) -> nn.Module:
        return _deployed(self)


class PlainConv(nn.Module):
    """relu(norm(3x3(x))), padding 1: what a :class:`RepConv` deploys to, trained as it is. A ``size`` of 2 or 1 instead
    of 3 pads nothing."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, relu: bool = True, size: int = 3) -> None:
        super().__init__()
        self.stride, self.padding = stride, _padding(size)
        self.conv = nn.Conv2d(in_channels, out_channels, size, stride, self.padding, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        self.act = nn.ReLU() if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(x)))

    def kernel(self) -> Kernel:
        return fold_batchnorm_after(kernel_of(self.conv), self.norm)

    def fuse(self) -> nn.Module:
        return _deployed(self)


def _padding(size: int) -> int:
    """Of a 3x3 convolution 1, of one on blocks of 2x2 and of a single pixel's none."""
    return (size - 1) // 2


def _deployed(block: RepConv | PlainConv) -> nn.Module:
    """One convolution (and the ReLU)."""
    conv = conv_of(block.kernel(), block.stride, block.padding)
    return nn.Sequential(conv, block.act) if isinstance(block.act, nn.ReLU) else conv


def _merge_branch(branch: nn.Sequential) -> Kernel:
    """Convolutions in a row and their batch norm as one kernel."""
    *convs, norm = branch
    kernel = reduce(merge, (kernel_of(conv) for conv in convs if isinstance(conv, nn.Conv2d)))
    assert isinstance(norm, nn.BatchNorm2d)
    return fold_batchnorm_after(kernel, norm)
