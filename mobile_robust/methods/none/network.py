"""The adapter that edits nothing, on a backbone."""

from __future__ import annotations

from mobile_robust.methods.method import Options
from mobile_robust.methods.pipeline import NoAdapter
from mobile_robust.methods.site import Site


def build(site: Site, options: Options) -> NoAdapter:
    """No adapter; raises InputError where the backbone cannot take the image."""
    site.try_image(site.backbone)
    return NoAdapter()
