"""The peers of AFD-Module's latency table, so that they go through the same conversion, proof and stopwatch.

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

:data:`LEFT_OUT` says which peers are not here, and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.errors import unknown
from mobile_robust.layers.fuse import Kernel, conv_of, fold_norm_after, kernel_of
from mobile_robust.methods.adapter import ImageRepair
from mobile_robust.methods.options import known_only, variant_of

TABLE_VII = "AFD-Module, Table VII"


@dataclass(frozen=True)
class Baseline:
    """What is published of a peer; 224x224, one image.

    Attributes:
        parameters: How many.
        macs: Multiply-accumulates (the papers' "FLOPs").
        cpu_ms: Latency on a Snapdragon 865's CPU in milliseconds; None where the table has no such row.
        gpu_ms: The same on its GPU, an Adreno 640.
        source: Where the figures are printed.
    """

    parameters: float
    macs: float
    cpu_ms: float | None
    gpu_ms: float | None
    source: str


#: Recipe name -> what is published of it. The last two are no rows of the table: they are what our own modules for
#: them are measured against.
BASELINES = {
    "resnet50": Baseline(25.5e6, 4.12e9, 132, 136, TABLE_VII),
    "repvgg_a2": Baseline(25.6e6, 5.12e9, 122, 125, TABLE_VII),
    "arcnn": Baseline(0.12e6, 5.91e9, 185, 178, TABLE_VII),
    "dncnn": Baseline(0.56e6, 28.07e9, 625, 1132, TABLE_VII),
    "mobilenetv2": Baseline(3.4e6, 0.300e9, None, None, "MobileNetV2 (Sandler et al., CVPR 2018), Table 4"),
    "alexnet": Baseline(61.1e6, 0.714e9, None, None, "torchvision, AlexNet_Weights.IMAGENET1K_V1"),
}

#: Peer in the AFD paper -> why it is not here.
LEFT_OUT: dict[str, str] = {
    "RNAN": "2.24 M parameters and 81.46 G are a fraction of the published network, and how it was cut down is not "
    "said",
    "RDN": "0.53 M parameters and 26.63 G are a fraction of the published network (22 M), and how it was cut down is "
    "not said",
    "MIRNet": "7.95 M parameters are a quarter of the published network (31.8 M), and how it was cut down is not said",
    "FBCNN": "its authors' program fixes the network and gives the table's 71.92 M parameters, but a file of 288 MB "
    "and 134.74 G a photo, 33 times ResNet-50, are no choice for a phone",
    "JARCAL": "no definition was found that gives 13.88 M parameters; 419.45 G a photo are no choice for a phone",
    "DDP": "the layers' widths were found neither in print nor as a program, and 0.14 M parameters with 1.48 G leave "
    "several choices",
    "URIE": "no row in Table VII to check it against; it normalizes with each photo's own statistics, which no deploy "
    "form folds, and a plain U-Net in its place would be a network that nobody published",
    "PANet, EARN, GRL": "no row in Table VII: their accuracy alone is reported",
}


@dataclass(frozen=True)
class Variant:
    """A chain of convolutions.

    Attributes:
        layers: Kernel size and filters of each convolution, in order; the last one gives the image.
        norms: Whether all but the first and the last are followed by a batch norm (and have no bias of their own).
        residual: Whether the chain's output is subtracted from the image, or is the image.
    """

    layers: tuple[tuple[int, int], ...]
    norms: bool
    residual: bool


VARIANTS = {
    "arcnn": Variant(((9, 64), (7, 32), (1, 16), (5, 3)), norms=False, residual=False),
    "dncnn": Variant((*((3, 64) for _ in range(16)), (3, 3)), norms=True, residual=True),
}

#: How much an untrained network changes the image, of what its random filters would: by some eight of 255 grey levels
#: then, so that rounding to 8 bits is measured on a repair, neither on an image drowned in noise nor on one left alone.
INITIAL_REPAIR = 0.05


class Chain(ImageRepair):
    """The network: image (B, 3, H, W) -> repaired image in the same range, which single values may leave a little.

    The papers' networks work on values in [0, 1] and clamp nothing. Untrained ones start near the identity, with random
    filters around.

    Args:
        top: Largest value of the incoming image, RGB in [0, top].
        variant: A key of :data:`VARIANTS`.

    Raises:
        InputError: Unknown variant.
    """

    clamped = False

    def __init__(self, top: float = 1.0, variant: str = "arcnn") -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise unknown("baseline variant", variant, VARIANTS)
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

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        x = image / self.top
        for index, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = norm(conv(x if index == 0 else F.relu(x)))  # (B, filters, H, W)
        return image - self.top * x if self.residual else self.top * x

    def reparameterize(self) -> DeployedChain:
        """See :class:`Deployable`: batch norms and the change of range folded into the convolutions."""
        if self.training:
            raise RuntimeError("Chain.reparameterize() in training mode: call eval() first")
        kernels = [
            fold_norm_after(kernel_of(conv), norm) if isinstance(norm, nn.BatchNorm2d) else kernel_of(conv)
            for conv, norm in zip(self.convs, self.norms, strict=True)
            if isinstance(conv, nn.Conv2d)
        ]
        # exact at the borders: a factor leaves the zeros of the padding zeros
        kernels[0] = Kernel(kernels[0].weight / self.top, kernels[0].bias)
        kernels[-1] = Kernel(kernels[-1].weight * self.top, kernels[-1].bias * self.top)
        convs = [conv_of(kernel, padding=kernel.weight.shape[-1] // 2) for kernel in kernels]
        return DeployedChain(convs, self.residual).eval()


class DeployedChain(nn.Module):
    """Deploy form of :class:`Chain`: convolutions and ReLU, and one subtraction where it is residual."""

    def __init__(self, convs: list[nn.Conv2d], residual: bool) -> None:
        super().__init__()
        self.convs, self.residual = nn.ModuleList(convs), residual

    def forward(self, image: Tensor) -> Tensor:
        """image (B, 3, H, W) -> repaired image."""
        x = image
        for index, conv in enumerate(self.convs):
            x = conv(x if index == 0 else F.relu(x))
        return image - x if self.residual else x


def build(size: tuple[int, int], top: float, options: dict[str, Any]) -> Chain:
    """The network for images of any ``size``, RGB in [0, top]; options: ``variant``.

    Raises:
        InputError: Unknown option or variant.
    """
    known_only("baseline", options, ["variant"])
    return Chain(top, variant_of(options, VARIANTS, "arcnn"))
