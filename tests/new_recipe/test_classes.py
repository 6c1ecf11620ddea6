"""The number of classes that a weights file knows."""

from __future__ import annotations

import torch

from mobile_robust.backbones.create import create_network
from mobile_robust.new_recipe.classes import class_count

NETWORK = create_network("test_resnet", {}, None, 0)


def test_it_is_read_from_the_classifier_whatever_is_around_the_network() -> None:
    state = create_network("test_resnet", {"num_classes": 7}, None, 0).state_dict()
    assert class_count(NETWORK, state) == 7
    assert class_count(NETWORK, {f"module.{name}": tensor for name, tensor in state.items()}) == 7


def test_weights_that_fit_or_fit_nothing_say_nothing() -> None:
    state = NETWORK.state_dict()
    assert class_count(NETWORK, state) is None
    assert class_count(NETWORK, {"other": torch.zeros(3)}) is None
    wider = {name: torch.cat([x, x]) if x.dim() else x for name, x in state.items()}
    assert class_count(NETWORK, wider) is None
