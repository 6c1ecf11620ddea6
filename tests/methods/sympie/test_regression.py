"""Ridge regression from sums."""

import torch

from mobile_robust.methods.sympie.regression import RIDGE, Regression


def data() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    features = torch.randn(400, 5, generator=random) * torch.tensor([1, 10, 0.1, 1, 3]) + torch.arange(5)
    return features, torch.randn(400, 3, generator=random) + features[:, :3]


def test_batches_give_what_all_samples_give() -> None:
    features, numbers = data()
    regression = Regression(5, 3)
    for start in range(0, 400, 50):
        regression.add(features[start : start + 50], numbers[start : start + 50])
    weight, bias = regression.solve()
    assert regression.samples == 400
    x, y = features.double(), numbers.double()
    x, y = x - x.mean(0), y - y.mean(0)
    covariance = x.T @ x / 400
    expected = torch.linalg.solve(covariance + RIDGE * covariance.diagonal().diag(), x.T @ y / 400).T
    assert torch.allclose(weight, expected, rtol=1e-6)
    middle = weight @ features.double().mean(0) + bias
    assert torch.allclose(middle, numbers.double().mean(0), atol=1e-6)


def test_whitening_makes_directions_equally_long() -> None:
    regression = Regression(5, 3)
    regression.add(*data())
    white = data()[0].double() @ regression.whitening()
    lengths = torch.linalg.eigvalsh(white.T @ white / 400)
    assert lengths.max() < 1.01 and lengths.min() > 0.05


def test_a_stopped_fit_resumes() -> None:
    features, numbers = data()
    whole, first, second = (Regression(5, 3) for _ in range(3))
    whole.add(features, numbers)
    first.add(features[:100], numbers[:100])
    second.load_state(first.state())
    second.add(features[100:], numbers[100:])
    for got, expected in zip(second.solve(), whole.solve(), strict=True):
        assert torch.allclose(got, expected)
