"""A classifier that is calibrated by a fidelity map: its input, the maps in front of its pools, its pooled features."""

from __future__ import annotations

from typing import cast

from torch import Tensor

from mobile_robust.backbones.split import deploy_network, split_before
from mobile_robust.layers.deploy import with_children
from mobile_robust.methods.fidelity.network import Fidelity
from mobile_robust.methods.pipeline import Pipeline, insert
from mobile_robust.methods.site import Site


class FidelityPipeline(Pipeline):
    """restorer -> normalize -> extractor, edited by the map -> pooled features, edited -> classifier."""

    module: Fidelity

    def __init__(self, site: Site, adapter: Fidelity) -> None:
        super().__init__()
        name = site.section.name
        self.where, self.needs_clean = f"in front of and inside {name}", adapter.source == "oracle"
        self.normalize, self.module = site.normalize(), adapter
        edited = insert(adapter, site.backbone, name, adapter.layers)
        self.extractor, self.classifier = split_before(edited, adapter.classifier, name)
        # A function, which copies of the pipeline share: the undeployed backbone is not copied along.
        self._deploy = lambda: split_before(deploy_network(edited, name), adapter.classifier, name)

    def forward(self, image: Tensor, clean: Tensor | None = None) -> Tensor:
        restored, context = self.module.prepare(image, clean)
        normalized = self.normalize(restored)
        pooled = self.extract(self.module.edit_image(normalized, *context), *context)
        return self.classifier(self.edit_pooled(pooled, normalized, context))

    def edit_pooled(self, pooled: Tensor, normalized: Tensor, context: tuple[Tensor, ...]) -> Tensor:
        """The pooled features (B, F), edited; an ensemble mixes in those of the restored image, (B, 3, H, W)."""
        calibration = self.module.calibration
        if calibration is None:
            return pooled
        edited = calibration.edit_pooled(pooled, context)
        if calibration.ensemble:
            edited = calibration.mix(edited, self.extract(normalized, *calibration.neutral(normalized)), context)
        return edited

    def extract(self, normalized: Tensor, *context: Tensor) -> Tensor:
        """Normalized image (B, 3, H, W), spatial context -> pooled features."""
        return self.extractor(normalized, *context[: self.module.contexts])

    def baseline(self, image: Tensor) -> Tensor:
        normalized, calibration = self.normalize(image), self.module.calibration
        return self.classifier(self.extract(normalized, *(calibration.neutral(image) if calibration else ())))

    def backbone_state(self) -> dict[str, Tensor]:
        return {**self.extractor.state_dict(), **self.classifier.state_dict()}

    def frozen(self) -> Pipeline:
        extractor, classifier = self._deploy()
        return cast(Pipeline, with_children(self, extractor=extractor, classifier=classifier))
