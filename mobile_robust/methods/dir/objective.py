"""The information that representations hold of photos, and Gaussians they are drawn from (DiR, section 3.1).

All figures are means over the elements of a tensor: their weights then do not depend on the size of the photo.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mobile_robust.layers.joined_batch import joined_draw

#: Limits of log-variances, beyond which a Gaussian is a point, or without any information.
_LEAST, _MOST = -8.0, 4.0


class Gaussian(NamedTuple):
    """Independent normal distributions, one for every element; both (B, C, h, w)."""

    mean: Tensor
    log_variance: Tensor

    @classmethod
    def of(cls, mean: Tensor, log_variance: Tensor) -> Gaussian:
        """With log-variances brought into limits."""
        return cls(mean, log_variance.clamp(_LEAST, _MOST))

    @classmethod
    def prior(cls, like: Tensor) -> Gaussian:
        """N(0, 1)."""
        return cls(torch.zeros_like(like), torch.zeros_like(like))

    def sample(self) -> Tensor:
        """A draw through which gradients pass to mean and variance."""

        def normal(count: int) -> Tensor:
            return torch.randn_like(torch.cat([self.mean] * (count // len(self.mean))))

        return self.mean + torch.exp(self.log_variance / 2) * joined_draw(normal, len(self.mean))


def divergence(p: Gaussian, q: Gaussian) -> Tensor:
    """Kullback-Leibler divergence of p from q, in nats."""
    ratio = p.log_variance - q.log_variance
    distance = (p.mean - q.mean).square() * torch.exp(-q.log_variance)
    return (ratio.exp() + distance - 1 - ratio).mean() / 2


def information(joint: Tensor, marginal: Tensor) -> Tensor:
    """Lower bound of the mutual information by the Jensen-Shannon divergence (Eq. 1), at most 0: of a discriminator's
    values for pairs that belong together, and for pairs that do not."""
    return -F.softplus(-joint).mean() - F.softplus(marginal).mean()
