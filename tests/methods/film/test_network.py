"""FiLM on DCT statistics: both forms equal, what the statistics say of a photo, what cannot be built."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from mobile_robust.backbones.create import create_network
from mobile_robust.backbones.split import deploy_network
from mobile_robust.backbones.spread import channel_spreads
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.corruptions import corrupt
from mobile_robust.data.images import built_in_photos
from mobile_robust.errors import InputError
from mobile_robust.layers.block_dct import BLOCK
from mobile_robust.layers.normalize import ImageRange
from mobile_robust.methods.film.method import FiLMOptions
from mobile_robust.methods.film.network import (
    COEFFICIENTS,
    STATISTICS,
    FiLM,
    Statistics,
    build,
    pipeline,
)
from mobile_robust.methods.pipeline import CutInsertPipeline, InsertPipeline
from mobile_robust.methods.site import Site
from tests.randomize import randomize, relative_error

IMAGENET = ImageRange(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
SPREADS = {"first": torch.tensor([0.1, 1.0, 10.0]), "second": torch.ones(5)}


@pytest.mark.parametrize("image_range", [ImageRange(), ImageRange.of(255), IMAGENET])
@torch.no_grad()
def test_forms_are_equal(image_range: ImageRange) -> None:
    torch.manual_seed(0)
    module = randomize(FiLM(SPREADS, image_range, 16, 8))
    image = torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(3)) / max(image_range.std)
    (_, expected), (_, deployed) = module.prepare(image), module.deployed().prepare(image)
    for x, y, channels in zip(expected, deployed, (3, 5), strict=True):
        assert x.shape == (2, channels, 1, 1)
        assert relative_error(x, y) < 1e-5 and x.std() > 1e-3


def test_the_deploy_form_is_plain() -> None:
    leaves = {type(m) for m in randomize(FiLM(SPREADS, IMAGENET, 16, 8)).deployed().modules() if not [*m.children()]}
    assert leaves == {nn.Conv2d, nn.ReLU}


def statistics(photo: np.ndarray) -> Tensor:
    """Of an uint8 photo, (131,)."""
    image = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255
    module = Statistics(ImageRange())
    module.norm.running_var = torch.full((COEFFICIENTS,), 0.01)
    with torch.no_grad():
        return module.eval()(image).flatten()


def test_statistics_are_numbers_of_the_photo_not_of_its_size() -> None:
    (photo,) = built_in_photos((64, 64), 1)
    once = statistics(photo)
    assert once.shape == (STATISTICS,)
    torch.testing.assert_close(statistics(np.tile(photo, (2, 3, 1))), once, rtol=1e-4, atol=1e-6)


def test_they_show_compression_noise_and_bad_light() -> None:
    (photo,) = built_in_photos((224, 224), 1)
    clean = statistics(photo)
    fine = [BLOCK * u + v for u in range(4, BLOCK) for v in range(4, BLOCK)]  # the high frequencies
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG", quality=7)
    assert statistics(np.array(Image.open(buffer)))[fine].mean() < 0.3 * clean[fine].mean()
    assert statistics(corrupt(photo, "gaussian_noise", 3, 0, 0))[fine].mean() > 3 * clean[fine].mean()
    torch.testing.assert_close(clean[-3:], torch.from_numpy(photo.mean((0, 1)) / 255).float(), rtol=1e-4, atol=1e-4)
    assert (statistics(photo // 4)[-3:] < 0.3 * clean[-3:]).all()


def site(layer: str | None = None, size: int = 64) -> tuple[Site, FiLMOptions]:
    network = create_network("test_resnet", {"num_classes": 10}, None, 0)
    fields = {"scope": "pipeline", "input": {"size": size}, "backbone": {"name": "test_resnet", "layer": "act1"}}
    recipe = Recipe.model_validate({"name": "test", "method": "film", **fields})
    return Site(recipe, network), FiLMOptions(layers=(layer,) if layer else None)


@torch.no_grad()
def test_shifts_are_learned_in_units_of_what_each_channel_varies() -> None:
    given, options = site("layer2")
    (shift,) = build(given, options).shifts
    expected = channel_spreads(given.outputs(("layer2",), given.photos()))["layer2"]
    torch.testing.assert_close(shift.spread, expected)


@torch.no_grad()
def test_what_is_shifted_are_the_named_layers_outputs() -> None:
    given, options = site("layer1")
    module = randomize(build(given, options))
    pipeline = InsertPipeline(given, module).eval()
    image = 255 * torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    _, (shift,) = module.prepare(image)
    network = given.backbone
    x = network.maxpool(network.act1(network.bn1(network.conv1(pipeline.normalize(image)))))
    for stage in (network.layer1, lambda x: x + shift, network.layer2, network.layer3, network.layer4):
        x = stage(x)
    torch.testing.assert_close(pipeline(image), network.forward_head(x))


@torch.no_grad()
def test_the_module_is_deployed_apart_so_that_none_of_its_weights_is_there_twice() -> None:
    given, options = site("layer1")
    pipeline = InsertPipeline(given, build(given, options)).eval()
    own = sum(p.numel() for p in pipeline.module.deployed().parameters())
    network = sum(p.numel() for p in pipeline.deployed().network.parameters())
    assert sum(p.numel() for p in pipeline.deployed().parameters()) == own + network
    assert not [name for name, _ in pipeline.deployed().network.named_parameters() if "editors" in name]


@torch.no_grad()
def test_afd_repairs_the_stem_before_the_shifts() -> None:
    given, _ = site("layer1")
    module = randomize(build(given, FiLMOptions(layers=("layer1",), stem="afd_nano")))
    assert module.layers == ("act1", "layer1") and module.contexts == 2
    line = pipeline(given, module).eval()
    assert isinstance(line, CutInsertPipeline)
    image = 255 * torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    _, (shift, drift) = module.prepare(image)
    network = given.backbone
    features = network.act1(network.bn1(network.conv1(line.normalize(image))))
    assert module.stem is not None
    torch.testing.assert_close(module.stem.prepare(image)[1][0], drift)
    x = network.layer1(network.maxpool(module.stem.fe(features, drift))) + shift
    expected = network.forward_head(network.layer4(network.layer3(network.layer2(x))))
    torch.testing.assert_close(line(image), expected)
    torch.testing.assert_close(line.baseline(image), network(line.normalize(image)))


@torch.no_grad()
def test_both_forms_with_afd_are_equal_and_hold_every_weight_once() -> None:
    given, _ = site("layer1")
    module = randomize(build(given, FiLMOptions(layers=("layer1", "layer2"), stem="afd_nano")))
    line = pipeline(given, module).eval()
    image = 255 * torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected, plain, frozen, deploy = line(image), line.baseline(image), line.frozen(), line.deployed()
    assert relative_error(expected, plain) > 1e-3
    for form in (frozen, deploy):
        assert relative_error(expected, form(image)) < 1e-5
    assert relative_error(plain, frozen.baseline(image)) < 1e-5
    assert frozen.module is module and not [m for m in deploy.modules() if isinstance(m, nn.BatchNorm2d)]
    names = [name.partition(".")[2] for name in line.state_dict()]
    assert sorted(names) == sorted([*given.backbone.state_dict(), *module.state_dict()])
    own = sum(p.numel() for p in module.deployed().parameters())
    backbone = sum(p.numel() for p in deploy_network(given.backbone, "test_resnet").parameters())
    assert sum(p.numel() for p in deploy.parameters()) == own + backbone
    with pytest.raises(RuntimeError, match="no baseline"):
        deploy.baseline(image)


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(InputError, match="blocks of 8 pixels: sides must be multiples of 8, not 60x60"):
        build(*site(size=60))
    with pytest.raises(InputError, match=r"output of 'fc' of test_resnet is no \(B, C, H, W\) map"):
        build(*site("fc"))
    with pytest.raises(InputError, match="unknown layer of test_resnet 'nowhere'"):
        build(*site("nowhere"))
