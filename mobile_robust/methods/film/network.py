"""Feature-wise linear modulation by what is wrong with the photo: FiLM (Perez et al., AAAI 2018, Eq. 1 and 2), with
statistics of the photo's DCT coefficients as its condition.

Compression, noise, blur and bad light move the mean of every channel of a network, by an amount that depends on the
kind and the strength of the degradation and hardly on what the photo shows; batch norms whose means follow the degraded
photos repair much of it (Schneider et al., NeurIPS 2020). Here the means follow the single photo: a small network reads
how large the coefficients of its 8x8 blocks are, frequency by frequency, and shifts the output of every block:

    output of block i = output of block i + shift_i(statistics(image))

FiLM's gamma, a gain beside the shift, is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.backbones.spread import channel_spreads
from mobile_robust.errors import InputError
from mobile_robust.layers.block_dct import BLOCK, BlockDCT, DeployedBlockConv
from mobile_robust.layers.channel_shift import AddShift, ChannelShift
from mobile_robust.layers.conditioning import Conditioning
from mobile_robust.layers.first_batches_norm import FirstBatchesNorm
from mobile_robust.layers.fuse import Kernel, affine_of
from mobile_robust.layers.normalize import ImageRange
from mobile_robust.methods.adapter import Adapter
from mobile_robust.methods.afd.method import AFDOptions
from mobile_robust.methods.afd.network import AFD
from mobile_robust.methods.afd.network import build as build_afd
from mobile_robust.methods.film.method import FiLMOptions
from mobile_robust.methods.pipeline import CutInsertPipeline, InsertPipeline, Pipeline
from mobile_robust.methods.site import Site

#: Coefficients of a block's luma.
COEFFICIENTS = BLOCK * BLOCK
#: Numbers that the shifts are computed from: the coefficients', above and below their mean, and three colours.
STATISTICS = 2 * COEFFICIENTS + 3


class Statistics(nn.Module):
    """image (B, 3, H, W) -> (B, 131, 1, 1): how far luma's 64 DCT coefficients lie above their mean, and how far below,
    in their standard deviations, and red, green and blue in [0, 1]; all on average over the photo's blocks.

    More than six deviations count as six: one hard edge must not outweigh all other blocks. ReLU6, as it is in the int8
    files of all runtimes; a magnitude is not.
    """

    image_mean: Tensor
    image_std: Tensor

    def __init__(self, image_range: ImageRange) -> None:
        super().__init__()
        self.register_buffer("image_mean", torch.tensor(image_range.mean)[:, None, None], persistent=False)
        self.register_buffer("image_std", torch.tensor(image_range.std)[:, None, None], persistent=False)
        self.dct = BlockDCT()
        self.norm = FirstBatchesNorm(COEFFICIENTS)

    def forward(self, image: Tensor) -> Tensor:
        rgb = image * self.image_std + self.image_mean  # (B, 3, H, W), in [0, 1]
        luma = self.norm(self.dct(rgb)[:, :COEFFICIENTS])  # (B, 64, H/8, W/8)
        colours = F.avg_pool2d(rgb, BLOCK)  # (B, 3, H/8, W/8)
        return F.relu6(torch.cat([luma, -luma, colours], 1)).mean((2, 3), keepdim=True)

    def fuse(self) -> DeployedStatistics:
        scale, shift = affine_of(self.norm)
        dct = self.dct.kernel()
        luma = dct.weight[:COEFFICIENTS] * scale[:, None, None, None]
        offset = dct.bias[:COEFFICIENTS] * scale + shift
        colours = torch.eye(3).to(luma)[..., None, None].expand(3, 3, BLOCK, BLOCK) / COEFFICIENTS
        kernel = Kernel(torch.cat([luma, -luma, colours]), torch.cat([offset, -offset, offset.new_zeros(3)]))
        return DeployedStatistics(DeployedBlockConv(kernel, self.image_mean.flatten(), self.image_std.flatten()))


class DeployedStatistics(nn.Module):
    """Deploy form of :class:`Statistics`: one convolution of the blocks, ReLU6 and a mean."""

    def __init__(self, blocks: DeployedBlockConv) -> None:
        super().__init__()
        self.blocks = blocks

    def forward(self, image: Tensor) -> Tensor:
        return F.relu6(self.blocks(image)).mean((2, 3), keepdim=True)


class FiLM(Adapter):
    """Shifts the outputs of some layers.

    Args:
        spreads: Layer -> standard deviation of its channels (C,), in the network's order.
        image_range: How the incoming image was normalized, which is undone inside.
        hidden: Channels of the condition's network.
        rank: Numbers of the condition.
        stem: A module that repairs the stem's features, before all these layers.
    """

    def __init__(
        self, spreads: Mapping[str, Tensor], image_range: ImageRange, hidden: int, rank: int, stem: AFD | None = None
    ) -> None:
        super().__init__()
        self.blocks, self.stem = tuple(spreads), stem
        self.layers = (*stem.layers, *self.blocks) if stem else self.blocks
        self.contexts = len(self.blocks) + (stem is not None and stem.fde is not None)
        self.statistics, self.condition = Statistics(image_range), Conditioning(STATISTICS, hidden, rank)
        self.shifts = nn.ModuleList([ChannelShift(rank, spread) for spread in spreads.values()])

    def prepare(self, image: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        condition = self.condition(self.statistics(image))
        drift = self.stem.prepare(image)[1] if self.stem else ()
        return image, (*(shift(condition) for shift in self.shifts), *drift)

    def edit(self, layer: str, features: Tensor, *context: Tensor) -> Tensor:
        if self.stem and layer not in self.blocks:
            return self.stem.edit(layer, features, *context[len(self.blocks) :])
        return features + context[self.blocks.index(layer)]

    def editor(self, layer: str) -> nn.Module:
        return AddShift(self.blocks.index(layer)) if layer in self.blocks else super().editor(layer)


def build(site: Site, options: FiLMOptions) -> FiLM:
    """The module for a backbone with its weights loaded; raises InputError for an unknown layer, one whose output is no
    feature map, or an image of broken blocks."""
    image = site.recipe.input
    if any(side % BLOCK for side in image.height_width):
        reason = f"reads blocks of {BLOCK} pixels: sides must be multiples of {BLOCK}, not {image.size_text()}"
        raise InputError(f"recipe {site.recipe.name}: method {site.recipe.method} {reason}")
    outputs = site.outputs(options.layers, site.photos()) if options.layers else site.block_outputs()
    for layer, output in outputs.items():
        if output.dim() != 4:
            raise InputError(f"options.layers: the output of {layer!r} of {site.section.name} is no (B, C, H, W) map")
    stem = build_afd(site, AFDOptions(variant=options.stem)) if options.stem else None
    return FiLM(channel_spreads(outputs), ImageRange.of(image.range), options.hidden, options.rank, stem)


def pipeline(site: Site, adapter: FiLM) -> Pipeline:
    """Inside the network; with a repair of the stem, from its end on."""
    return CutInsertPipeline(site, adapter) if adapter.stem else InsertPipeline(site, adapter)
