"""Every network of the table in docs/backbones.md has a place for a module, or it is said why not."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
import timm
import torch

from mobile_robust.backbones.create import NETWORKS
from mobile_robust.backbones.insertion_points import insertion_points
from mobile_robust.backbones.trained_image import with_input
from mobile_robust.contracts.recipe import BackboneSection, Recipe
from mobile_robust.errors import InputError
from mobile_robust.methods.registry import methods
from mobile_robust.new_recipe.layers.points import _PointSite

#: Where AFD-Module goes: layer, channels and side of its map; None: nowhere.
PLACES = {
    "mobilenetv1_100": ("bn1", 32, 112),
    "mobilenetv2_100": ("bn1", 32, 112),
    "mobilenetv3_large_100": ("bn1", 16, 112),
    "mobilenetv4_conv_small": ("bn1", 32, 112),
    "efficientnet_b0": ("bn1", 32, 112),
    "efficientnet_lite0": ("bn1", 32, 112),
    "mobileone_s0": ("stem", 48, 112),
    "repvgg_a0": ("stem", 48, 112),
    "fastvit_t8": ("stem.0", 48, 128),
    "ghostnet_100": ("act1", 16, 112),
    "repghostnet_050": ("act1", 8, 112),
    "mnasnet_100": ("bn1", 32, 112),
    "resnet18": ("act1", 64, 112),
    "regnety_002": ("stem", 32, 112),
    "convnext_atto": ("stem.0", 40, 56),
    "edgenext_xx_small": ("stem.0", 24, 64),
    "mobilevit_xs": ("stem", 16, 128),
    "efficientformer_l1": ("stem.act1", 24, 112),
    "efficientformerv2_s0": ("stem.conv1", 16, 112),
    "levit_128s": ("stem.act1", 16, 112),
    "vit_tiny_patch16_224": None,
    "densenet121": ("features.norm0", 64, 112),
    "inception_v3": None,
    "alexnet": None,
}
#: Tried by the quick tests: behind a layer, behind a block of branches, and on the photo.
QUICK = ("mobilenetv2_100", "repvgg_a0", "alexnet")


def test_the_table_has_these_networks() -> None:
    script = Path(__file__).parents[2] / "conversion" / "backbones.txt"
    assert script.read_text().split() == list(PLACES)


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in PLACES])
def test_a_module_finds_its_place(name: str) -> None:
    """On a network without values: only shapes matter."""
    section, method = BackboneSection(name=name), methods()["afd"]
    recipe = with_input(Recipe(name="r", method="afd", scope="pipeline", backbone=section))
    with torch.device("meta"):
        network = (NETWORKS[name].make() if name in NETWORKS else timm.create_model(name)).eval()
        points = insertion_points(network, name, torch.zeros(1, 3, *recipe.input.height_width))
    expected = PLACES[name]
    if expected:
        (point,) = (each for each in points if each.default)
        assert (point.layer, point.channels, point.height) == expected
        points = [point]
    options = method.options.model_validate({"variant": "afd_pico"})
    for point in points:
        there = recipe.model_copy(update={"backbone": section.model_copy(update={"layer": point.layer})})
        with nullcontext() if expected else pytest.raises(InputError):
            method.build.load()(_PointSite(there, network, point), options)
