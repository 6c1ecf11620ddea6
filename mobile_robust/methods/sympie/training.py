"""Training SyMPIE (Barbato et al., MMSys 2024, section 3.2, Algorithm 1) through a frozen classifier.

A second copy U_EMA of the module, whose weights follow slowly, repairs the image first; the module must then leave the
answer right when it repairs that image once more. Without this term a module applied twice spoils the image.

The paper trains on the 1.28 million photos of ImageNet. A few hundred cannot train 4.7 million weights from scratch
to 37 numbers, to each of which the classifier is sensitive, so the first steps fit the last layer in closed form:

* NEM stays as it is drawn; only its batch norms get their statistics;
* the numbers wanted of every crop are those that bring it nearest to its clean self (``fit_warp.py``), as much
  of the way there as the classifier likes best;
* a ridge regression gives these numbers from NEM's features.

Algorithm 1 continues from there.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.errors import InputError
from mobile_robust.methods.feature_maps import TailMaps, relative_errors
from mobile_robust.methods.pipeline import ImagePipeline
from mobile_robust.methods.sympie.fit_warp import fit_warp
from mobile_robust.methods.sympie.method import SyMPIETraining
from mobile_robust.methods.sympie.network import NEM, NUMBERS, SyMPIE, identity
from mobile_robust.methods.sympie.regression import Regression
from mobile_robust.methods.task import Batch, Task
from mobile_robust.state_dicts import entries_under

#: beta: how slowly the second copy follows.
SMOOTHING = 0.9
#: lambda: weight of the second cross-entropy.
EMA_WEIGHT = 0.5
#: Weight of the maps' error beside the cross-entropy.
MAPS_WEIGHT = 2.0
#: Learning rate of all layers but the last, as a share of its own. The fitted layer reads small differences of the
#: features: at the same rate the very first steps of Adam spoil what was fitted (loss 3.4 before, 8.7 after).
FEATURES_RATE = 0.03
#: Where Algorithm 1 begins from scratch it is the other way round: learning rate of the last layer as a share of all
#: others'. Each of its steps adds up over 512 features; at the full rate small batches end far below the identity.
OUT_RATE = 0.02
#: Steps at first that give the batch norms their statistics. They are fixed from then on: those of a small batch
#: disturb the numbers.
CALIBRATION_STEPS = 8
#: Shares of the way to the nearest numbers that are tried, and how much better than less of it one must be.
STRENGTHS, MARGIN = (0.0, 0.5, 1.0), 0.02


class Estimation(Task[ImagePipeline, SyMPIE]):
    """l1 + lambda l2 of Algorithm 1, after a start in closed form. The module is made to change nothing at first."""

    def __init__(self, pipeline: ImagePipeline, image: ImageSpec, options: SyMPIETraining, steps: int) -> None:
        super().__init__(pipeline, image, options, steps)
        fit = steps // 4 if options.fit is None else options.fit
        if fit > steps:
            raise InputError(f"--fit {fit}: allowed are 0 to --steps {steps}")
        self.kind, self.fit = options.loss, fit / steps
        self.from_scratch = not fit
        self.example = torch.zeros(1, 3, *image.size)
        self.maps = self.student_maps = TailMaps(self.pipeline.network, self.example)
        nem = self.nem
        nn.init.zeros_(nem.out.weight)
        with torch.no_grad():
            nem.out.bias.copy_(identity())
        for norm in nem.modules():
            if isinstance(norm, nn.BatchNorm2d) and fit:
                norm.momentum = None  # the mean over all batches that it sees
        self.regression = Regression(nem.out.in_features, NUMBERS)
        self.fitting, self.calibrated = False, 0
        self.ema = copy.deepcopy(self.module).requires_grad_(False)

    @property
    def nem(self) -> NEM:
        """The module's estimator."""
        return self.module.nem

    def use_student(self, pipeline: ImagePipeline) -> None:
        self.student_maps = TailMaps(pipeline.network, self.example)

    def loss(self, student: ImagePipeline, batch: Batch) -> dict[str, Tensor]:
        image, target = self.images(batch.degraded), self.targets(batch)
        wanted: Sequence[Tensor] = ()
        with torch.no_grad():
            if self.kind == "tail":
                *wanted, _ = self.maps(self.pipeline.normalize(self.images(batch.clean)))
            if self.fitting:
                return self._fit(self.images(batch.clean), image, wanted, target)
            once = self.ema(image)
        seen = [self.student_maps(_seen(student, student.module(x))) for x in (image, once)]
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
        whole = fit_warp(image * gain + offset, clean * gain + offset)
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

    def _whiten(self, root: Tensor) -> None:
        out = self.nem.out
        parametrize.register_parametrization(out, "weight", _Whitened(root.to(out.bias)))
        self.ema = copy.deepcopy(self.module).requires_grad_(False)

    def param_groups(self) -> list[tuple[list[nn.Parameter], float]]:
        out = list(self.nem.out.parameters())
        others = [p for name, p in self.module.named_parameters() if not name.startswith("nem.out.")]
        return [(others, 1.0), (out, OUT_RATE)] if self.from_scratch else [(out, 1.0), (others, FEATURES_RATE)]

    def load(self, path: Path, what: str) -> None:
        super().load(path, what)
        self.fit, self.from_scratch = 0.0, False
        self.ema.load_state_dict(self.module.state_dict())

    def on_step_start(self, progress: float) -> None:
        if progress < self.fit:
            self.fitting = True
        elif self.fitting:
            self._fitted()
        early = progress < self.moving_statistics
        calibrating = self.fitting and self.calibrated < CALIBRATION_STEPS
        self.module.eval()
        self.nem.train(calibrating or (self.from_scratch and early))
        self.module.dwm.train(early and not self.fitting)  # clamped values pass no gradient on
        self.ema.train(self.from_scratch and early)

    def on_step_end(self) -> None:
        with torch.no_grad():
            for slow, fast in zip(self.ema.parameters(), self.module.parameters(), strict=True):
                slow.lerp_(fast, 1 - SMOOTHING)

    def checkpoint_state(self) -> dict[str, Tensor]:
        ema = {f"ema.{name}": tensor for name, tensor in self.ema.state_dict().items()}
        sums = {f"regression.{name}": tensor for name, tensor in self.regression.state().items()}
        return {**super().checkpoint_state(), **ema, **sums, "phase": torch.tensor([self.fitting, self.calibrated])}

    def load_checkpoint_state(self, state: Mapping[str, Tensor]) -> None:
        fitting, self.calibrated = state["phase"].tolist()
        self.fitting = bool(fitting)
        self.regression.load_state(entries_under("regression.", state))
        if any(name.startswith("nem.out.parametrizations.") for name in state):
            self._whiten(torch.eye(self.nem.out.in_features))
        others = ("ema.", "regression.", "phase")
        super().load_checkpoint_state({name: tensor for name, tensor in state.items() if not name.startswith(others)})
        self.ema.load_state_dict(entries_under("ema.", state))

    def result(self) -> dict[str, Tensor]:
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
        return weight @ self.root

    def right_inverse(self, weight: Tensor) -> Tensor:
        return weight @ self.inverse


def _seen(pipeline: ImagePipeline, repaired: Tensor) -> Tensor:
    """Repaired images as the network takes them; channels last in memory, which its convolutions want."""
    return pipeline.normalize(repaired).contiguous(memory_format=torch.channels_last)
