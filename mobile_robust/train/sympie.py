"""Training SyMPIE (Barbato et al., MMSys 2024, section 3.2, Algorithm 1) through a frozen classifier.

A second copy U_EMA of the module, whose weights follow slowly, repairs the image first; the module must then leave the
answer right when it repairs that image once more. Without this term a module applied twice spoils the image.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.data import Size
from mobile_robust.modules.sympie import NEM, SyMPIE, identity
from mobile_robust.systems import System
from mobile_robust.systems.images import ImagePipeline
from mobile_robust.train.classification import Classification
from mobile_robust.train.maps import TailMaps, relative_error

#: Share of the crops that stay clean, so that the module learns to leave good photos alone.
CLEAN_SHARE = 1 / 6
#: beta: how slowly the second copy follows.
SMOOTHING = 0.9
#: lambda: weight of the second cross-entropy.
EMA_WEIGHT = 0.5
#: The first is the default. "answers" is the paper's cross-entropy alone; "tail" adds how far the network's maps are
#: from those of the clean crop, which says much more about every crop than its class does.
LOSSES = ("tail", "answers")
#: Weight of the maps' error beside the cross-entropy.
MAPS_WEIGHT = 2.0
#: Learning rate of the layer that gives the 37 numbers, as a share of all others': each of its steps adds up over 512
#: features, and the classifier is sensitive to every number. At the full rate small batches end far below the identity.
OUT_RATE = 0.02


class Estimation(Classification):
    """l1 + lambda l2 of Algorithm 1.

    Args:
        system: See :class:`mobile_robust.train.task.Task`; the module is made to change nothing at first.
        size: Height and width of the crops.
        loss: One of :data:`LOSSES`.
    """

    pipeline: ImagePipeline
    module: SyMPIE

    def __init__(self, system: System, size: Size, loss: str = LOSSES[0]) -> None:
        super().__init__(system)
        self.kind = loss
        self.example = torch.zeros(1, 3, *size)
        self.maps = self.learners_maps = TailMaps(self.pipeline.network, self.example)
        nem = self.module.nem
        assert isinstance(nem, NEM)
        nn.init.zeros_(nem.out.weight)
        with torch.no_grad():
            nem.out.bias.copy_(identity())
        self.twin = copy.deepcopy(self.module).requires_grad_(False)

    def forward(self, *arrays: Tensor) -> dict[str, Tensor]:
        """Clean crops and crops to learn from, uint8 (B, H, W, 3), and labels (B,), -1 where unknown."""
        clean, degraded, labels = arrays
        image, target = self.images(degraded), self.targets(clean, labels)
        wanted: Sequence[Tensor] = ()
        with torch.no_grad():
            once = self.twin(image)
            if self.kind == "tail":
                *wanted, _ = self.maps(self.pipeline.normalize(self.images(clean)))
        with self.learner() as pipeline:
            assert isinstance(pipeline, ImagePipeline)
            seen = [self.learners_maps(pipeline.normalize(pipeline.module(x))) for x in (image, once)]
        first, second = (self._loss(maps, answer, wanted, target) for *maps, answer in seen)
        return {"loss": first + EMA_WEIGHT * second, "first": first, "second": second}

    def _loss(self, maps: Sequence[Tensor], answer: Tensor, wanted: Sequence[Tensor], target: Tensor) -> Tensor:
        loss = F.cross_entropy(answer, target)
        if wanted:
            errors = [relative_error(x, y) for x, y in zip(maps, wanted, strict=True)]
            loss = loss + MAPS_WEIGHT * torch.stack(errors).mean()
        return loss

    def rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """See :class:`mobile_robust.train.task.Task`."""
        nem = self.module.nem
        assert isinstance(nem, NEM)
        out = list(nem.out.parameters())
        known = set(map(id, out))
        return [([p for p in self.module.parameters() if id(p) not in known], 1.0), (out, OUT_RATE)]

    def quantize(self, photos: Tensor) -> None:
        """See :class:`mobile_robust.train.task.Task`."""
        super().quantize(photos)
        assert self.simulation is not None and isinstance(self.simulation.pipeline, ImagePipeline)
        self.learners_maps = TailMaps(self.simulation.pipeline.network, self.example)

    def load(self, path: Path) -> None:
        """See :class:`mobile_robust.train.task.Task`."""
        super().load(path)
        self.twin.load_state_dict(self.module.state_dict())

    def begin(self, done: float) -> None:
        """See :class:`mobile_robust.train.task.Task`."""
        super().begin(done)
        self.twin.train(self.module.training)

    def end(self) -> None:
        """The second copy follows."""
        with torch.no_grad():
            for slow, fast in zip(self.twin.parameters(), self.module.parameters(), strict=True):
                slow.lerp_(fast, 1 - SMOOTHING)

    def kept(self) -> dict[str, Tensor]:
        """See :class:`mobile_robust.train.task.Task`."""
        return super().kept() | {f"twin.{name}": tensor for name, tensor in self.twin.state_dict().items()}

    def restore(self, kept: Mapping[str, Tensor]) -> None:
        """See :class:`mobile_robust.train.task.Task`."""
        twin = {name.removeprefix("twin."): tensor for name, tensor in kept.items() if name.startswith("twin.")}
        super().restore({name: tensor for name, tensor in kept.items() if not name.startswith("twin.")})
        self.twin.load_state_dict(twin)
