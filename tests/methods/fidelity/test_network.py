"""Fidelity map: both forms equal, sizes as published, every module removable, what cannot be built."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.export.cost import count
from mobile_robust.methods.fidelity.calibration import Calibration, Shape
from mobile_robust.methods.fidelity.fidelity_map import FidelityMap
from mobile_robust.methods.fidelity.method import MODULES, PAPER_MODULES
from mobile_robust.methods.fidelity.network import Fidelity
from mobile_robust.methods.fidelity.pipeline import FidelityPipeline
from mobile_robust.methods.fidelity.restore import NanoRestorer, PaperRestorer
from mobile_robust.pipelines import build_pipeline
from tests.randomize import randomize, relative_error

SMALL: dict[str, Any] = {"variant": "fidelity", "depth": 3}
NANO_MODULES = MODULES["fidelity_nano"]


def recipe(backbone: str = "cifar_resnet20", size: int = 32, top: float = 1, **options: Any) -> Recipe:
    if backbone == "cifar_resnet20" and options.get("variant", "fidelity_nano") == "fidelity_nano":
        options = {"block": 2, **options}
    content = {"name": "x", "method": "fidelity", "scope": "pipeline", "options": options}
    return Recipe.model_validate({**content, "backbone": {"name": backbone}, "input": {"size": size, "range": top}})


def pipeline(*args: Any, **options: Any) -> FidelityPipeline:
    """With every number random, those too that begin as zeros."""
    torch.manual_seed(0)
    built = build_pipeline(recipe(*args, **options))
    assert isinstance(built, FidelityPipeline)
    randomize(built)
    for parameter in built.module.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.05)
    return built


def images(size: int = 32, top: float = 1) -> torch.Tensor:
    return top * torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"map": "l2", "block": 4},
        {"map": "cosine", "source": "constant"},
        {"without": NANO_MODULES},
        {"without": PAPER_MODULES},
        {"without": ("spatial_multiplication", "channel_concatenation"), "ensemble": True},
        SMALL,
        {**SMALL, "map": "l2", "batch_norm": True, "estimate_from": "restored", "ensemble": True},
    ],
)
@pytest.mark.parametrize("top", [1.0, 255.0])
@torch.no_grad()
def test_forms_are_equal(options: dict[str, Any], top: float) -> None:
    built = pipeline(top=top, **options)
    expected = built(images(top=top))
    assert expected.std() > 1e-3
    for other in (built.frozen(), built.deployed()):
        assert relative_error(expected, other(images(top=top))) < 1e-4


@torch.no_grad()
def test_the_small_form_deploys_without_a_sigmoid(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Snapdragon's NPU computes it badly in half precision."""
    deployed = pipeline().deployed()
    monkeypatch.delattr(torch, "sigmoid")
    deployed(images())


def test_the_baseline_is_the_backbone() -> None:
    for options in ({}, SMALL, {"without": NANO_MODULES}):
        built = pipeline(**options)
        plain = build_pipeline(recipe().model_copy(update={"method": "none", "options": {}}))
        plain.load_state_dict(
            {f"network.{name}": tensor for name, tensor in built.backbone_state().items()}, strict=False
        )
        torch.testing.assert_close(built.baseline(images()), plain(images()), rtol=1e-4, atol=1e-4)
        assert relative_error(built(images()), built.baseline(images())) > 1e-2


def test_the_small_form_can_begin_as_the_plain_network() -> None:
    built = pipeline()
    with torch.no_grad():
        built.module.start_at_identity()
        torch.testing.assert_close(built(images()), built.baseline(images()), rtol=0, atol=1e-4)


def test_parameters_of_the_papers_calibration() -> None:
    """10 493 734 for ResNet-50 (report, section 5.1), 2 101 248 more with the ensemble."""
    shape = Shape((224, 224), (224, 224), ((112, 112), (7, 7)), 2048, nano=False)
    with torch.device("meta"):
        counts = [sum(p.numel() for p in Calibration(shape, (), ensemble).parameters()) for ensemble in (False, True)]
        assert sum(p.numel() for p in PaperRestorer(1, 20, False, False, False).parameters()) == 668_227
    assert counts == [10_493_734, 10_493_734 + 2_101_248]


@pytest.mark.parametrize("module", [module for module in NANO_MODULES if module != "residual"])
def test_every_module_can_be_left_out(module: str) -> None:
    whole, less = (sum(p.numel() for p in pipeline(without=without).module.parameters()) for without in ((), (module,)))
    assert less < whole


@torch.no_grad()
def test_the_residual_can_be_left_out() -> None:
    built, image = pipeline(), images()
    assert built.module.calibration is not None and built.module.calibration.gains is not None
    before = built(image)
    built.module.calibration.gains.residual = False
    assert (built(image) - before).abs().max() > 0


@torch.no_grad()
def test_the_map_decides() -> None:
    """Another map, another answer, for the estimated and the measured one; a constant one sees only the photo."""
    oracle, image = pipeline(source="oracle"), images()
    assert oracle.needs_clean
    assert (oracle(image, image) - oracle(image, 1 - image)).abs().max() > 1e-3
    pairs = torch.cat([image, 1 - image], 1)
    torch.testing.assert_close(oracle.on_photos(pairs), oracle(image, 1 - image))
    with pytest.raises(InputError, match=r'options.source "oracle": a file never sees the clean photo'):
        oracle(image)
    constant = pipeline(source="constant")
    _, context = constant.module.prepare(image)
    torch.testing.assert_close(context[0][:1], context[0][1:])
    _, context = pipeline().module.prepare(image)
    assert (context[0][:1] - context[0][1:]).abs().max() > 1e-4


