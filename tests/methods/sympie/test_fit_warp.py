"""The numbers that bring an image nearest to its clean self."""

import torch

from mobile_robust.methods.sympie.fit_warp import FARTHEST, fit_warp
from mobile_robust.methods.sympie.network import DWM, identity


def images(count: int) -> torch.Tensor:
    """Smooth in places, with edges, in [0, 1]."""
    random = torch.rand(count, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(random, size=(64, 72), mode="nearest")


def repaired(degraded: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    dwm = DWM((64, 72), 1.0).eval()
    return dwm(degraded, fit_warp(*(x * dwm.gain + dwm.offset for x in (degraded, clean))))


def test_a_clean_image_stays() -> None:
    clean = images(2)
    assert torch.allclose(fit_warp(clean, clean), identity().repeat(2, 1), atol=1e-3)


def test_colours_come_back() -> None:
    clean = images(3)
    matrix = torch.tensor([[0.5, 0.1, 0.0], [0.0, 0.4, 0.05], [0.1, 0.0, 0.6]])
    degraded = torch.einsum("bdhw,dc->bchw", clean, matrix) + torch.tensor([0.1, 0.2, 0.0])[:, None, None]
    assert (repaired(degraded, clean) - clean).square().mean() < 0.02 * (degraded - clean).square().mean()


def test_noise_and_blur_become_less() -> None:
    clean = images(3)
    noisy = (clean + 0.3 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    blurred = torch.nn.functional.avg_pool2d(clean, 3, 1, 1, count_include_pad=False)
    for degraded, left in ((noisy, 0.5), (blurred, 0.9)):
        assert (repaired(degraded, clean) - clean).square().mean() < left * (degraded - clean).square().mean()


def test_every_image_gets_its_own() -> None:
    clean = images(2)
    degraded = torch.stack([clean[0] * 0.5, clean[1] * 2])
    together = fit_warp(degraded, clean)
    for i in range(2):
        assert torch.allclose(fit_warp(degraded[i : i + 1], clean[i : i + 1])[0], together[i], atol=1e-4)


def test_an_image_without_contrast_asks_for_no_numbers_without_measure() -> None:
    clean = images(2)
    flat = clean.mean((1, 2, 3), keepdim=True) - 3 + 1e-3 * clean
    numbers = fit_warp(flat, clean)
    assert numbers.isfinite().all() and (numbers - identity()).abs().max() <= FARTHEST + 1e-6
