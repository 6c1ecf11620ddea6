"""What restores the photo and says how well it could (report, sections 3.1 and 4.1): image -> restored image, map."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.layers.deploy import fused
from mobile_robust.layers.fuse import Kernel, conv_of, fold_batchnorm_after, kernel_of
from mobile_robust.layers.repconv import RepConv
from mobile_robust.layers.space_depth import BlocksConv, DepthToSpace
from mobile_robust.layers.upsample_conv import UpsampleConv

#: Filters of DnCNN.
_FILTERS = 64
#: eps of its batch norms, as published.
_EPS = 1e-4
#: Filters of the small network: at the blocks' resolution, at half of it, and of the map's head.
WIDTH, DEEP, MAP_WIDTH = 32, 64, 8
#: Convolutions at half the resolution.
DEPTH = 2
#: Photos are centred at this value of [0, 1] before the first convolution, which pads with it.
GREY = 0.5


class DnCNN(nn.Module):
    """What is to be subtracted from an image: (B, 3, H, W) -> (B, 3, H, W), values in [0, 1] (Zhang et al., TIP 2017).

    The published weights are of 20 convolutions without batch norms; ``model`` counts layers as they do.
    """

    def __init__(self, depth: int, batch_norm: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, _FILTERS, 3, padding=1), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers.append(nn.Conv2d(_FILTERS, _FILTERS, 3, padding=1, bias=not batch_norm))
            layers += [nn.BatchNorm2d(_FILTERS, eps=_EPS)] if batch_norm else []
            layers.append(nn.ReLU(inplace=True))
        self.model = nn.Sequential(*layers, nn.Conv2d(_FILTERS, 3, 3, padding=1))
        for layer in self.model:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, image: Tensor) -> Tensor:
        return self.model(image)

    def fused(self, before: float, after: float) -> nn.Sequential:
        """Deploy form of ``after * self(before * image)``."""
        kernels: list[Kernel] = []
        for layer in self.model:
            if isinstance(layer, nn.Conv2d):
                kernels.append(kernel_of(layer))
            elif isinstance(layer, nn.BatchNorm2d):
                kernels[-1] = fold_batchnorm_after(kernels[-1], layer)
        kernels[0] = Kernel(kernels[0].weight * before, kernels[0].bias)
        kernels[-1] = Kernel(kernels[-1].weight * after, kernels[-1].bias * after)
        layers: list[nn.Module] = []
        for kernel in kernels:
            layers += [conv_of(kernel, padding=1), nn.ReLU(inplace=True)]
        return nn.Sequential(*layers[:-1])


class PaperRestorer(nn.Module):
    """Two DnCNNs: image (B, 3, H, W), RGB in [0, top] -> restored image, error of every value (B, 3, H, W).

    Without an estimator there is no map. The restored image is clamped in eval mode only.
    """

    unbounded = False

    def __init__(self, top: float, depth: int, batch_norm: bool, estimates: bool, from_restored: bool) -> None:
        super().__init__()
        self.top, self.from_restored = top, from_restored
        self.restoration = DnCNN(depth, batch_norm)
        self.fidelity = DnCNN(depth, batch_norm) if estimates else None

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor | None]:
        rgb = image / self.top
        restored = rgb - self.restoration(rgb)
        restored = restored if self.training else restored.clamp(0, 1)
        seen = restored.detach() if self.from_restored else rgb
        return restored * self.top, self.fidelity(seen) if self.fidelity else None

    @property
    def last(self) -> tuple[nn.Module, ...]:
        """Give what is subtracted from the image."""
        return (self.restoration.model[-1],)

    def fuse(self) -> DeployedPaperRestorer:
        return DeployedPaperRestorer(self)


class DeployedPaperRestorer(nn.Module):
    """Deploy form of :class:`PaperRestorer`: the change of range is in the convolutions."""

    def __init__(self, net: PaperRestorer) -> None:
        super().__init__()
        self.top, self.from_restored = net.top, net.from_restored
        self.restoration = net.restoration.fused(1 / net.top, net.top)
        self.fidelity = net.fidelity.fused(1 / net.top, 1) if net.fidelity else None

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor | None]:
        restored = (image - self.restoration(image)).clamp(0, self.top)
        return restored, self.fidelity(restored if self.from_restored else image) if self.fidelity else None


class NanoRestorer(nn.Module):
    """One small U-Net: image (B, 3, H, W), RGB in [0, top] -> restored image, mean error of every block of pixels
    (B, 1, H / block, W / block).

    Restorer and estimator share all but their last layers: what noise is there both have to find out. What is
    subtracted is, as in shrinkage of wavelets, a share of every coefficient of a block (the U-Net's features are fewer
    than a block's values and could not hold its noise), and a correction. Single values may leave the range: nothing is
    clamped, which int8 files would do in float. H and W are multiples of 2 blocks.
    """

    unbounded = True

    def __init__(self, top: float, block: int, estimates: bool) -> None:
        super().__init__()
        self.top, self.block = top, block
        self.first = RepConv(3 * block**2, WIDTH)
        self.down = RepConv(WIDTH, DEEP, stride=2)
        self.deep = nn.ModuleList([RepConv(DEEP, DEEP) for _ in range(DEPTH)])
        self.up = RepConv(DEEP + WIDTH, WIDTH)
        values = 3 * block**2
        self.analysis, self.synthesis = nn.Conv2d(values, values, 1), nn.Conv2d(values, values, 1)
        self.gate, self.residual = nn.Conv2d(WIDTH, values, 1), nn.Conv2d(WIDTH, values, 3, padding=1)
        self.error = _map_head() if estimates else None

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor | None]:
        rgb = image / self.top
        blocks = F.pixel_unshuffle(rgb - GREY, self.block)  # (B, 3 b², H/b, W/b)
        x = self.first(blocks)  # (B, 32, H/b, W/b)
        deep = self.down(x)  # (B, 64, H/2b, W/2b)
        for layer in self.deep:
            deep = layer(deep)
        x = self.up(torch.cat([F.interpolate(deep, scale_factor=2.0, mode="nearest"), x], 1))  # (B, 32, H/b, W/b)
        noise = self.synthesis(torch.sigmoid(self.gate(x)) * self.analysis(blocks)) + self.residual(x)
        restored = rgb - F.pixel_shuffle(noise, self.block)
        return restored * self.top, self.error(x) if self.error else None

    @property
    def last(self) -> tuple[nn.Module, ...]:
        """Give what is subtracted from the image."""
        return self.synthesis, self.residual

    def fuse(self) -> DeployedNanoRestorer:
        return DeployedNanoRestorer(self)


class DeployedNanoRestorer(nn.Module):
    """Deploy form of :class:`NanoRestorer`: one convolution a block, on maps that are not upsampled before.

    The gates' sigmoid is (1 + tanh(x / 2)) / 2, the halves in the convolutions around it: in half precision the sigmoid
    of a Snapdragon's NPU is off by up to 3e-3, ten times what rounding it would be, and its tanh is right.
    """

    def __init__(self, net: NanoRestorer) -> None:
        super().__init__()
        self.top = net.top
        first, up, residual = net.first.kernel(), net.up.kernel(), kernel_of(net.residual)
        self.first = BlocksConv(Kernel(first.weight / net.top, first.bias), net.block)
        self.down, self.deep = fused(net.down), fused(net.deep)
        self.up = UpsampleConv(Kernel(up.weight[:, :DEEP], up.bias))
        self.beside = conv_of(Kernel(up.weight[:, DEEP:], torch.zeros_like(up.bias)), padding=1)
        self.shuffle = DepthToSpace(net.block)
        scaled = Kernel(residual.weight * net.top, residual.bias * net.top)
        self.residual = conv_of(self.shuffle.order(scaled), padding=1)
        analysis, synthesis, gate = kernel_of(net.analysis), kernel_of(net.synthesis), kernel_of(net.gate)
        self.analysis = BlocksConv(Kernel(analysis.weight / net.top, analysis.bias), net.block)
        self.synthesis = conv_of(self.shuffle.order(Kernel(synthesis.weight * net.top / 2, synthesis.bias * net.top)))
        self.gate, self.error = conv_of(Kernel(gate.weight / 2, gate.bias / 2)), net.error

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor | None]:
        centred = image - GREY * self.top
        x = F.relu(self.first(centred))
        deep = self.down(x)
        for layer in self.deep:
            deep = layer(deep)
        x = F.relu(self.up(deep) + self.beside(x))
        noise = self.synthesis((1 + torch.tanh(self.gate(x))) * self.analysis(centred)) + self.residual(x)
        return image - self.shuffle(noise), self.error(x) if self.error else None


def _map_head() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(WIDTH, MAP_WIDTH, 3, padding=1), nn.ReLU(), nn.Conv2d(MAP_WIDTH, 1, 3, padding=1))
