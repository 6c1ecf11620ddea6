"""Information and divergence have the values that are known in closed form."""

from __future__ import annotations

import math

import pytest
import torch

from mobile_robust.methods.dir.auxiliary import Discriminator
from mobile_robust.methods.dir.objective import Gaussian, divergence, information


def test_divergence_of_gaussians() -> None:
    zeros, ones = torch.zeros(2, 3), torch.ones(2, 3)
    prior = Gaussian.prior(zeros)
    assert divergence(prior, prior) == 0
    assert divergence(Gaussian(ones, zeros), prior) == pytest.approx(0.5)
    wide = Gaussian(ones, 2 * ones)
    p, q = (torch.distributions.Normal(x.mean, torch.exp(x.log_variance / 2)) for x in (wide, prior))
    assert divergence(wide, prior) == pytest.approx(torch.distributions.kl_divergence(p, q).mean().item())
    assert divergence(prior, wide) == pytest.approx(torch.distributions.kl_divergence(q, p).mean().item())


def test_draws_have_mean_and_variance_and_gradients() -> None:
    torch.manual_seed(0)
    mean, log_variance = torch.full((40000,), 2.0, requires_grad=True), torch.full((40000,), -1.0, requires_grad=True)
    drawn = Gaussian.of(mean, log_variance).sample()
    assert drawn.mean().item() == pytest.approx(2, abs=0.02)
    assert drawn.var().item() == pytest.approx(math.exp(-1), rel=0.03)
    drawn.square().sum().backward()
    assert mean.grad is not None and mean.grad.all() and log_variance.grad is not None and log_variance.grad.all()
    assert Gaussian.of(mean, log_variance * 1e3).log_variance.min() > -20


def test_information_is_bounded() -> None:
    zeros, ones = torch.zeros(4, 1, 2, 2), torch.ones(4, 1, 2, 2)
    assert information(zeros, zeros).item() == pytest.approx(-2 * math.log(2))
    assert -1e-6 < information(30 * ones, -30 * ones) <= 0
    assert information(-ones, ones) < information(zeros, zeros) < information(ones, -ones) < 0


def test_a_discriminator_learns_which_representation_is_of_which_photo() -> None:
    torch.manual_seed(0)
    photos, net = torch.rand(8, 3, 32, 32) - 0.5, Discriminator(12, 1.0)
    cells = torch.nn.functional.avg_pool2d(photos, 8) * 8  # says a lot about the photo
    known = cells.repeat(1, 4, 1, 1)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    values = []
    for _ in range(60):
        value = net.information(photos, known)
        optimizer.zero_grad()
        (-value).backward()
        optimizer.step()
        values.append(value.item())
    nothing = net.information(photos, torch.zeros_like(known))
    assert values[0] == pytest.approx(-2 * math.log(2), abs=0.1) and values[-1] > -0.8
    assert nothing < values[-1]
