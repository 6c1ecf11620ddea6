"""SyMPIE: A Modular System for Enhanced Robustness of Multimedia Understanding Networks via Deep Parametric Estimation
(Barbato et al., MMSys 2024; sections 3.1 and 3.3, Table 1).

A small network looks at a small copy of the image and gives 37 numbers; a parametric warp applies them to the full
frame, whatever its resolution:

    repaired = DWM(image, NEM(shrink(image)))

DWM adds a colour shift, multiplies the colours by a 3x3 matrix and filters all channels with one 5x5 filter. Both work
on the image standardized with ImageNet's mean and standard deviation (section 4.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.contracts.tensors import Role, TensorSpec
from mobile_robust.errors import InputError
from mobile_robust.layers.avg_pool_conv import AvgPoolConv
from mobile_robust.layers.deploy import fused, with_children
from mobile_robust.layers.downscale import Downscale
from mobile_robust.layers.dynamic_filter import TAPS, DynamicFilter
from mobile_robust.layers.fuse import affine_of, conv_of, fold_batchnorm_after, kernel_of
from mobile_robust.layers.per_sample_filter import per_sample_filter2d
from mobile_robust.methods.adapter import Adapter, Component, image_component
from mobile_robust.methods.site import Site
from mobile_robust.methods.sympie.method import SyMPIEOptions
from mobile_robust.state_dicts import read_state

#: 9 of the colour matrix (row-major, row = input channel), 3 of the shift, 25 of the filter.
NUMBERS = 9 + 3 + TAPS * TAPS
#: What NEM and DWM standardize the image with.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Variant:
    """Where Table 1 and the authors' published weights differ."""

    padding: int  # of every block's average pool (2 gives the sizes of Table 1)
    raw_residual: bool  # a block adds its first convolution before the batch norm, not after the activation


VARIANTS = {"sympie": Variant(padding=2, raw_residual=False), "sympie_official": Variant(padding=1, raw_residual=True)}


def _standardize(top: float) -> tuple[Tensor, Tensor]:
    """Gain and offset per channel from RGB in [0, top] to the standardized image, in float64."""
    mean, std = (torch.tensor(v, dtype=torch.float64) for v in (MEAN, STD))
    return 1 / (top * std), -mean / std


class _Standardized(nn.Module):
    """``image * gain + offset`` is the standardized image, for RGB in [0, top]."""

    gain: Tensor
    offset: Tensor

    def __init__(self, top: float) -> None:
        super().__init__()
        for name, value in zip(("gain", "offset"), _standardize(top), strict=True):
            self.register_buffer(name, value.float()[:, None, None], persistent=False)


class NEMBlock(nn.Module):
    """(B, inputs, h, w) -> (B, outputs, h / 4, w / 4)."""

    def __init__(self, inputs: int, outputs: int, variant: Variant) -> None:
        super().__init__()
        self.raw_residual = variant.raw_residual
        self.pool = nn.AvgPool2d(5, 4, variant.padding)
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        first = self.conv1(self.pool(x))
        active = F.relu(self.bn1(first))
        return (first if self.raw_residual else active) + F.relu(self.bn2(self.conv2(active)))

    def fuse(self) -> DeployedNEMBlock:
        return DeployedNEMBlock(self)


class DeployedNEMBlock(nn.Module):
    """Deploy form of :class:`NEMBlock`."""

    scale: Tensor
    shift: Tensor

    def __init__(self, block: NEMBlock) -> None:
        super().__init__()
        self.raw_residual = block.raw_residual
        self.pool = AvgPoolConv(block.pool, block.conv1.in_channels)
        if self.raw_residual:  # the residual is the convolution itself, so its batch norm stays as a scale and a shift
            self.conv1 = conv_of(kernel_of(block.conv1), padding=1)
            for name, value in zip(("scale", "shift"), affine_of(block.bn1), strict=True):
                self.register_buffer(name, value[:, None, None], persistent=False)
        else:
            self.conv1 = conv_of(fold_batchnorm_after(kernel_of(block.conv1), block.bn1), padding=1)
        self.conv2 = conv_of(fold_batchnorm_after(kernel_of(block.conv2), block.bn2), padding=1)

    def forward(self, x: Tensor) -> Tensor:
        first = self.conv1(self.pool(x))
        active = F.relu(first * self.scale + self.shift) if self.raw_residual else F.relu(first)
        return (first if self.raw_residual else active) + F.relu(self.conv2(active))


