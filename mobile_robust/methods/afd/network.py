"""AFD-Module: Lightweight Adaptive Feature De-drifting for Compressed Image Classification (Peng et al., TMM 2024).

JPEG quantizes the DCT coefficients of every 8x8 block by itself, so the features of a pretrained network drift by an
amount that changes from block to block. FDE-Net estimates that drift from the block's own coefficients; FE-Net, a light
U-Net of RepConv blocks, repairs the shallow features with the estimate as its guide (section III-B, Fig. 5):

    repaired = features + FE-Net(features, upsample(FDE-Net(DCT(image))))

The figures' widths are lost in the text; those of :data:`VARIANTS` are chosen below the paper's own counts of Table VII
(0.11 M parameters, 0.36 G multiply-accumulates at 224x224). FE-Net has no convolution at full resolution, where one
costs the most and moves the most memory: its first block takes 2x2 pixels at a time, and its last one gives them, from
what the decoder and the first block know of them (sub-pixel convolution: Shi et al., CVPR 2016, section 3.2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.contracts.tensors import Role, TensorSpec
from mobile_robust.errors import InputError
from mobile_robust.layers.block_dct import BLOCK, BlockDCT, DeployedBlockConv
from mobile_robust.layers.fuse import Kernel, affine_of, conv_of, fold_affine_before, kernel_of, merge
from mobile_robust.layers.normalize import RGB, ImageRange
from mobile_robust.layers.repconv import PlainConv, RepConv
from mobile_robust.layers.space_depth import DepthToSpace
from mobile_robust.layers.upsample_conv import UpsampleConv, UpsampleStridedConv
from mobile_robust.methods.adapter import Adapter, Component
from mobile_robust.methods.afd.method import AFDOptions
from mobile_robust.methods.site import Site


@dataclass(frozen=True)
class Variant:
    """Channels of one size of the module."""

    hidden: int  # of FDE-Net's first two stages
    guide: int  # of the feature drifting map; 0: there is none, FE-Net sees the features alone
    half: int  # of FE-Net at half of the features' resolution
    quarter: int  # at a quarter
    decoder: int  # of the decoder, at half the resolution
    block: type[RepConv] | type[PlainConv] = RepConv  # what FE-Net is made of but for its last


_NANO = Variant(hidden=32, guide=8, half=16, quarter=24, decoder=8)
#: ``afd`` is for stems of 64 channels (ResNet-50, RepVGG-A2), ``afd_nano`` for mobile stems of 32 (MobileNetV2),
#: ``afd_pico`` for those of 16 (MobileNetV3). The last two show what the paper's two ideas are worth: no DCT guidance,
#: and plain convolutions.
VARIANTS = {
    "afd": Variant(hidden=64, guide=16, half=32, quarter=48, decoder=16),
    "afd_nano": _NANO,
    "afd_pico": Variant(hidden=16, guide=4, half=8, quarter=16, decoder=4),
    "afd_nano_unguided": replace(_NANO, guide=0),
    "afd_nano_plain": replace(_NANO, block=PlainConv),
}


class FDENet(nn.Module):
    """Feature drifting estimation: image (B, 3, H, W) -> feature drifting map (B, guide, H/8, W/8).

    Three 1x1 stages, so that every estimate uses the statistics of its own block alone (section III-B).
    """

    image_mean: Tensor
    image_std: Tensor

    def __init__(self, hidden: int, guide: int, image_range: ImageRange) -> None:
        super().__init__()
        self.register_buffer("image_mean", torch.tensor(image_range.mean)[:, None, None], persistent=False)
        self.register_buffer("image_std", torch.tensor(image_range.std)[:, None, None], persistent=False)
        self.dct = BlockDCT()
        self.norm = nn.BatchNorm2d(BlockDCT.channels, affine=False)  # frequencies differ a hundredfold in size
        self.stage1 = nn.Conv2d(BlockDCT.channels, hidden, 1)
        self.stage2 = nn.Conv2d(hidden, hidden, 1)
        self.stage3 = nn.Conv2d(hidden, guide, 1)

    def forward(self, image: Tensor) -> Tensor:
        x = self.norm(self.dct(image * self.image_std + self.image_mean))  # (B, 192, H/8, W/8)
        return _stages(x, self.stage1, self.stage2, self.stage3)

    def fuse(self) -> DeployedFDENet:
        kernel = merge(self.dct.kernel(), fold_affine_before(*affine_of(self.norm), kernel_of(self.stage1)))
        blocks = DeployedBlockConv(kernel, self.image_mean.flatten(), self.image_std.flatten())
        return DeployedFDENet(blocks, conv_of(kernel_of(self.stage2)), conv_of(kernel_of(self.stage3)))


class DeployedFDENet(nn.Module):
    """Deploy form of :class:`FDENet`: JPEG's level shift and three convolutions, of which the first holds
    de-normalization, colour transform, DCT, batch norm and the first stage.
    """

    def __init__(self, stage1: DeployedBlockConv, stage2: nn.Conv2d, stage3: nn.Conv2d) -> None:
        super().__init__()
        self.stage1, self.stage2, self.stage3 = stage1, stage2, stage3

    def forward(self, image: Tensor) -> Tensor:
        return _stages(image, self.stage1, self.stage2, self.stage3)


class FENet(nn.Module):
    """Feature enhancement: degraded features (B, C, h, w), drifting map (B, guide, H/8, W/8) -> repaired features.

    The last block has no ReLU: the residual is signed.
    """

    def __init__(self, channels: int, sizes: Variant, stride: int) -> None:
        super().__init__()
        self.stride = stride
        block, guide, half, quarter, decoder = sizes.block, sizes.guide, sizes.half, sizes.quarter, sizes.decoder
        self.channels_deep, self.channels_half, self.channels_guide = quarter, half, guide
        self.encode1 = block(channels, half, stride=2, size=2)
        self.encode2 = block(half + guide, quarter, stride=2)
        self.bottom = block(quarter, quarter)
        self.decode = block(quarter + half + guide, decoder)
        self.residual = PlainConv(half + decoder, 4 * channels, relu=False, size=1)
        self.pixels = DepthToSpace(2)

    def forward(self, features: Tensor, drift: Tensor | None = None) -> Tensor:
        shallow = self.encode1(features)  # (B, half, h/2, w/2)
        guided = _guided(shallow, drift)  # (B, half + guide, h/2, w/2)
        deep = self.bottom(self.encode2(guided))  # (B, quarter, h/4, w/4)
        x = self.decode(torch.cat([_upsample(deep, 2), guided], 1))  # (B, decoder, h/2, w/2)
        return features + self.pixels(self.residual(torch.cat([shallow, x], 1)))

    def fuse(self) -> DeployedFENet:
        return DeployedFENet(self)


class DeployedFENet(nn.Module):
    """Deploy form of :class:`FENet`: every block is one convolution, and no map is upsampled before it is
    convolved (:class:`UpsampleConv`, :class:`UpsampleStridedConv`), neither the features nor the drifting map: it joins
    the deep features, which are as coarse, unless the stem has a stride of 4, where it lies beside the shallow ones.
    """

    def __init__(self, net: FENet) -> None:
        super().__init__()
        self.encode1, self.bottom, self.residual = net.encode1.fuse(), net.bottom.fuse(), net.residual.fuse()
        self.pixels = net.pixels
        coarse = net.channels_guide if net.stride < 4 else 0  # channels of the drifting map that join the deep features
        fine = net.channels_half + net.channels_guide - coarse
        encode2, decode = net.encode2.kernel(), net.decode.kernel()
        weight, weight_coarse = encode2.weight.split((fine, coarse), 1)
        self.encode2 = conv_of(Kernel(weight, encode2.bias), stride=2, padding=1)
        self.encode2_coarse = (
            UpsampleStridedConv(Kernel(weight_coarse, torch.zeros_like(encode2.bias))) if coarse else None
        )
        deep, weight, weight_coarse = decode.weight.split((net.channels_deep, fine, coarse), 1)
        self.decode_deep = UpsampleConv(Kernel(torch.cat([deep, weight_coarse], 1), decode.bias))
        self.decode_shallow = conv_of(Kernel(weight, torch.zeros_like(decode.bias)), padding=1)

    def forward(self, features: Tensor, drift: Tensor | None = None) -> Tensor:
        shallow = guided = self.encode1(features)  # (B, half, h/2, w/2)
        if drift is None or self.encode2_coarse is None:
            guided = _guided(shallow, drift)
            below = self.bottom(F.relu(self.encode2(guided)))  # (B, quarter, h/4, w/4)
        else:
            drift = _upsample(drift, shallow.shape[-1] // drift.shape[-1] // 2)  # (B, guide, h/4, w/4)
            deep = self.bottom(F.relu(self.encode2(shallow) + self.encode2_coarse(drift)))
            below = torch.cat([deep, drift], 1)
        x = F.relu(self.decode_deep(below) + self.decode_shallow(guided))  # (B, decoder, h/2, w/2)
        return features + self.pixels(self.residual(torch.cat([shallow, x], 1)))


class AFD(Adapter):
    """The module: (image (B, 3, H, W), features (B, C, H/s, W/s)) -> repaired features, stem stride s of 1, 2 or 4.

    ``image_range`` says how the incoming image was normalized, which is undone inside; ``layer`` is the stem's last.
    The deploy form is made for one stride."""

    def __init__(
        self,
        channels: int = 64,
        variant: str = "afd",
        image_range: ImageRange = RGB,
        stride: int = 2,
        layer: str = "stem",
    ) -> None:
        super().__init__()
        sizes = VARIANTS[variant]
        self.layers = (layer,)
        self.fde = FDENet(sizes.hidden, sizes.guide, image_range) if sizes.guide else None
        self.fe = FENet(channels, sizes, stride)

    def prepare(self, image: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        return image, () if self.fde is None else (self.fde(image),)

    def edit(self, layer: str, features: Tensor, *context: Tensor) -> Tensor:
        return self.fe(features, *context)

    def components(self, site: Site) -> dict[str, Component]:
        section, text = site.recipe.input, f"features of {site.section.name} behind layer {site.layer}"
        mean, std = map(list, section.normalization)
        normalized = f"(rgb / {section.range} - {mean}) / {std}"
        before = f"the backbone's stem takes the photo normalized: of the same photo as {normalized}"
        features = TensorSpec("features", Role.FEATURES, text, normalization=before)
        text = f"repaired {text}, for the rest of the network"
        repaired = TensorSpec("repaired", Role.FEATURES, text, repairs="features")
        normalize, stem = site.normalize(), site.cut.stem

        def example(photo: Tensor) -> tuple[Tensor, ...]:
            return photo, stem(normalize(photo)).contiguous()

        return {"module": Component(self, (site.image_spec(), features), repaired, example)}


def build(site: Site, options: AFDOptions) -> AFD:
    """The module for the stem of a site's backbone; raises InputError for features or an image that it cannot take."""
    channels, features = site.cut_features()
    image = site.recipe.input.height_width
    stride, odd = image[0] // features[0], any(side % 4 for side in features)  # FE-Net halves them twice
    reason = None
    if any(side % BLOCK for side in image):
        reason = f"JPEG's blocks want an image whose sides are multiples of {BLOCK}, not {_by(image)}"
    elif stride not in (1, 2, 4) or image != (features[0] * stride, features[1] * stride) or odd:
        reason = (
            f"the stem must divide the image's sides ({_by(image)}) by 1, 2 or 4 and leave multiples of 4, "
            f"not {_by(features)}"
        )
    if reason:
        shape = (channels, *features)
        raise InputError(f"{site.cut_text()} are {shape}, which method {site.recipe.method} cannot take: {reason}")
    return AFD(channels, options.variant, ImageRange.of(site.recipe.input.range), stride, site.layer)


def required(site: Site) -> tuple[nn.Module, str]:
    """The stem: the module by itself needs its weights."""
    return site.cut.stem, f"the stem of backbone {site.section.name}"


def _stages(x: Tensor, stage1: nn.Module, stage2: nn.Module, stage3: nn.Module) -> Tensor:
    return stage3(F.relu(stage2(F.relu(stage1(x)))))


def _guided(shallow: Tensor, drift: Tensor | None) -> Tensor:
    """FE-Net's features beside the drifting map, which is brought to their size."""
    return shallow if drift is None else torch.cat([shallow, _upsample(drift, shallow.shape[-1] // drift.shape[-1])], 1)


def _upsample(x: Tensor, factor: int) -> Tensor:
    """Nearest neighbour."""
    return x if factor == 1 else F.interpolate(x, scale_factor=factor, mode="nearest")


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
