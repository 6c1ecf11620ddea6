"""Networks that stage I trains along and nobody ships: variances, the encoder of two photos, discriminators."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.layers.joined_batch import joined_mean, joined_neighbours
from mobile_robust.methods.dir.encoder import NanoEncoder, PaperEncoder
from mobile_robust.methods.dir.network import DiR
from mobile_robust.methods.dir.objective import Gaussian, divergence, information

#: lambda, beta and beta* of Eq. 5 and 6, which the paper does not print.
REDUNDANCY, PRIOR, REFERENCE_PRIOR = 1.0, 1e-3, 1e-3
#: Channels of a discriminator: of the photo, and where photo and representation are looked at together.
_PHOTO, _TOGETHER = 64, 512


class Discriminator(nn.Module):
    """F of Eq. 1: (centred photo (B, 3, H, W), representation (B, C, H / 8, W / 8)) -> a value for every cell,
    (B, 1, H / 8, W / 8), large where they belong together."""

    def __init__(self, channels: int, top: float) -> None:
        super().__init__()
        self.top = top
        layers: list[nn.Module] = []
        for inputs in (3, _PHOTO, _PHOTO):
            layers += [nn.Conv2d(inputs, _PHOTO, 3, stride=2, padding=1), nn.ReLU()]
        self.photo = nn.Sequential(*layers)
        self.together = nn.Sequential(nn.Conv2d(_PHOTO + channels, _TOGETHER, 1), nn.ReLU(), nn.Conv2d(_TOGETHER, 1, 1))

    def information(self, centred: Tensor, representation: Tensor) -> Tensor:
        """Of the representations about their photos; pairs that do not belong together are of neighbours in the batch.

        It is computed cell by cell: a representation of one cell says little of the others.
        """
        photo = self.photo(centred / self.top)
        joint, marginal = (self.together(torch.cat([x, representation], 1)) for x in (photo, joined_neighbours(photo)))
        return information(joint, marginal)


class Auxiliary(nn.Module):
    """All of them, with the objectives of stage I."""

    def __init__(self, module: DiR) -> None:
        super().__init__()
        representation, channels = module.representation, module.channels
        self.pair = representation.encoder(photos=2)
        self.of_baseline, self.of_reference = (Discriminator(channels, module.top) for _ in range(2))
        self.variance, self.reference_variance, self.pair_variance = (
            nn.Conv2d(self.pair.features, channels, 1) for _ in range(3)
        )

    def baseline_losses(self, module: DiR, first: Tensor, second: Tensor) -> dict[str, Tensor]:
        """L0 (Eq. 5) of two centred photos of the same scenes, degraded in two ways: "l0", its terms, and "closeness",
        how far the representations of one scene lie apart as a fraction of how far those of two scenes do."""
        dirnet = module.representation.dirnet
        views = [_gaussian(dirnet, self.variance, x) for x in (first, second)]
        both = _gaussian(self.pair, self.pair_variance, torch.cat([first, second], 1))
        drawn = both.sample()
        known = torch.stack([self.of_baseline.information(x, drawn) for x in (first, second)]).mean()
        redundancy = torch.stack([divergence(both, view) for view in views]).mean()
        prior = torch.stack([divergence(view, Gaussian.prior(view.mean)) for view in views]).mean()
        loss = -known + REDUNDANCY * redundancy + PRIOR * prior
        with torch.no_grad():
            one, other = (view.mean for view in views)
            closeness = _distance(one, other) / _distance(one, joined_neighbours(other))
        return {"l0": loss, "information": known, "redundancy": redundancy, "closeness": closeness}

    def reference_losses(self, module: DiR, clean: Tensor) -> dict[str, Tensor]:
        """L* (Eq. 6) of clean photos (B, 3, H, W), RGB in [0, top]: "l_star", and the photo's error."""
        centred = module.centred(clean)
        reference = _gaussian(module.representation.dfrnet, self.reference_variance, centred)
        drawn = reference.sample()
        error = F.l1_loss(module.reconstruct(drawn) / module.top, clean / module.top)
        prior = divergence(reference, Gaussian.prior(reference.mean))
        known = self.of_reference.information(centred, drawn)
        return {"l_star": -known + error + REFERENCE_PRIOR * prior, "decoded": error}


def _distance(one: Tensor, other: Tensor) -> Tensor:
    return joined_mean((one - other).flatten(1).norm(dim=1).mean())


def _gaussian(encoder: NanoEncoder | PaperEncoder, variance: nn.Module, centred: Tensor) -> Gaussian:
    mean, *_, features = encoder(centred)
    return Gaussian.of(mean, variance(features))
