"""Fidelity map (FG-NIC): Fidelity Estimation Improves Noisy-Image Classification With Pretrained Networks (Lin et al.,
IEEE SPL 2021), and the report Learning degraded image classification with restoration data fidelity (EPFL 2021).

A restorer cleans the photo, and an estimator says where it could not. The frozen network is calibrated by
this fidelity map: its input and its feature maps get a factor and a shift at every position, its pooled features are
multiplied and mixed with the map:

    restored, errors = restorer(image)
    context = calibration(fidelity(errors))
    logits = classifier(edit(pool(edit(… edit(normalize(restored)), context …))))

Where report and published code differ this follows the code, whose counts the paper prints. Networks that downsample by
strides have hardly any pools to edit at: the small form edits the end of every block too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mobile_robust.backbones.pooling import PoolingPoints, pooling_points
from mobile_robust.backbones.spread import channel_spreads
from mobile_robust.data.images import Size
from mobile_robust.errors import InputError
from mobile_robust.methods.adapter import Adapter, Component, image_component
from mobile_robust.methods.fidelity.calibration import Calibration, Shape
from mobile_robust.methods.fidelity.fidelity_map import FidelityMap
from mobile_robust.methods.fidelity.method import FidelityOptions
from mobile_robust.methods.fidelity.restore import NanoRestorer, PaperRestorer
from mobile_robust.methods.site import Site

#: What restores in each variant.
VARIANTS = {"fidelity": PaperRestorer, "fidelity_nano": NanoRestorer}


class Fidelity(Adapter):
    """Restorer, map and calibration.

    Args:
        restorer: image (B, 3, H, W) -> restored image, map of errors or None.
        fidelity: Map of errors -> fidelity (B, 1, h, w).
        calibration: None: restores only.
        layers: In front of the backbone's pools, one for every level but the first, and at the end of blocks.
        classifier: The layer that takes the pooled features.
        source: Of the map: "estimated", "oracle" or "constant".
        top: Largest value of the image.
    """

    def __init__(
        self,
        restorer: NanoRestorer | PaperRestorer,
        fidelity: FidelityMap,
        calibration: Calibration | None,
        layers: tuple[str, ...],
        classifier: str,
        source: str,
        top: float,
    ) -> None:
        super().__init__()
        self.restorer, self.map, self.calibration = restorer, fidelity, calibration
        self.classifier, self.source, self.top = classifier, source, top
        self.block = fidelity.block  # what the map's deploy form does not know
        self.layers = layers if calibration and calibration.contexts else ()
        self.contexts = calibration.contexts if calibration else 0

    def prepare(self, image: Tensor, clean: Tensor | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """image (B, 3, H, W) -> restored image, context of all edits; ``clean``: what the oracle measures with."""
        restored, errors = self.restorer(image)
        return restored, self.context(restored, errors, clean)

    def context(self, restored: Tensor, errors: Tensor | None, clean: Tensor | None = None) -> tuple[Tensor, ...]:
        """Of all edits, by the map that :attr:`source` names."""
        if self.calibration is None:
            return ()
        if self.source == "constant":
            height, width = (side // self.block for side in restored.shape[2:])
            return self.calibration(restored.new_zeros(len(restored), 1, height, width))
        if self.source == "oracle":
            if clean is None:
                reason = "a file never sees the clean photo that it measures with; train and evaluate such a recipe"
                raise InputError(f'options.source "oracle": {reason}')
            errors = self.map.measure(restored / self.top, clean / self.top)
        assert errors is not None
        return self.calibration(self.map(errors))

    def edit_image(self, normalized: Tensor, *context: Tensor) -> Tensor:
        """The normalized image, edited."""
        return self.calibration.editor(0)(normalized, *context) if self.calibration else normalized

    def edit(self, layer: str, features: Tensor, *context: Tensor) -> Tensor:
        return self.editor(layer)(features, *context)

    def editor(self, layer: str) -> nn.Module:
        assert self.calibration is not None
        return self.calibration.editor(1 + self.layers.index(layer))

    def start_at_identity(self) -> None:
        """Makes the module change nothing; the paper's mixture of pooled features, which has no shortcut, stays."""
        for layer in self.restorer.last:
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)
        if self.calibration and self.calibration.nano:
            self.calibration.start_at_identity()

    def components(self, site: Site) -> dict[str, Component]:
        """The restorer by itself."""
        return {
            "restorer": image_component(
                _Restores(self.restorer).train(self.training), site, clamped=not self.restorer.unbounded
            )
        }


class _Restores(Adapter):
    """A restorer whose map nobody reads."""

    def __init__(self, restorer: nn.Module) -> None:
        super().__init__()
        self.restorer = restorer

    def prepare(self, image: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        return self.restorer(image)[0], ()


def build(site: Site, options: FidelityOptions) -> Fidelity:
    """The module for a site's image and backbone; raises InputError for a backbone without insertion points, or an
    image that blocks of pixels do not fill."""
    recipe, nano = site.recipe, options.variant == "fidelity_nano"
    size, top, block = recipe.input.height_width, float(recipe.input.range), options.block if nano else 1
    if nano and any(side % (2 * block) for side in size):
        need = f"sides must be multiples of {2 * block}, not {recipe.input.size_text()}"
        raise InputError(f"recipe {recipe.name}: fidelity_nano restores blocks of {block} pixels: {need}")
    points = pooling_points(site.backbone, site.section.name, torch.zeros(1, 3, *size))
    levels = tuple((height, width) for _, height, width in points.shapes)
    map_size = (size[0] // block, size[1] // block)
    if nano and any(whole % cells for whole, cells in zip(map_size, levels[-1], strict=True)):
        need = f"its map of {map_size[0]}x{map_size[1]} does not divide into the {levels[-1][0]}x{levels[-1][1]} cells"
        raise InputError(f"recipe {recipe.name}: {need} of the last feature map of {site.section.name}")
    estimates = options.source == "estimated"
    restorer = (
        NanoRestorer(top, block, estimates)
        if nano
        else PaperRestorer(top, options.depth, options.batch_norm, estimates, options.estimate_from == "restored")
    )
    blocks = _blocks(site, points, map_size) if nano and "block_addition" not in options.without else {}
    sizes = tuple((output.shape[2], output.shape[3]) for output in blocks.values())
    shape = Shape(size, map_size, levels, points.features, nano, sizes)
    calibration = None
    if not options.restores_only:
        calibration = Calibration(shape, options.without, options.ensemble, [*channel_spreads(blocks).values()])
    fidelity = FidelityMap(options.map, block, measured=nano)
    layers = (*points.before_pools, *blocks)
    return Fidelity(restorer, fidelity, calibration, layers, points.classifier, options.source, top)


def _blocks(site: Site, points: PoolingPoints, map_size: Size) -> dict[str, Tensor]:
    """Layer that ends a block and is edited -> its output (B, C, H, W) for some photos: all but those of a finer
    resolution than the map's, and those that are pooled."""
    return {
        layer: output
        for layer, output in site.block_outputs().items()
        if layer not in points.before_pools and output.shape[2] <= map_size[0] and output.shape[3] <= map_size[1]
    }
