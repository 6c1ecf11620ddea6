"""The adapter that edits nothing, on a backbone whose signal reaches its output."""

from __future__ import annotations

import torch

from mobile_robust.backbones.initialization import recalibrate_batchnorms
from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.data.images import built_in_photos
from mobile_robust.methods.method import Options
from mobile_robust.methods.pipeline import NoAdapter
from mobile_robust.methods.site import Site

#: Photos that show whether a random backbone's signal lives, and that batch norms take their statistics from.
PHOTOS = 8
#: Least difference between the logits of those photos, as a share of the logits' own spread.
LEAST_DIFFERENCE = 1e-3


def build(site: Site, options: Options) -> NoAdapter:
    """No adapter; re-estimates a random backbone's batch norms where its activations vanish (RepVGG's initial norms
    divide them by ten in every block): all photos would have the same logits, which verifies nothing.
    """
    site.try_image(site.backbone)
    if site.section.weights is None:
        _check_signal(site)
    return NoAdapter()


@torch.no_grad()
def _check_signal(site: Site) -> None:
    section = site.recipe.input
    photos = built_in_photos(section.height_width, PHOTOS)
    normalized = site.normalize()(torch.from_numpy(ImageSpec.of(section).array(photos)))
    logits = site.backbone(normalized)
    if logits.std(0).mean() < LEAST_DIFFERENCE * logits.std():
        recalibrate_batchnorms(site.backbone, normalized)
