"""DiR's module: both forms equal, what it costs, what it is made of, what cannot be built."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.export.cost import count
from mobile_robust.layers.deploy import deployed
from mobile_robust.methods.dir.alignment import BASIS, Alignment, Guided, NanoGuided
from mobile_robust.methods.dir.network import VARIANTS, DiR
from mobile_robust.methods.registry import options_of
from mobile_robust.methods.site import Site
from mobile_robust.pipelines import build_pipeline
from tests.randomize import randomize, relative_error

ALIGNMENTS = ("pilot", "plain", "none")


def recipe(size: int = 32, top: float = 1, **options: Any) -> Recipe:
    content = {"name": "x", "method": "dir", "scope": "pipeline", "options": options}
    backbone = {"name": "cifar_resnet20"}
    return Recipe.model_validate({**content, "backbone": backbone, "input": {"size": size, "range": top}})


def module(top: float = 1.0, variant: str = "dir_nano", alignment: str = "pilot") -> DiR:
    torch.manual_seed(0)
    made = DiR(top, variant, alignment)
    randomize(made)
    return made


def images(top: float = 1, count: int = 2, size: tuple[int, int] = (64, 96)) -> Tensor:
    return top * torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("alignment", ALIGNMENTS)
@torch.no_grad()
def test_both_forms_are_equal_and_photos_do_not_see_each_other(variant: str, alignment: str) -> None:
    net, image = module(255.0, variant, alignment), images(255.0)
    expected = net(image)
    assert relative_error(expected, net.deployed()(image)) < 1e-5
    assert relative_error(expected, torch.cat([net(each) for each in image.split(1)])) < 1e-5


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_any_range_of_the_image_gives_the_same(variant: str) -> None:
    small, large = module(1.0, variant), module(255.0, variant)
    assert relative_error(255 * small(images()), large(255 * images())) < 1e-4


@torch.no_grad()
def test_what_the_small_form_costs() -> None:
    macs, parameters = count(DiR(255.0).eval().deployed(), {"image": torch.zeros(1, 3, 224, 224)})
    assert (macs, parameters) == (434_828_544, 365_586) and macs < 0.6e9 and parameters < 1e6
    (component,) = (
        made.network
        for name, made in DiR(255.0).eval().components(Site(recipe(224, 255), None)).items()
        if name == "representation"
    )
    macs, _ = count(deployed(component), {"image": torch.zeros(1, 3, 224, 224)})
    assert macs < 0.25e9


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_the_representation_alone_is_the_modules(variant: str) -> None:
    net, image = module(1.0, variant), images()
    parts = net.components(Site(recipe(variant=variant), None))
    found = parts["representation"].network(image)
    assert torch.equal(found, net.decode(image).represented.refined)
    assert found.shape == (2, VARIANTS[variant], 8, 12)
    assert relative_error(found, deployed(parts["representation"].network)(image)) < 1e-5


@torch.no_grad()
def test_dirs_photo_is_what_its_decoder_makes_of_the_refined_representation() -> None:
    net, image = module(255.0, "dir"), images(255.0)
    found = net.decode(image)
    assert torch.equal(found.repaired, net.reconstruct(found.represented.refined))
    assert 0 <= float(found.repaired.min()) <= float(found.repaired.max()) <= 255


@torch.no_grad()
def test_the_small_form_mixes_the_decoded_with_the_given_photo() -> None:
    net, image = module(), images()
    mixer = net.mixer
    assert mixer is not None
    mixer.analysis.weight.copy_(torch.eye(48)[..., None, None])
    mixer.synthesis.weight.copy_(torch.eye(48)[..., None, None])
    mixer.gate.weight.zero_()
    decoded = net.photo(net.decode(image).decoded)
    for bias, expected in ((30.0, decoded), (-30.0, image), (0.0, (decoded + image) / 2)):
        mixer.gate.bias.fill_(bias)
        assert relative_error(expected, net(image)) < 1e-5
    net.start_at_identity()
    assert torch.equal(net(image), image)
    assert torch.equal(net.decode(image).represented.refined, net.decode(image).represented.pilot)


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_shifts_of_the_classifiers_blocks_follow_the_single_photo(variant: str) -> None:
    torch.manual_seed(0)
    pipeline = build_pipeline(recipe(top=255, variant=variant, shifts=True)).eval()
    net, image = pipeline.module, images(255.0, size=(32, 32))
    assert isinstance(net, DiR) and len(net.layers) == net.contexts == 9  # the blocks of a ResNet-20
    randomize(net)
    expected = pipeline(image)
    assert relative_error(expected, pipeline.deployed()(image)) < 1e-4
    assert relative_error(expected, torch.cat([pipeline(each) for each in image.split(1)])) < 1e-4
    repaired = pipeline.baseline(net(image))
    assert relative_error(repaired, expected) > 1e-2
    net.start_at_identity()
    assert torch.equal(pipeline(image), pipeline.baseline(net(image)))
    if variant == "dir_nano":
        assert torch.equal(pipeline(image), pipeline.baseline(image))


@torch.no_grad()
def test_kernels_of_the_pilot_are_a_convolution_of_every_photo() -> None:
    torch.manual_seed(0)
    layer, features, pilot = Guided(8), torch.randn(2, 8, 9, 12), torch.randn(2, 8, 9, 12)
    kernels = torch.nn.functional.adaptive_avg_pool2d(layer.kernels(pilot), 3)  # nine and twelve are multiples of three
    expected = [
        torch.nn.functional.conv2d(x[None], kernel[:, None], padding=1, groups=8)
        for x, kernel in zip(features, kernels, strict=True)
    ]
    torch.testing.assert_close(layer.convolved(features, pilot), torch.cat(expected))


@torch.no_grad()
def test_a_mixture_of_convolutions_is_the_convolution_with_the_mixed_kernels() -> None:
    torch.manual_seed(0)
    layer, features, pilot = NanoGuided(8), torch.randn(2, 8, 7, 9), torch.randn(2, 8, 7, 9)
    seen = layer.pooled(layer.look(pilot).mean((2, 3), keepdim=True)).relu()
    found = layer.convolved(features, pilot)
    for i in range(2):
        shares = [share(seen[i : i + 1]).reshape(8, 1, 1, 1) for share in layer.shares]
        kernel = sum(share * conv.weight for share, conv in zip(shares, layer.basis, strict=True))
        expected = torch.nn.functional.conv2d(features[i : i + 1], kernel, padding=1, groups=8)
        torch.testing.assert_close(found[i : i + 1], expected)
    assert len(layer.basis) == BASIS and not torch.allclose(*(layer.convolved(features[:1], p[None]) for p in pilot))


@pytest.mark.parametrize("nano", [True, False])
@torch.no_grad()
def test_only_a_guided_alignment_looks_at_the_pilot(nano: bool) -> None:
    torch.manual_seed(0)
    baseline, pilot, other = torch.randn(3, 1, 16, 8, 8).unbind()
    for guided in (True, False):
        align = Alignment(16, nano, guided)
        assert torch.equal(align(baseline, pilot), align(baseline, other)) == (not guided)
        assert not torch.allclose(align(baseline, pilot), align(other, pilot))


def test_what_cannot_be_built() -> None:
    with pytest.raises(InputError, match="recipe x: a representation's cell has 8 pixels a side: .*multiples of 8"):
        build_pipeline(recipe(36))
    with pytest.raises(InputError, match="unknown dir alignment 'plane'; known: none, pilot, plain"):
        options_of(recipe(alignment="plane"))
