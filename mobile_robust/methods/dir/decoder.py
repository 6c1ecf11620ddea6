"""From a representation back to a photo: DfRNet's decoder (DiR, section 3.2), and how dir_nano brings what it decodes
into the photo."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.layers.fuse import Kernel, affine_of, conv_of, kernel_of
from mobile_robust.layers.repconv import PlainConv
from mobile_robust.layers.space_depth import BlocksConv, DepthToSpace
from mobile_robust.methods.dir.encoder import BLOCK, CELL, CHANNELS, NANO_CHANNELS, NANO_WIDTH

#: How much an untrained mixer changes the photo, of what its random weights would: so that rounding to 8 bits is
#: measured on a photo, not on noise.
INITIAL_REPAIR = 0.1
#: Values of a block of pixels.
_VALUES = 3 * BLOCK**2


class UpConv(nn.Module):
    """norm(transposed 4x4, stride 2): doubles height and width."""

    def __init__(self, inputs: int, outputs: int, norm: bool) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(inputs, outputs, 4, 2, padding=1)
        self.norm = nn.BatchNorm2d(outputs) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) -> (B, outputs, 2 h, 2 w)."""
        return self.norm(self.conv(x))

    def fuse(self) -> nn.Module:
        if not isinstance(self.norm, nn.BatchNorm2d):
            return self
        scale, shift = affine_of(self.norm)
        assert self.conv.bias is not None
        return Transposed(self.conv.weight * scale[:, None, None], self.conv.bias * scale + shift)


class Transposed(nn.Module):
    """Deploy form of :class:`UpConv`; weight (inputs, outputs, 4, 4), bias (outputs,)."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        learned = torch.is_grad_enabled() and weight.requires_grad  # a parameter would be a leaf
        self.weight, self.bias = (weight, bias) if learned else (nn.Parameter(weight), nn.Parameter(bias))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv_transpose2d(x, self.weight, self.bias, stride=2, padding=1)


class PaperDecoder(nn.Module):
    """representation (B, 256, h, w) -> photo (B, 3, 8 h, 8 w), RGB in [0, top]: the encoder's mirror image, without
    connections to it, so that the representation has to hold all of the photo."""

    def __init__(self, top: float) -> None:
        super().__init__()
        self.top = top
        self.first, self.second = UpConv(CHANNELS, 128, norm=True), UpConv(128, 64, norm=True)
        self.last = UpConv(64, 3, norm=False)

    def forward(self, representation: Tensor) -> Tensor:
        x = F.relu(self.second(F.relu(self.first(representation))))  # (B, 64, 4 h, 4 w)
        return self.top * torch.sigmoid(self.last(x))


class NanoDecoder(nn.Module):
    """The small one: representation (B, 64, h, w) -> features (B, 32, 2 h, 2 w), blocks of the photo (B, 48, 2 h, 2 w)
    in the order of ``F.pixel_shuffle``, values in [0, 1] minus the middle grey, which single ones may leave."""

    def __init__(self) -> None:
        super().__init__()
        self.up = PlainConv(NANO_CHANNELS, 4 * NANO_WIDTH)
        self.deep = PlainConv(NANO_WIDTH, NANO_WIDTH)
        self.blocks = nn.Conv2d(NANO_WIDTH, _VALUES, 3, padding=1)

    def forward(self, representation: Tensor) -> tuple[Tensor, Tensor]:
        x = self.deep(F.pixel_shuffle(self.up(representation), CELL // BLOCK))
        return x, self.blocks(x)

    def fuse(self) -> DeployedNanoDecoder:
        return DeployedNanoDecoder(self)


class DeployedNanoDecoder(nn.Module):
    """Deploy form of :class:`NanoDecoder`."""

    def __init__(self, net: NanoDecoder) -> None:
        super().__init__()
        self.shuffle = DepthToSpace(CELL // BLOCK)
        self.up = conv_of(self.shuffle.order(net.up.kernel()), padding=1)
        self.deep = net.deep.fuse()
        self.blocks = net.blocks

    def forward(self, representation: Tensor) -> tuple[Tensor, Tensor]:
        x = self.deep(self.shuffle(F.relu(self.up(representation))))
        return x, self.blocks(x)


class Mixer(nn.Module):
    """What is added to the photo: a share of every coefficient of (decoded - photo), block by block.

        repaired = photo + synthesis(gate * analysis(decoded - photo))

    A representation of an eighth of the resolution cannot hold a photo's finest details. Where the photo is good the
    gates close and it stays as it is; where they are open the decoded one takes its place.
    (centred photo (B, 3, H, W), the encoder's features (B, 32, H / 4, W / 4), the decoder's, decoded blocks
    (B, 48, H / 4, W / 4)) -> (B, 3, H, W).
    """

    def __init__(self, top: float) -> None:
        super().__init__()
        self.top = top
        self.look = PlainConv(2 * NANO_WIDTH, NANO_WIDTH)
        self.gate = nn.Conv2d(NANO_WIDTH, _VALUES, 1)
        self.analysis, self.synthesis = (nn.Conv2d(_VALUES, _VALUES, 1, bias=False) for _ in range(2))
        with torch.no_grad():
            self.synthesis.weight.mul_(INITIAL_REPAIR)

    def forward(self, centred: Tensor, early: Tensor, late: Tensor, blocks: Tensor) -> Tensor:
        gate = torch.sigmoid(self.gate(self.look(torch.cat([early, late], 1))))
        difference = self.analysis(blocks - F.pixel_unshuffle(centred / self.top, BLOCK))
        return self.top * F.pixel_shuffle(self.synthesis(gate * difference), BLOCK)

    def fuse(self) -> DeployedMixer:
        return DeployedMixer(self)


class DeployedMixer(nn.Module):
    """Deploy form of :class:`Mixer`: no pixel is moved before the last step."""

    def __init__(self, net: Mixer) -> None:
        super().__init__()
        self.look, self.gate = net.look.fuse(), net.gate
        analysis, synthesis = kernel_of(net.analysis), kernel_of(net.synthesis)
        self.analysis = conv_of(analysis)
        self.of_photo = BlocksConv(Kernel(analysis.weight / net.top, analysis.bias), BLOCK)
        self.shuffle = DepthToSpace(BLOCK)
        self.synthesis = conv_of(self.shuffle.order(Kernel(synthesis.weight * net.top, synthesis.bias)))

    def forward(self, centred: Tensor, early: Tensor, late: Tensor, blocks: Tensor) -> Tensor:
        gate = torch.sigmoid(self.gate(self.look(torch.cat([early, late], 1))))
        difference = self.analysis(blocks) - self.of_photo(centred)
        return self.shuffle(self.synthesis(gate * difference))
