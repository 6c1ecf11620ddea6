"""What a linear classifier reads from representations."""

from __future__ import annotations

import torch
from torch import Tensor

#: Of the squared weights beside the mean squared error: features are standardized.
_RIDGE = 0.01


def summary(representation: Tensor) -> Tensor:
    """(B, C, h, w) -> mean and standard deviation over all cells of every channel, (B, 2 C)."""
    return torch.cat([representation.mean((2, 3)), representation.std((2, 3))], 1)


def probe(features: Tensor, kinds: Tensor, folds: Tensor) -> Tensor:
    """Whether ridge regression on the kinds, in closed form, finds that of every row, having learned from the rows of
    other folds: features (N, F), kinds (N,) from 0, folds (N,) -> (N,) bool."""
    features, right = features.double(), torch.zeros(len(kinds), dtype=torch.bool)
    wanted = torch.nn.functional.one_hot(kinds).double()
    for fold in folds.unique():
        test = folds == fold
        seen, target = features[~test], wanted[~test]
        mean, deviation = seen.mean(0), seen.std(0) + 1e-12
        x, y = (seen - mean) / deviation, target - target.mean(0)
        weights = torch.linalg.solve(x.T @ x / len(x) + _RIDGE * torch.eye(x.shape[1]), x.T @ y / len(x))
        scores = (features[test] - mean) / deviation @ weights + target.mean(0)
        right[test] = scores.argmax(1) == kinds[test]
    return right
