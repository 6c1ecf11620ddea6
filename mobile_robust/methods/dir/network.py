"""DiR: Learning Degradation-Independent Representations for Camera ISP Pipelines (Guo et al., CVPR 2024).

Two encoders look at the photo. DiRNet gives the baseline representation, the same whatever a camera did to the photo;
DfRNet, which learned from good photos alone, the pilot. An alignment network takes the first to what DfRNet would give
of the clean photo, guided by the second, and DfRNet's decoder makes a photo of it:

    baseline, pilot = DiRNet(image), DfRNet(image)
    refined = alignment(baseline, pilot)
    repaired = decoder(refined)

In the small form the decoded photo is mixed with the one that was given (:class:`Mixer`). The paper trains the network
behind it along; here that stays as it is, and the outputs of its blocks may be shifted by what the representations say
of the photo (:class:`~mobile_robust.methods.dir.shifts.Shifts`). The paper restores, detects and segments; to classify
is an extension of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.backbones.spread import channel_spreads
from mobile_robust.contracts.tensors import Role, TensorSpec
from mobile_robust.errors import InputError
from mobile_robust.layers.channel_shift import AddShift
from mobile_robust.methods.adapter import Adapter, Component, image_component
from mobile_robust.methods.dir.alignment import Alignment
from mobile_robust.methods.dir.decoder import Mixer, NanoDecoder, PaperDecoder
from mobile_robust.methods.dir.encoder import BLOCK, CELL, CHANNELS, NANO_CHANNELS, NanoEncoder, PaperEncoder
from mobile_robust.methods.dir.method import DiROptions
from mobile_robust.methods.dir.shifts import Shifts
from mobile_robust.methods.pipeline import ImagePipeline, InsertPipeline, Pipeline
from mobile_robust.methods.site import Site

#: Channels of the representations of each variant.
VARIANTS = {"dir": CHANNELS, "dir_nano": NANO_CHANNELS}
#: Photos are centred at this value of [0, 1] before the encoders' first convolution, which pads with it.
GREY = 0.5
#: Convolutions of dir_nano's DiRNet and DfRNet at the representation's resolution. The first has to look past noise,
#: the second learns from photos without any.
DEPTH, PILOT_DEPTH = 2, 0


class Represented(NamedTuple):
    """What encoders and alignment make of a photo."""

    baseline: Tensor  # r(0): (B, C, H / 8, W / 8), like the next two
    pilot: Tensor
    refined: Tensor  # r+
    early: Tensor  # DiRNet's first features, of which dir_nano has a use


class Decoded(NamedTuple):
    """What comes of a photo in the end."""

    represented: Represented
    decoded: Tensor  # dir: (B, 3, H, W) in [0, top]; dir_nano: blocks, see NanoDecoder
    repaired: Tensor  # (B, 3, H, W)


class Representation(nn.Module):
    """Both encoders and the alignment: centred photo (B, 3, H, W) -> its representations. See :class:`DiR`."""

    def __init__(self, top: float, nano: bool, alignment: str) -> None:
        super().__init__()
        self.top, self.nano, self.looks = top, nano, alignment == "pilot"
        self.dirnet = self.encoder()
        self.dfrnet = NanoEncoder(top, PILOT_DEPTH) if nano else PaperEncoder(top)
        aligns = alignment != "none"
        self.alignment = Alignment(self.dirnet.outputs, nano, guided=self.looks) if aligns else None

    def encoder(self, photos: int = 1) -> NanoEncoder | PaperEncoder:
        """A new encoder like DiRNet, of one photo or of several of the same scene."""
        return NanoEncoder(self.top, DEPTH, photos) if self.nano else PaperEncoder(self.top, photos)

    def forward(self, centred: Tensor) -> Represented:
        baseline, early, *_ = self.dirnet(centred)
        pilot = self.dfrnet(centred)[0] if self.looks else baseline
        refined = self.alignment(baseline, pilot) if self.alignment else baseline
        return Represented(baseline, pilot, refined, early)


class DiR(Adapter):
    """The module: image (B, 3, H, W), RGB in [0, top] -> repaired image. H and W are multiples of 8.

    dir: in the same range; dir_nano: single values may leave it, because int8 files would clamp in float.

    Args:
        top: Largest value of the image.
        variant: See :data:`VARIANTS`.
        alignment: "pilot", "plain" (without the pilot's guidance) or "none" (the baseline is what is decoded).
        spreads: Of layers whose outputs are shifted -> standard deviation of their channels, in the network's order.
    """

    def __init__(
        self,
        top: float = 1.0,
        variant: str = "dir_nano",
        alignment: str = "pilot",
        spreads: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.top, self.channels, nano = top, VARIANTS[variant], variant == "dir_nano"
        self.representation = Representation(top, nano, alignment)
        self.decoder = NanoDecoder() if nano else PaperDecoder(top)
        self.mixer = Mixer(top) if nano else None
        self.layers, self.contexts = tuple(spreads or ()), len(spreads or ())
        dirnet = self.representation.dirnet
        self.shifts = Shifts(dirnet.early, dirnet.outputs, [*spreads.values()]) if spreads else None

    def centred(self, image: Tensor) -> Tensor:
        """image (B, 3, H, W) -> what encoders take."""
        return image - GREY * self.top

    def decode(self, image: Tensor) -> Decoded:
        """All that comes of an image (B, 3, H, W)."""
        centred = self.centred(image)
        represented = self.representation(centred)
        if self.mixer is None:
            photo = self.decoder(represented.refined)
            return Decoded(represented, photo, photo)
        late, blocks = self.decoder(represented.refined)
        return Decoded(represented, blocks, image + self.mixer(centred, represented.early, late, blocks))

    def reconstruct(self, representation: Tensor) -> Tensor:
        """The photo that a representation decodes to, RGB in [0, top]."""
        return self.photo(self.decoder(representation) if self.mixer is None else self.decoder(representation)[1])

    def photo(self, decoded: Tensor) -> Tensor:
        """:attr:`Decoded.decoded` as a photo (B, 3, H, W), RGB in [0, top]."""
        return decoded if self.mixer is None else self.top * (F.pixel_shuffle(decoded, BLOCK) + GREY)

    def prepare(self, image: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        found = self.decode(image)
        return found.repaired, self.shifts_of(found.represented)

    def shifts_of(self, represented: Represented) -> tuple[Tensor, ...]:
        """Of :attr:`layers`, (B, C, 1, 1) each."""
        return () if self.shifts is None else self.shifts(*represented)

    def edit(self, layer: str, features: Tensor, *context: Tensor) -> Tensor:
        return self.editor(layer)(features, *context)

    def editor(self, layer: str) -> nn.Module:
        return AddShift(self.layers.index(layer))

    def start_at_identity(self) -> None:
        """Makes dir_nano change nothing, and its alignment take the pilot as it is; dir has no way past the decoder."""
        alignment = self.representation.alignment
        if self.shifts is not None:
            self.shifts.start_at_zero()
        if self.mixer is not None:
            nn.init.zeros_(self.mixer.synthesis.weight)
        if alignment is not None and alignment.adds:
            for parameter in alignment.last.parameters():
                nn.init.zeros_(parameter)

    def components(self, site: Site) -> dict[str, Component]:
        """The module; and the refined representation alone, for a network that is trained on it."""
        text = f"refined representation, {self.channels} channels at 1/{CELL} of the photo's resolution, unbounded"
        refines = Refines(self.representation, GREY * self.top).train(self.training)
        output = TensorSpec("representation", Role.PARAMETERS, text)
        return {
            "module": image_component(self, site, clamped=self.mixer is None),
            "representation": Component(refines, (site.image_spec(),), output),
        }


class Refines(nn.Module):
    """image (B, 3, H, W), RGB -> refined representation (B, C, H / 8, W / 8)."""

    def __init__(self, representation: Representation, grey: float) -> None:
        super().__init__()
        self.representation, self.grey = representation, grey

    def forward(self, image: Tensor) -> Tensor:
        return self.representation(image - self.grey).refined


def build(site: Site, options: DiROptions) -> DiR:
    """The module for a site's images; raises InputError where the representation's cells do not fill them."""
    recipe = site.recipe
    if any(side % CELL for side in recipe.input.height_width):
        need = f"sides must be multiples of {CELL}, not {recipe.input.size_text()}"
        raise InputError(f"recipe {recipe.name}: a representation's cell has {CELL} pixels a side: {need}")
    spreads = channel_spreads(site.block_outputs()) if options.shifts else None
    return DiR(float(recipe.input.range), options.variant, options.alignment, spreads)


def pipeline(site: Site, adapter: DiR) -> Pipeline:
    """In front of the network; with shifts, inside it as well."""
    return InsertPipeline(site, adapter) if adapter.layers else ImagePipeline(site, adapter)
