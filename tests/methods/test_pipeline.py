"""The toolkit of pipelines, each with an adapter of a few layers: what is edited, what stays frozen, both forms."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mobile_robust.backbones.create import create_network
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.layers.repconv import RepConv
from mobile_robust.methods.adapter import Adapter
from mobile_robust.methods.pipeline import (
    BaselinePipeline,
    CutPipeline,
    ImagePipeline,
    InsertPipeline,
    NoAdapter,
    Pipeline,
    insert,
)
from mobile_robust.methods.site import Site
from tests.randomize import randomize, relative_error

IMAGE = 255 * torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
BACKBONE: dict[str, Any] = {"name": "test_resnet", "layer": "act1", "options": {"num_classes": 10}}


class Edits(Adapter):
    """Edits the image, some layers with maps of the image or without, or both."""

    def __init__(self, repairs: bool, layers: tuple[str, ...], contexts: int) -> None:
        super().__init__()
        self.repairs, self.layers, self.contexts = repairs, layers, contexts
        self.block = RepConv(3, 3, relu=False)
        self.gains = nn.ParameterList([torch.tensor(1.1)] * len(layers))

    def prepare(self, image: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        maps = self.block(image / 255)  # (B, 3, H, W)
        return image + 10 * maps if self.repairs else image, maps.split(1, 1)[: self.contexts]

    def edit(self, layer: str, features: Tensor, *context: Tensor) -> Tensor:
        for each in context:
            map_ = nn.functional.adaptive_avg_pool2d(each, features.shape[-2:] if features.dim() == 4 else 1)
            features = features * (
                1 + (map_ if features.dim() == 4 else map_.flatten(1))
            )  # an editor may be any Python
        return features * self.gains[self.layers.index(layer)]


#: Pipeline, does it repair the image, edited layers, maps of the image for them, where it says that it edits.
KINDS: dict[str, tuple[Callable[[Site, Adapter], Pipeline], bool, tuple[str, ...], int, str]] = {
    "none": (BaselinePipeline, False, (), 0, "with test_resnet and no adapter"),
    "image": (ImagePipeline, True, (), 0, "in front of test_resnet"),
    "cut": (CutPipeline, False, ("act1",), 1, "on test_resnet behind act1"),
    "insert": (InsertPipeline, False, ("act1",), 1, "inside test_resnet"),
    "everywhere": (InsertPipeline, True, ("layer1", "global_pool"), 2, "inside test_resnet"),
    "image and layer": (InsertPipeline, True, ("layer1",), 0, "inside test_resnet"),
}
EACH = pytest.mark.parametrize("kind", KINDS)


def built(kind: str, top: int = 255) -> tuple[Pipeline, nn.Module]:
    """A pipeline, and a copy of its backbone from before."""
    torch.manual_seed(0)
    network = randomize(create_network(BACKBONE["name"], BACKBONE["options"], None, 0))
    fields = {"scope": "pipeline", "input": {"size": 64, "range": top}, "backbone": BACKBONE}
    recipe = Recipe.model_validate({"name": "test", "method": "none", **fields})
    before, (pipeline, *edits, _) = copy.deepcopy(network), KINDS[kind]
    adapter = NoAdapter() if kind == "none" else randomize(Edits(*edits), seed=1)
    return pipeline(Site(recipe, network), adapter).eval().requires_grad_(False), before


@EACH
@pytest.mark.parametrize("top", [1, 255])
@torch.no_grad()
def test_both_forms_are_equal_and_the_deploy_form_has_no_norms(kind: str, top: int) -> None:
    pipeline, _ = built(kind, top)
    image = IMAGE * top / 255
    expected, deploy = pipeline(image), pipeline.deployed()
    assert relative_error(expected, deploy(image)) < 1e-5
    assert not [name for name, m in deploy.named_modules() if isinstance(m, nn.BatchNorm2d | RepConv)]
    assert not deploy.training and torch.equal(pipeline(image), expected), "the training form has changed"
    assert pipeline.where == KINDS[kind][-1]


@EACH
@torch.no_grad()
def test_the_baseline_is_the_untouched_backbone(kind: str) -> None:
    pipeline, network = built(kind)
    expected = network(pipeline.normalize(IMAGE))
    assert relative_error(expected, pipeline.baseline(IMAGE)) < 1e-6
    if kind != "none":
        assert relative_error(expected, pipeline(IMAGE)) > 1e-3, "the adapter does nothing"
    state = network.state_dict()
    assert {name: x.shape for name, x in pipeline.backbone_state().items()} == {n: x.shape for n, x in state.items()}
    assert all(torch.equal(x, state[name]) for name, x in pipeline.backbone_state().items())


@EACH
@torch.no_grad()
def test_the_frozen_pipeline_shares_the_adapter_which_stays_in_training_form(kind: str) -> None:
    pipeline, _ = built(kind)
    frozen = pipeline.frozen()
    assert frozen.module is pipeline.module
    assert relative_error(pipeline(IMAGE), frozen(IMAGE)) < 1e-5
    assert relative_error(pipeline.baseline(IMAGE), frozen.baseline(IMAGE)) < 1e-5


@EACH
@torch.no_grad()
def test_the_state_holds_every_tensor_once(kind: str) -> None:
    pipeline, network = built(kind)
    names = [name.partition(".")[2] for name in pipeline.state_dict()]
    assert sorted(names) == sorted([*network.state_dict(), *pipeline.module.state_dict()])


@pytest.mark.parametrize("kind", ["image", "cut", "insert", "everywhere"])
def test_training_mode_and_gradients_reach_the_adapter_and_nothing_else(kind: str) -> None:
    pipeline, _ = built(kind)
    before = {name: x.clone() for name, x in pipeline.backbone_state().items()}
    pipeline.module.train().requires_grad_(True)
    pipeline(IMAGE).square().mean().backward()
    assert all(torch.equal(x, before[name]) for name, x in pipeline.backbone_state().items())
    assert all(m.num_batches_tracked for m in pipeline.module.modules() if isinstance(m, nn.BatchNorm2d))
    assert not [name for name, p in pipeline.module.named_parameters() if p.grad is None]
    assert not [name for name, p in pipeline.named_parameters() if p.grad is not None and "module." not in name]


@torch.no_grad()
def test_what_lies_in_front_of_the_first_edited_layer_does_not_see_the_context() -> None:
    pipeline, network = built("everywhere")
    module = pipeline.module
    assert isinstance(pipeline, InsertPipeline)
    edited = insert(module, pipeline.network, "test_resnet", module.layers)
    image, context = module.prepare(IMAGE)
    image = pipeline.normalize(image)
    hidden = network.act1(network.bn1(network.conv1(image)))
    hidden = module.edit("layer1", network.layer1(network.maxpool(hidden)), *context)
    for stage in (network.layer2, network.layer3, network.layer4):
        hidden = stage(hidden)
    pooled = module.edit("global_pool", network.global_pool(hidden), *context)
    torch.testing.assert_close(edited(image, *context), network.fc(pooled))


def test_the_deployed_network_with_edits_has_no_baseline() -> None:
    with pytest.raises(RuntimeError, match="no baseline"):
        built("insert")[0].deployed().baseline(IMAGE)
