"""Training SyMPIE (Barbato et al., MMSys 2024, section 3.2, Algorithm 1) through a frozen classifier.

A second copy U_EMA of the module, whose weights follow slowly, repairs the image first; the module must then leave the
answer right when it repairs that image once more. Without this term a module applied twice spoils the image.

The paper trains on the 1.28 million photos of ImageNet. A few hundred do not carry a network of 4.7 million weights
from nowhere to 37 numbers, to each of which the classifier is sensitive, so the first steps fit its last layer in
closed form:

* NEM stays as it is drawn; only its batch norms get their statistics;
* the numbers wanted of every crop are those that bring it nearest to its clean self (``nearest_numbers.py``), as much
  of the way there as the classifier likes best;
* a ridge regression gives these numbers from NEM's features.

Algorithm 1 goes on from there.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from mobile_robust.data.images import Size
from mobile_robust.methods.classification import Classification
from mobile_robust.methods.feature_maps import TailMaps, relative_errors
from mobile_robust.methods.sympie.fit_warp import nearest_numbers
from mobile_robust.methods.sympie.network import NEM, NUMBERS, SyMPIE, identity
from mobile_robust.methods.sympie.regression import Regression
from mobile_robust.methods.task import MOVING_STATISTICS
from mobile_robust.systems import System
from mobile_robust.systems.images import ImagePipeline

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
#: Learning rate of all layers but the last, as a share of its own. The fitted layer reads small differences of the
#: features: at the same rate the very first steps of Adam spoil what was fitted (loss 3.4 before, 8.7 after).
FEATURES_RATE = 0.03
#: Where Algorithm 1 begins from nowhere it is the other way round: learning rate of the last layer as a share of all
#: others'. Each of its steps adds up over 512 features; at the full rate small batches end far below the identity.
OUT_RATE = 0.02
#: Steps at first that give the batch norms their statistics. They are fixed from then on: those of a small batch
#: disturb the numbers.
CALIBRATION_STEPS = 8
#: Shares of the way to the nearest numbers that are tried, and how much better than less of it one must be.
STRENGTHS, MARGIN = (0.0, 0.5, 1.0), 0.02


class Estimation(Classification):
    """l1 + lambda l2 of Algorithm 1, after a start in closed form.

    Args:
        system: See :class:`mobile_robust.methods.task.Task`; the module is made to change nothing at first.
        size: Height and width of the crops.
        loss: One of :data:`LOSSES`.
        fit: Share of the steps that fit the last layer in closed form.
    """

    pipeline: ImagePipeline
    module: SyMPIE

    def __init__(self, system: System, size: Size, loss: str = LOSSES[0], fit: float = 0.0) -> None:
        super().__init__(system)
        self.kind, self.fit = loss, fit
        self.from_nowhere = not fit
        self.example = torch.zeros(1, 3, *size)
        self.maps = self.learners_maps = TailMaps(self.pipeline.network, self.example)
        nem = self.nem
        nn.init.zeros_(nem.out.weight)
        with torch.no_grad():
            nem.out.bias.copy_(identity())
        for norm in nem.modules():
            if isinstance(norm, nn.BatchNorm2d) and fit:
                norm.momentum = None  # the mean over all batches that it sees
        self.regression = Regression(nem.out.in_features, NUMBERS)
        self.fitting, self.calibrated = False, 0
        self.twin = copy.deepcopy(self.module).requires_grad_(False)

    @property
    def nem(self) -> NEM:
        """The module's estimator."""
        assert isinstance(self.module.nem, NEM)
        return self.module.nem

    def forward(self, *arrays: Tensor) -> dict[str, Tensor]:
        """Clean crops and crops to learn from, uint8 (B, H, W, 3), and labels (B,), -1 where unknown."""
        clean, degraded, labels = arrays
        image, target = self.images(degraded), self.targets(clean, labels)
        wanted: Sequence[Tensor] = ()
        with torch.no_grad():
            if self.kind == "tail":
                *wanted, _ = self.maps(self.pipeline.normalize(self.images(clean)))
            if self.fitting:
                return self._fit(self.images(clean), image, wanted, target)
            once = self.twin(image)
        with self.learner() as pipeline:
            assert isinstance(pipeline, ImagePipeline)
            seen = [self.learners_maps(_seen(pipeline, pipeline.module(x))) for x in (image, once)]
        first, second = (self._losses(maps, answer, wanted, target).mean() for *maps, answer in seen)
        return {"loss": first + EMA_WEIGHT * second, "first": first, "second": second}

    def _losses(self, maps: Sequence[Tensor], answer: Tensor, wanted: Sequence[Tensor], target: Tensor) -> Tensor:
        """Of every image, (B,)."""
        loss = F.cross_entropy(answer, target, reduction="none")
        if wanted:
            errors = [relative_errors(x, y) for x, y in zip(maps, wanted, strict=True)]
            loss = loss + MAPS_WEIGHT * torch.stack(errors).mean(0)
        return loss

    def _fit(self, clean: Tensor, image: Tensor, wanted: Sequence[Tensor], target: Tensor) -> dict[str, Tensor]:
        """Takes the crops' numbers into the regression; the loss is the one they would have."""
        features, same = self.nem.features(image), identity().to(image)
        if self.calibrated < CALIBRATION_STEPS:
            self.calibrated += 1
            *maps, answer = self.maps(self.pipeline.normalize(image))
            return {"loss": self._losses(maps, answer, wanted, target).mean()}
        gain, offset = self.nem.gain, self.nem.offset
        whole = nearest_numbers(image * gain + offset, clean * gain + offset)
        best = torch.full_like(target, torch.inf, dtype=image.dtype)
        numbers, strengths = same.repeat(len(image), 1), torch.zeros_like(best)
        for strength in STRENGTHS:
            tried = same + strength * (whole - same)
            *maps, answer = self.maps(_seen(self.pipeline, self.module.dwm(image, tried)))
            losses = self._losses(maps, answer, wanted, target)
            better = losses < best - MARGIN
            best, strengths = torch.where(better, losses, best), torch.where(better, strength, strengths)
            numbers = torch.where(better[:, None], tried, numbers)
        self.regression.add(features, numbers - same)
        return {"loss": best.mean(), "strength": strengths.mean()}

    def _fitted(self) -> None:
        """The regression becomes the last layer; whatever learns from now on learns in whitened features, where a step
        counts the same in all directions."""
        self.fitting = False
        if not self.regression.samples:
            return
        out, (weight, bias) = self.nem.out, self.regression.solve()
        with torch.no_grad():
            out.weight.copy_(weight)
            out.bias.copy_(bias + identity())
        self._whiten(self.regression.whitening().float())
        self.twin = copy.deepcopy(self.module).requires_grad_(False)

    def _whiten(self, root: Tensor) -> None:
        out = self.nem.out
        parametrize.register_parametrization(out, "weight", _Whitened(root.to(out.bias)))

    def rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """See :class:`mobile_robust.methods.task.Task`."""
        out = list(self.nem.out.parameters())
        known = set(map(id, out))
        others = [p for p in self.module.parameters() if id(p) not in known]
        return [(others, 1.0), (out, OUT_RATE)] if self.from_nowhere else [(out, 1.0), (others, FEATURES_RATE)]

    def quantize(self, photos: Tensor) -> None:
        """See :class:`mobile_robust.methods.task.Task`."""
        super().quantize(photos)
        assert self.simulation is not None and isinstance(self.simulation.pipeline, ImagePipeline)
        self.learners_maps = TailMaps(self.simulation.pipeline.network, self.example)

    def load(self, path: Path) -> None:
        """See :class:`mobile_robust.methods.task.Task`."""
        super().load(path)
        self.fit, self.from_nowhere = 0.0, False
        self.twin.load_state_dict(self.module.state_dict())

    def begin(self, done: float) -> None:
        """See :class:`mobile_robust.methods.task.Task`."""
        if done < self.fit:
            self.fitting = True
        elif self.fitting:
            self._fitted()
        early = done < MOVING_STATISTICS and self.simulation is None
        calibrating = self.fitting and self.calibrated < CALIBRATION_STEPS
        self.module.eval()
        self.nem.train(calibrating or (self.from_nowhere and early))
        self.module.dwm.train(early and not self.fitting)  # clamped values pass no gradient on
        self.twin.train(self.from_nowhere and early)

    def end(self) -> None:
        """The second copy follows."""
        with torch.no_grad():
            for slow, fast in zip(self.twin.parameters(), self.module.parameters(), strict=True):
                slow.lerp_(fast, 1 - SMOOTHING)

    def kept(self) -> dict[str, Tensor]:
        """See :class:`mobile_robust.methods.task.Task`."""
        own = super().kept() | {f"twin.{name}": tensor for name, tensor in self.twin.state_dict().items()}
        own |= {f"regression.{name}": tensor for name, tensor in self.regression.kept().items()}
        return own | {"phase": torch.tensor([self.fitting, self.calibrated])}

    def restore(self, kept: Mapping[str, Tensor]) -> None:
        """See :class:`mobile_robust.methods.task.Task`."""
        phase = kept["phase"].tolist()
        self.fitting, self.calibrated = bool(phase[0]), int(phase[1])
        self.regression.restore(_under("regression.", kept))
        if any(name.startswith("nem.out.parametrizations.") for name in kept):
            self._whiten(torch.eye(self.nem.out.in_features))
            self.twin = copy.deepcopy(self.module).requires_grad_(False)
        others = ("twin.", "regression.", "phase")
        super().restore({name: tensor for name, tensor in kept.items() if not name.startswith(others)})
        self.twin.load_state_dict(_under("twin.", kept))

    def result(self) -> dict[str, Tensor]:
        """See :class:`mobile_robust.methods.task.Task`."""
        if self.fitting:
            self._fitted()
        if parametrize.is_parametrized(self.nem.out):
            parametrize.remove_parametrizations(self.nem.out, "weight")
        return super().result()


class _Whitened(nn.Module):
    """A weight that acts on whitened features, as the weight that acts on the features themselves."""

    root: Tensor
    inverse: Tensor

    def __init__(self, root: Tensor) -> None:
        super().__init__()
        self.register_buffer("root", root)
        self.register_buffer("inverse", torch.linalg.inv(root))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight in use."""
        return weight @ self.root

    def right_inverse(self, weight: Tensor) -> Tensor:
        """The weight that learns, of one in use."""
        return weight @ self.inverse


def _seen(pipeline: ImagePipeline, repaired: Tensor) -> Tensor:
    """Repaired images as the network takes them; channels last in memory, which its convolutions want."""
    return pipeline.normalize(repaired).contiguous(memory_format=torch.channels_last)


def _under(prefix: str, kept: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in kept.items() if name.startswith(prefix)}
