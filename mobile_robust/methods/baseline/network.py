"""The peers of AFD-Module's latency table, converted, verified and benchmarked alike.

Peng et al., *Lightweight Adaptive Feature De-drifting for Compressed Image Classification*, Table VII, times networks
that repair JPEG photos before the classifier sees them. Those whose published definition leaves nothing to guess:

* ``arcnn``, AR-CNN: Dong et al., *Compression Artifacts Reduction by a Deep Convolutional Network* (ICCV 2015,
  section 3.2): kernels of 9, 7, 1 and 5 with 64, 32, 16 filters and the image, ReLU between (the longer paper of 2016
  has PReLU). Published for luminance; on RGB it has 117,731 parameters and 5.90 G multiply-accumulates at 224x224, the
  table's 0.12 M and 5.91 G.
* ``dncnn``, DnCNN: Zhang et al., *Beyond a Gaussian Denoiser* (TIP 2017, section III): 3x3 convolutions of 64 filters
  with batch norms and ReLU that estimate what is to be subtracted. Of its two depths the table has the 17 layers of
  DnCNN-S: on RGB 558,403 parameters (0.56 M) and 27.92 G. The 20 layers of DnCNN-3 would be 0.67 M and 33.5 G.

The table's multiply-accumulates count batch norms (2 a value), ReLUs and biases (1 a value) too: 28.07 G for DnCNN and
5.91 G for ARCNN come out to the last digit then. Ours count convolutions and matrix products of the deploy form.

:data:`~mobile_robust.methods.baseline.method.EXCLUDED` says which peers are not here, and why.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.layers.fuse import Kernel, conv_of, fold_batchnorm_after, kernel_of
from mobile_robust.methods.adapter import Adapter, Component, image_component
from mobile_robust.methods.baseline.method import BaselineOptions
from mobile_robust.methods.site import Site


@dataclass(frozen=True)
class Variant:
    """A chain of convolutions."""

    layers: tuple[tuple[int, int], ...]  # kernel size and filters of each; the last one gives the image
    norms: bool  # whether all but the first and the last are followed by a batch norm (and have no bias of their own)
    residual: bool  # whether the chain's output is subtracted from the image, or is the image


VARIANTS = {
    "arcnn": Variant(((9, 64), (7, 32), (1, 16), (5, 3)), norms=False, residual=False),
    "dncnn": Variant((*((3, 64) for _ in range(16)), (3, 3)), norms=True, residual=True),
}

#: How much an untrained network changes the image, of what its random filters would: by some eight of 255 grey levels
#: then, so that rounding to 8 bits is measured on a repair, neither on an image drowned in noise nor on one left alone.
INITIAL_REPAIR = 0.05


class Chain(Adapter):
    """The network: image (B, 3, H, W), RGB in [0, top] -> repaired image, whose range single values may leave a little.

    The papers' networks work on values in [0, 1] and clamp nothing. Untrained ones start near the identity, with random
    filters around.
    """

    def __init__(self, top: float = 1.0, variant: str = "arcnn") -> None:
        super().__init__()
        made = VARIANTS[variant]
        self.top, self.residual = top, made.residual
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        before, last = 3, len(made.layers) - 1
        for index, (size, channels) in enumerate(made.layers):
            normed = made.norms and 0 < index < last
            self.convs.append(nn.Conv2d(before, channels, size, padding=size // 2, bias=not normed))
            self.norms.append(nn.BatchNorm2d(channels) if normed else nn.Identity())
            before = channels
        self._initialize()

    @torch.no_grad()
    def _initialize(self) -> None:
        """He's weights (as DnCNN's authors do), so that the signal lives through all layers; then see the class."""
        for conv in self.convs:
            assert isinstance(conv, nn.Conv2d)
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        assert isinstance(conv, nn.Conv2d)
        conv.weight.mul_(INITIAL_REPAIR)
        for conv in () if self.residual else self.convs:
            assert isinstance(conv, nn.Conv2d) and conv.bias is not None
            middle = conv.kernel_size[0] // 2
            if conv.out_channels > 3:  # three filters hand the colours on; the last layer adds the others to them
                conv.weight[:3] = 0
                conv.bias[:3] = 0
            conv.weight[range(3), range(3), middle, middle] = 1

    def prepare(self, image: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        x = image / self.top
        for index, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = norm(conv(x if index == 0 else F.relu(x)))  # (B, filters, H, W)
        return image - self.top * x if self.residual else self.top * x, ()

    def components(self, site: Site) -> dict[str, Component]:
        return {"module": image_component(self, site, clamped=False)}

    def fuse(self) -> DeployedChain:
        """Batch norms and the change of range folded into the convolutions."""
        kernels = [
            fold_batchnorm_after(kernel_of(conv), norm) if isinstance(norm, nn.BatchNorm2d) else kernel_of(conv)
            for conv, norm in zip(self.convs, self.norms, strict=True)
            if isinstance(conv, nn.Conv2d)
        ]
        # exact at the borders: a factor leaves the zeros of the padding zeros
        kernels[0] = Kernel(kernels[0].weight / self.top, kernels[0].bias)
        kernels[-1] = Kernel(kernels[-1].weight * self.top, kernels[-1].bias * self.top)
        convs = [conv_of(kernel, padding=kernel.weight.shape[-1] // 2) for kernel in kernels]
        return DeployedChain(convs, self.residual).eval()


class DeployedChain(Adapter):
    """Deploy form of :class:`Chain`: convolutions and ReLU, and one subtraction where it is residual."""

    def __init__(self, convs: list[nn.Conv2d], residual: bool) -> None:
        super().__init__()
        self.convs, self.residual = nn.ModuleList(convs), residual

    def prepare(self, image: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        x = image
        for index, conv in enumerate(self.convs):
            x = conv(x if index == 0 else F.relu(x))
        return image - x if self.residual else x, ()


def build(site: Site, options: BaselineOptions) -> Chain:
    """The network for a site's images."""
    return Chain(site.recipe.input.range, options.variant)
