"""Rounded weights lie on the precision's grid and move the network's outputs less than plain rounding does."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mobile_robust.export import rounding as weight_rounding
from mobile_robust.export.input_statistics import layers_of
from mobile_robust.export.rounding import LIMIT, PALETTE, is_compressed, least_compressed, palettize, prepare
from tests.export.networks import images, kinds

PRECISIONS = ["fp16", "int8", "int8w", "pal6"]
SAMPLES = [(image,) for image in images(8)]


def on_int8_grid(weights: Tensor) -> bool:
    rows = weights.flatten(1)
    grid = rows / rows.abs().amax(1, keepdim=True) * LIMIT
    return bool((grid - grid.round()).abs().max() < 1e-3)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_weights_lie_on_the_precisions_grid(precision: str) -> None:
    network = kinds()
    prepared = prepare(network, SAMPLES, precision)
    for layer, before in zip(prepared.layers(), network.layers(), strict=True):
        compressed = is_compressed(layer, least_compressed(network))
        if precision == "int8" or (precision == "int8w" and compressed):
            assert on_int8_grid(layer.weight) and not on_int8_grid(before.weight)
        elif precision == "pal6" and compressed:
            assert len(layer.weight.unique()) <= PALETTE < len(before.weight.unique())
        else:
            assert torch.equal(layer.weight, before.weight.half().float())
        assert not torch.equal(layer.weight, before.weight)


@pytest.mark.parametrize("precision", PRECISIONS)
@torch.no_grad()
def test_biases_take_the_mean_error_of_every_layer(monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    network = kinds()

    def mean_errors(prepared: nn.Module) -> list[float]:
        """Per layer: the size of the mean output error on the float network's own inputs."""
        errors = []
        for name in ("same", "depthwise", "valid", "linear"):
            seen: list[Tensor] = []
            layer, other = network.get_submodule(name), prepared.get_submodule(name)
            hook = layer.register_forward_hook(
                lambda _, x, y, other=other, seen=seen: seen.append(
                    (other(x[0]) - y).transpose(0, 1).flatten(1).mean(1)
                )
            )
            for sample in SAMPLES:
                network(*sample)
            hook.remove()
            errors.append(torch.stack(seen).mean(0).abs().max().item())
        return errors

    corrected = mean_errors(prepare(network, SAMPLES, precision))
    monkeypatch.setattr(weight_rounding, "_mean_output", lambda layer, x, w: torch.zeros(w.shape[0]))
    plain = mean_errors(prepare(network, SAMPLES, precision))
    assert all(c < p / 20 for c, p in zip(corrected, plain, strict=True))


def rounded_to_nearest(network: nn.Module) -> nn.Module:
    """What a quantizer makes of a network that is not prepared for it."""
    network = copy.deepcopy(network)
    for layer in layers_of(network).values():
        scale = layer.weight.flatten(1).abs().amax(1).reshape(-1, *[1] * (layer.weight.dim() - 1)) / LIMIT
        layer.weight.copy_((layer.weight / scale).round() * scale)
    return network


def errors(network: nn.Module, rounded: nn.Module, samples: list[tuple[Tensor]]) -> Tensor:
    return torch.cat([rounded(image) - network(image) for (image,) in samples])