@torch.no_grad()
def test_the_ends_of_blocks_are_shifted_where_the_map_says() -> None:
    """Every channel by its own amount, at every position; not the blocks of a finer resolution than the map, 16x16."""
    built, image = pipeline(), images()
    module, calibration = built.module, built.module.calibration
    assert calibration is not None and calibration.blocks is not None
    assert calibration.shape.blocks == ((16, 16),) * 3 + ((8, 8),) * 3
    _, context = module.prepare(image)
    features = torch.rand(2, 32, 16, 16)
    layer = module.layers[calibration.levels - 1]
    shift = module.edit(layer, features, *context) - features
    assert shift.std((2, 3)).min() > 0 and (shift[:, 0] - shift[:, 1]).abs().max() > 1e-4
    spread = calibration.blocks.shifts[0].spread
    calibration.blocks.shifts[0].spread = 2 * spread
    _, context = module.prepare(image)
    torch.testing.assert_close(module.edit(layer, features, *context) - features, 2 * shift, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_crops_are_shifted_at_their_own_size() -> None:
    built = pipeline()
    built.module.calibration.gains = built.module.calibration.shifts = None
    assert built.module.prepare(images(16))[1][0].shape == (2, 32, 8, 8)


@torch.no_grad()
def test_maps() -> None:
    restored, clean = images(), images(32)[:, :, 2:].mean() + 0 * images()
    assert FidelityMap("l1", 1, False).measure(restored, clean).shape == (2, 3, 32, 32)
    blocks = FidelityMap("l1", 4, True).measure(restored, clean)
    torch.testing.assert_close(blocks[0, 0, 0, 0], (restored - clean).abs()[0, :, :4, :4].mean())
    for kind in ("l1", "l2", "cosine"):
        fidelity = FidelityMap(kind, 1, False)
        right, wrong = (fidelity(fidelity.measure(x, clean)).mean() for x in (clean, restored))
        assert right > wrong
    torch.testing.assert_close(FidelityMap("cosine", 1, False).measure(clean, 2 * clean), torch.ones(2, 1, 32, 32))


@torch.no_grad()
def test_normalized_maps_of_the_reports_errors_are_centred_at_one() -> None:
    """Gaussian errors of the report's standard deviation have fidelities of mean 1 and deviation 1."""
    sigma = (0.55 / 72) ** 0.5
    errors = sigma * torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    for kind, found in (("l1", errors.abs()), ("l2", errors.square())):
        channel = FidelityMap(kind, 1, False)(found[:, :1])
        assert abs(channel.mean() - 1) < 0.02 and abs(channel.std() - 1) < 0.02


@torch.no_grad()
def test_the_small_form_costs_what_a_phone_has() -> None:
    """At most 0.30 G multiply-accumulates at 224x224 (MobileNetV2: 0.30 G itself)."""
    built, image = build_pipeline(recipe("mobilenetv2_100", 224, 255)), torch.zeros(1, 3, 224, 224)
    with FlopCounterMode(display=False) as counter:
        built.baseline(image)
    plain = counter.get_total_flops() // 2
    assert 0.2e9 < count(built.deployed(), {"x": image}).macs - plain < 0.30e9


@pytest.mark.parametrize("block", [2, 4])
@torch.no_grad()
def test_both_forms_of_the_restorer(block: int) -> None:
    torch.manual_seed(0)
    restorer = randomize(NanoRestorer(255, block, True))
    image = images(48, 255)
    for expected, got in zip(restorer(image), restorer.fuse().eval()(image), strict=True):
        assert relative_error(expected, got) < 1e-5 and expected.std() > 1e-3


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"backbone": "all_conv"}, "backbone all_conv has no place to edit"),
        ({"backbone": "vit_tiny_patch16_224", "size": 224}, "backbone vit_tiny_patch16_224 has no place to edit"),
        ({"size": 34}, "restores blocks of 2 pixels: sides must be multiples of 4, not 34x34"),
        ({"backbone": "mobilenetv2_100", "size": 232}, "its map of 58x58 does not divide into the 8x8 cells"),
        ({"block": 3}, "options: block|options.block"),
        ({"depth": 20}, "depth is no option of variant fidelity_nano"),
        ({"variant": "fidelity", "block": 4}, "block is no option of variant fidelity"),
        ({"map": "l3"}, "unknown fidelity map 'l3'"),
        ({"source": "guess"}, "unknown fidelity source 'guess'"),
        (
            {"variant": "fidelity", "without": ("block_addition",)},
            "without block_addition: variant fidelity",
        ),
        ({"without": NANO_MODULES, "ensemble": True}, "ensemble: features are mixed with edited ones"),
        ({"without": ("spatial",)}, "unknown fidelity without 'spatial'; .*spatial_addition"),
    ],
)
def test_what_cannot_be_built(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_pipeline(recipe(**changed))


def test_a_file_of_another_stage(tmp_path: Any) -> None:
    """Weights without a calibration do not pass for the whole."""
    from safetensors.torch import save_file

    save_file(build_pipeline(recipe(without=NANO_MODULES)).module.state_dict(), tmp_path / "restorer.safetensors")
    wanted = recipe()
    wanted = wanted.model_copy(
        update={"weights": wanted.weights.model_copy(update={"file": str(tmp_path / "restorer.safetensors")})}
    )
    with pytest.raises(InputError, match="keys missing: calibration"):
        build_pipeline(wanted)
    assert isinstance(build_pipeline(recipe()).module, Fidelity)