class NEM(_Standardized):
    """Noise estimation: image (B, 3, H, W), RGB in [0, top] -> the 37 numbers (B, 37), from a small copy (Table 1,
    section 3.3)."""

    def __init__(self, size: tuple[int, int], variant: Variant, top: float) -> None:
        super().__init__(top)
        self.shrink = Downscale(size)
        self.conv = nn.Conv2d(3, 64, 3, padding=1)
        self.norm: nn.Module = nn.BatchNorm2d(64)
        self.blocks = nn.ModuleList([NEMBlock(c, 2 * c, variant) for c in (64, 128, 256)])
        self.out = nn.Linear(512, NUMBERS)
        nn.init.zeros_(self.out.weight)
        with torch.no_grad():
            self.out.bias.copy_(identity())

    def forward(self, image: Tensor) -> Tensor:
        return self.out(self.features(image))

    def features(self, image: Tensor) -> Tensor:
        """What the numbers are read from: image (B, 3, H, W) -> (B, 512)."""
        # the first convolution pads with zeros AFTER the standardization, so that it cannot be folded in
        x = self.shrink(image) * self.gain + self.offset
        x = F.relu(self.norm(self.conv(x)))  # (B, 64, 224, 224)
        for block in self.blocks:
            x = block(x)  # (B, 512, 4, 4) at last
        return x.mean((2, 3))

    def fuse(self) -> NEM:
        norm = self.norm
        if not isinstance(norm, nn.BatchNorm2d):
            return self
        conv = conv_of(fold_batchnorm_after(kernel_of(self.conv), norm), padding=1)
        return with_children(self, conv=conv, norm=nn.Identity(), blocks=fused(self.blocks))


class DWM(_Standardized):
    """Differentiable warping: (image (B, 3, H, W), RGB in [0, top], numbers (B, 37)) -> repaired image, clamped in eval
    mode only. The deploy form takes images of ``size`` alone."""

    def __init__(self, size: tuple[int, int], top: float) -> None:
        super().__init__(top)
        self.size, self.top = size, top

    def forward(self, image: Tensor, parameters: Tensor) -> Tensor:
        matrix, shift, kernel = parameters.split((9, 3, TAPS * TAPS), 1)
        x = image.contiguous() * self.gain + self.offset + shift[:, :, None, None]
        x = (matrix.reshape(-1, 3, 3).mT @ x.flatten(2)).reshape(x.shape)
        x = per_sample_filter2d(x, kernel.reshape(-1, TAPS, TAPS))
        x = (x - self.offset) / self.gain
        return x if self.training else x.clamp(0, self.top)

    def fuse(self) -> DynamicFilter:
        return DynamicFilter(self.size, *_standardize(self.top), self.top).eval()


class SyMPIE(Adapter):
    """The module: image (B, 3, H, W), RGB in [0, top] -> repaired image in the same range."""

    def __init__(self, size: tuple[int, int] = (224, 224), top: float = 1.0, variant: str = "sympie") -> None:
        super().__init__()
        self.nem = NEM(size, VARIANTS[variant], top)
        self.dwm = DWM(size, top)

    def prepare(self, image: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        return self.dwm(image, self.nem(image)), ()

    def components(self, site: Site) -> dict[str, Component]:
        """The module; NEM and DWM alone, for apps that estimate on every n-th frame only."""
        numbers = TensorSpec(
            "parameters",
            Role.PARAMETERS,
            "the 37 numbers of the repair: 9 of the colour matrix (row-major, row = input channel, column = output "
            "channel), 3 of the shift, 25 of the 5x5 filter (row-major), all for the image standardized with "
            f"ImageNet's mean {MEAN} and standard deviation {STD}",
        )
        repaired = TensorSpec(
            "repaired", Role.IMAGE, "the repaired image, RGB in the range of the input", repairs="image"
        )
        image = site.image_spec()
        return {
            "module": image_component(self, site),
            "nem": Component(self.nem, (image,), numbers),
            "dwm": Component(self.dwm, (image, numbers), repaired, lambda photo: (photo, self.nem(photo))),
        }


def identity() -> Tensor:
    """The numbers (37,) that leave every image as it is."""
    numbers = torch.zeros(NUMBERS)
    numbers[[0, 4, 8, 12 + TAPS * TAPS // 2]] = 1
    return numbers


def load_official(path: Path, size: tuple[int, int] = (224, 224), top: float = 1.0) -> SyMPIE:
    """The authors' published weights, which need the variant ``sympie_official``; in eval mode. Raises InputError for a
    file that cannot be read, or holds others."""
    state, module, renamed = read_state(path), SyMPIE(size, top, "sympie_official"), {}
    names = {"conv": "backbone.0", "norm": "backbone.1", "out": "out"}
    names |= {f"blocks.{i}": f"backbone.{i + 3}" for i in range(3)}
    for key, own in module.nem.state_dict().items():
        (layer,) = (layer for layer in names if key.startswith(f"{layer}."))
        theirs = f"colm.{names[layer]}{key.removeprefix(layer)}"
        if theirs in state:
            if state[theirs].shape != own.shape:
                raise InputError(
                    f"weights file {path}: {theirs} is {tuple(state[theirs].shape)}, needed {tuple(own.shape)}"
                )
            renamed[key] = state[theirs]
        elif not key.endswith("num_batches_tracked"):  # nothing reads it in eval mode
            raise InputError(f"weights file {path}: not the authors' SyMPIE checkpoint: {theirs} is missing")
    module.nem.load_state_dict(renamed, strict=False)
    return module.eval()


def build(site: Site, options: SyMPIEOptions) -> SyMPIE:
    """The module for a site's images."""
    return SyMPIE(site.recipe.input.height_width, site.recipe.input.range, options.variant)
