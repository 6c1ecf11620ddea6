"""A classifier by name: timm's, or one of those that the papers use and timm lacks (one file each)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import timm
import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import nn

from mobile_robust.backbones.alexnet import alexnet
from mobile_robust.backbones.all_conv import AllConv
from mobile_robust.backbones.cifar_resnet import cifar_resnet20
from mobile_robust.backbones.initialization import perturb_zero_init
from mobile_robust.contracts.recipe import LEAST_CLASSES, MOST_CLASSES, Triple
from mobile_robust.errors import InputError, first_line, unknown


@dataclass(frozen=True)
class OwnNetwork:
    """A network that timm lacks: its constructor, whose keyword arguments are the recipe's backbone.options, and the
    image that it is trained with."""

    make: Callable[..., nn.Module]
    size: int
    mean: Triple = IMAGENET_DEFAULT_MEAN
    std: Triple = IMAGENET_DEFAULT_STD


#: By name; looked up before timm's.
NETWORKS = {
    "alexnet": OwnNetwork(alexnet, 224),
    "all_conv": OwnNetwork(AllConv, 32),
    "cifar_resnet20": OwnNetwork(cifar_resnet20, 32),
}

#: Arguments of ``timm.create_model`` that bring weights: these would be neither checked nor said to be there.
_WEIGHTS = ("checkpoint_path", "cache_dir", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay")


def create_network(name: str, options: dict[str, Any], pretrained: str | None, seed: int) -> nn.Module:
    """A classifier in eval mode, with random weights from ``seed`` unless ``pretrained`` names timm weights.

    The name is one of :data:`NETWORKS` or timm's. Only ``pretrained`` reaches for the network.

    Raises:
        InputError: Unknown model (with close matches) or option, or weights that cannot be downloaded.
    """
    count = options.get("num_classes", LEAST_CLASSES)
    if type(count) is not int or not LEAST_CLASSES <= count <= MOST_CLASSES:
        allowed = f"num_classes must be a number from {LEAST_CLASSES} to {MOST_CLASSES}"
        raise InputError(f"backbone {name}: options {options!r} not accepted: {allowed}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = (_own_network if name in NETWORKS else _timm_network)(name, options, pretrained)
        if pretrained is None:
            perturb_zero_init(network)
    return network.eval()


def _timm_network(name: str, options: dict[str, Any], pretrained: str | None) -> nn.Module:
    if brought := [option for option in options if option in _WEIGHTS]:
        reason = f"{brought[0]} brings weights; name them with backbone.weights"
        raise InputError(f"backbone {name}: options {options!r} not accepted: {reason}")
    wanted = timm_name(pretrained or name)
    if wanted.partition(".")[0] != name.partition(".")[0]:  # without the weights' tags
        raise InputError(f"weights timm:{wanted} are of another network than backbone {name}")
    try:
        return timm.create_model(wanted, pretrained=pretrained is not None, **options)
    except Exception as error:  # an option makes timm raise nearly anything
        if pretrained and isinstance(error, OSError | RuntimeError):
            raise InputError(f"backbone weights timm:{pretrained} could not be loaded: {error}") from None
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"backbone {name}: options {options!r} not accepted by timm: {reason}") from None


def timm_name(name: str) -> str:
    """A name that timm knows; raises InputError, with close matches, where it does not."""
    if not timm.is_model(name):
        raise unknown("backbone", name, [*NETWORKS, *timm.list_models()])
    try:
        timm.get_pretrained_cfg(name)
    except RuntimeError:
        network = name.partition(".")[0]
        raise unknown(f"weights of {network}", name, timm.list_pretrained(f"{network}.*")) from None
    return name


def _own_network(name: str, options: dict[str, Any], pretrained: str | None) -> nn.Module:
    if pretrained:
        raise InputError(
            f"backbone weights timm:{pretrained}: {name} is not one of timm's networks; give its weights as a file"
        )
    allowed = inspect.signature(NETWORKS[name].make).parameters
    for option in options:
        if option not in allowed:
            raise unknown(f"option of backbone {name}", option, allowed)
    try:
        return NETWORKS[name].make(**options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"backbone {name}: options {options!r} not accepted: {first_line(error)}") from None
