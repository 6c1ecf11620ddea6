"""Ridge regression on samples that come in batches; of them only sums are kept."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, distributed

#: Of every feature's variance. The features are many and alike: 0.1 cost 5 of 107 clean crops more than 0.3.
RIDGE = 1.0
#: The same for :meth:`Regression.whitening`, where nothing is fitted.
DAMPING = 0.3


class Regression:
    """Numbers (B, outputs) as a linear function of features (B, inputs), in float64.

    Processes that share a training share the sums as well.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        # a last feature that is always 1 counts the samples and gives the means
        self.squares = torch.zeros(inputs + 1, inputs + 1, dtype=torch.float64)
        self.products = torch.zeros(inputs + 1, outputs, dtype=torch.float64)

    @property
    def samples(self) -> int:
        """How many were added."""
        return int(self.squares[-1, -1])

    def add(self, features: Tensor, numbers: Tensor) -> None:
        """Takes in one batch."""
        known = torch.cat([features, torch.ones_like(features[:, :1])], 1).double()
        sums = torch.cat([known.T @ known, known.T @ numbers.double()], 1)
        if distributed.is_initialized():
            distributed.all_reduce(sums)
        width = len(self.squares)
        self.squares += sums[:, :width].to(self.squares.device)
        self.products += sums[:, width:].to(self.products.device)

    def solve(self) -> tuple[Tensor, Tensor]:
        """Weight (outputs, inputs) and bias (outputs,)."""
        mean, wanted = self.squares[-1, :-1] / self.samples, self.products[-1] / self.samples
        covariance = self.squares[:-1, :-1] / self.samples - torch.outer(mean, mean)
        ridge = RIDGE * covariance.diagonal() + 1e-12
        joint = self.products[:-1] / self.samples - torch.outer(mean, wanted)
        weight = torch.linalg.solve(covariance + ridge.diag(), joint).T
        return weight, wanted - weight @ mean

    def whitening(self) -> Tensor:
        """The symmetric matrix (inputs, inputs) after which all directions of the features are about equally long."""
        moment = self.squares[:-1, :-1] / self.samples
        moment = moment + DAMPING * moment.diagonal().diag()
        values, vectors = torch.linalg.eigh(moment)
        return (vectors * values.clamp_min(1e-12).rsqrt()) @ vectors.T

    def state(self) -> dict[str, Tensor]:
        """All that :meth:`load_state` needs."""
        return {"squares": self.squares, "products": self.products}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        self.squares, self.products = (state[name].double().cpu() for name in ("squares", "products"))