@torch.no_grad()
def test_the_networks_output_is_closer_for_it() -> None:
    network = kinds()
    prepared, nearest = prepare(network, SAMPLES, "int8"), rounded_to_nearest(network)
    assert errors(network, prepared, SAMPLES).square().sum() < errors(network, nearest, SAMPLES).square().sum() / 4


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), channels=st.integers(1, 5), size=st.integers(1, 9))
def test_descent_never_increases_the_quadratic_form(seed: int, channels: int, size: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    factor = torch.randn(channels, size, size, generator=generator)
    covariance = factor @ factor.transpose(1, 2)
    exact = torch.randn(channels, size, generator=generator)
    exact *= LIMIT / exact.abs().amax(1, keepdim=True)
    grid = weight_rounding._descend(exact, covariance)

    def form(rounded: Tensor) -> Tensor:
        difference = (rounded - exact).double()
        return torch.einsum("ck,ckj,cj->c", difference, covariance.double(), difference)

    assert (form(grid) <= form(exact.round()) * (1 + 1e-5) + 1e-6).all()
    assert torch.equal(grid, grid.round()) and ((grid - exact).abs() < 1).all() and grid.abs().max() <= LIMIT


def test_descent_finds_what_nearest_rounding_misses() -> None:
    exact = torch.tensor([[LIMIT, 10.4, 20.4, 30.4]])
    constant = torch.ones(1, 4, 4)  # neighbours that are always equal: only the sum of the errors counts
    grid = weight_rounding._descend(exact, constant)
    assert abs((grid - exact).sum()) < 0.5 < abs((exact.round() - exact).sum())


def test_the_network_given_stays_as_it_is_and_layers_never_called_stay_too() -> None:
    network = kinds()
    network.unused = nn.Conv2d(1, 1, 1)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    prepared = prepare(network, SAMPLES, "int8")
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    assert network.twice.bias is None and prepared.twice.bias is not None
    assert torch.equal(prepared.unused.weight, network.unused.weight)


def test_a_channel_of_bias_alone_gets_a_weight_that_can_carry_it() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 1))
    network[0].weight.data[0] = 0
    network[0].bias.data[:] = torch.tensor([5.0, 0.0])
    prepared = prepare(network.eval(), SAMPLES, "int8")[0]
    assert prepared.weight[0].abs().max() >= 5.0 * weight_rounding.LEAST_WEIGHT
    # the least int8 scale at which the bias still fits in int32, for inputs in [0, 1]
    assert 5.0 / (prepared.weight[0].abs().max() / LIMIT / 255) < 2**31
    with torch.no_grad():
        mean = torch.stack([prepared(image)[0, 0].mean() for (image,) in SAMPLES]).mean()
    assert abs(mean - 5.0) < 1e-4


def test_large_layers_are_compressed_but_for_depthwise_ones() -> None:
    least = least_compressed(kinds())
    assert [is_compressed(layer, least) for layer in kinds().layers()] == [False, False, False, True, True]
    assert not is_compressed(nn.Conv2d(1024, 1024, 3, groups=1024), least)
    assert least_compressed(nn.Sequential(kinds(), nn.Linear(4000, 1000))) > 80 * 8 * 9  # a small part of a large whole


def test_palettes_keep_few_values_and_beat_a_uniform_grid() -> None:
    for few in (torch.linspace(-1, 1, PALETTE).repeat(20), torch.tensor([-0.5, 0.0, 3.0]).repeat(9), torch.ones(8)):
        assert torch.allclose(palettize(few), few, atol=1e-6)
    normal = torch.randn(80, 8, 3, 3, generator=torch.Generator().manual_seed(0))
    for weights, gain in ((normal, 1.5), (normal**3, 3)):
        step = (weights.max() - weights.min()) / (PALETTE - 1)
        uniform = ((weights - weights.min()) / step).round() * step + weights.min()
        palette = palettize(weights)
        assert len(palette.unique()) <= PALETTE
        assert (palette - weights).square().mean() < (uniform - weights).square().mean() / gain


@torch.no_grad()
def test_filters_of_large_patches_are_rounded_for_what_they_see() -> None:
    """Pixels of a patch are nearly alike: what counts is the error of the filter's sum, not of its single weights."""
    generator = torch.Generator().manual_seed(0)
    levels = torch.rand(12, 1, 3, 6, 6, generator=generator).repeat_interleave(8, 3).repeat_interleave(8, 4)
    samples = [(level + 0.02 * torch.randn(level.shape, generator=generator),) for level in levels]
    network = nn.Sequential(nn.Conv2d(3, 5, 8, 8)).requires_grad_(False)
    network[0].weight.normal_(generator=generator)
    descended, nearest = prepare(network, samples, "int8"), rounded_to_nearest(network)
    assert errors(network, descended, samples[8:]).var() < 0.05 * errors(network, nearest, samples[8:]).var()
