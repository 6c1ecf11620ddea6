"""Classifiers that the papers use and timm lacks, one file each; a backbone's name is looked up here before timm."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from mobile_robust.backbones.alexnet import alexnet
from mobile_robust.backbones.all_conv import AllConv
from mobile_robust.backbones.cifar_resnet import cifar_resnet20

#: Name -> constructor; its keyword arguments are the recipe's backbone.options.
NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "alexnet": alexnet,
    "all_conv": AllConv,
    "cifar_resnet20": cifar_resnet20,
}
