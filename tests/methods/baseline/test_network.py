"""The latency table's peers: they repair a little from the start, and are as large as their papers say."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import AlexNet_Weights

from mobile_robust.backbones.create import create_network
from mobile_robust.backbones.split import deploy_network
from mobile_robust.export.cost import count
from mobile_robust.methods.baseline.method import EXCLUDED, TABLE_VII
from mobile_robust.methods.baseline.network import VARIANTS, Chain
from mobile_robust.methods.registry import methods, peers, published_latencies
from mobile_robust.recipes import built_in_recipes, load_recipe

SIZE = (40, 56)
BASELINES = {name: published_latencies()[name] for name in peers()}


def image(top: float, batch: int = 1) -> torch.Tensor:
    return top * torch.rand(batch, 3, *SIZE, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_untrained_ones_repair_a_little_and_alike_in_any_range(variant: str) -> None:
    torch.manual_seed(0)
    small = Chain(1.0, variant).eval()
    large = Chain(255.0, variant).eval()
    large.load_state_dict(small.state_dict())
    repaired = small(image(1.0))
    assert 0.01 < (repaired - image(1.0)).square().mean().sqrt() < 0.2
    torch.testing.assert_close(large(image(255.0)), 255 * repaired, rtol=0, atol=1e-3)


def test_dncnn_subtracts_what_it_estimates_and_arcnn_gives_the_image() -> None:
    for variant, factor in (("dncnn", 1.0), ("arcnn", 0.0)):
        module = Chain(1.0, variant).eval()
        nn.init.zeros_(module.convs[-1].weight)
        nn.init.zeros_(module.convs[-1].bias)
        assert torch.equal(module(image(1.0)), factor * image(1.0))


def test_the_papers_figures() -> None:
    """Parameters of the training form and multiply-accumulates of the deploy form, exact and against the paper."""
    exact = {"arcnn": (117_731, 117_616), "dncnn": (558_403, 556_416)}
    for variant, (parameters, macs_a_pixel) in exact.items():
        module = Chain(255.0, variant).eval()
        macs, deployed = count(module.deployed(), {"image": torch.zeros(1, 3, 32, 32)})
        assert sum(p.numel() for p in module.parameters()) == parameters >= deployed
        assert macs == 32 * 32 * macs_a_pixel
        published = BASELINES[variant]
        assert round(parameters / 1e6, 2) == published.parameters / 1e6
        assert 224 * 224 * macs_a_pixel == pytest.approx(published.macs, rel=0.006)  # Table VII's counts more ops
    # All that the table counts: a convolution's bias, a batch norm's two operations and a ReLU's one on every value.
    beside = {"arcnn": 115 + 112, "dncnn": 64 + 3 + 15 * 64 * 2 + 16 * 64}
    for variant, operations in beside.items():
        counted = 224 * 224 * (exact[variant][1] + operations)
        assert round(counted / 1e9, 2) == BASELINES[variant].macs / 1e9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "parameters", "macs"),
    [
        ("resnet50", 25_557_032, 4_089_184_256),
        ("repvgg_a2", 25_499_944, 5_116_951_552),  # merged; 28.21 M and 5.69 G with its branches
        ("mobilenetv2", 3_504_872, 300_774_272),  # the paper rounds to 3.4 M
        ("alexnet", 61_100_840, 714_188_480),
    ],
)
def test_the_backbones_figures(recipe: str, parameters: int, macs: int) -> None:
    section = load_recipe(recipe).backbone
    assert section is not None
    network = create_network(section.name, section.options, None, 0)
    deployed = deploy_network(network, section.name)
    counted = count(deployed, {"image": torch.zeros(1, 3, 224, 224)})
    whole = counted.parameters if recipe == "repvgg_a2" else sum(p.numel() for p in network.parameters())
    assert (whole, counted.macs) == (parameters, macs)
    assert whole == pytest.approx(BASELINES[recipe].parameters, rel=0.032)
    assert counted.macs == pytest.approx(BASELINES[recipe].macs, rel=0.008)


def test_alexnets_figures_are_torchvisions() -> None:
    meta, published = AlexNet_Weights.IMAGENET1K_V1.meta, BASELINES["alexnet"]
    assert round(meta["num_params"] / 1e6, 1) == published.parameters / 1e6 and meta["_ops"] == published.macs / 1e9


def test_every_baseline_is_a_recipe_that_is_not_built_unasked() -> None:
    known = built_in_recipes()
    for name, baseline in BASELINES.items():
        recipe = load_recipe(name)
        assert name in known and not recipe.default and recipe.method in methods()
        assert recipe.artifacts.tflite == ("fp32", "fp16", "int8") and recipe.artifacts.coreml == ()
        assert (baseline.cpu_ms is None) == (baseline.source != TABLE_VII)
    assert not set(map(str.lower, EXCLUDED)) & set(BASELINES) and all(EXCLUDED.values())
