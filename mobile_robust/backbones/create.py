"""A classifier by name: timm's, or one of those that the papers use and timm lacks (one file each)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import timm
import torch
from torch import nn

from mobile_robust.backbones.alexnet import alexnet
from mobile_robust.backbones.all_conv import AllConv
from mobile_robust.backbones.cifar_resnet import cifar_resnet20
from mobile_robust.backbones.initialization import perturb_zero_init
from mobile_robust.errors import InputError, first_line, unknown

#: Name -> constructor of a network that timm lacks; its keyword arguments are the recipe's backbone.options. Looked up
#: before timm's.
NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "alexnet": alexnet,
    "all_conv": AllConv,
    "cifar_resnet20": cifar_resnet20,
}


def create_network(name: str, options: dict[str, Any], pretrained: str | None, seed: int) -> nn.Module:
    """A classifier in eval mode, with random weights from ``seed`` unless ``pretrained`` names timm weights.

    The name is one of :data:`NETWORKS` or timm's. Only ``pretrained`` reaches for the network.

    Raises:
        InputError: Unknown model (with close matches) or option, or weights that cannot be downloaded.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = (_own_network if name in NETWORKS else _timm_network)(name, options, pretrained)
        if pretrained is None:
            perturb_zero_init(network)
    return network.eval()


def _timm_network(name: str, options: dict[str, Any], pretrained: str | None) -> nn.Module:
    wanted = pretrained or name
    if not timm.is_model(wanted):
        raise unknown("backbone", wanted, [*NETWORKS, *timm.list_models()])
    if wanted.partition(".")[0] != name.partition(".")[0]:  # without the weights' tags
        raise InputError(f"weights timm:{wanted} are of another network than backbone {name}")
    try:
        return timm.create_model(wanted, pretrained=pretrained is not None, **options)
    except Exception as error:  # an option makes timm raise nearly anything
        if pretrained and isinstance(error, OSError | RuntimeError):
            raise InputError(f"backbone weights timm:{pretrained} could not be loaded: {error}") from None
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"backbone {name}: options {options!r} not accepted by timm: {reason}") from None


def _own_network(name: str, options: dict[str, Any], pretrained: str | None) -> nn.Module:
    if pretrained:
        raise InputError(
            f"backbone weights timm:{pretrained}: {name} is not one of timm's networks; give its weights as a file"
        )
    allowed = inspect.signature(NETWORKS[name]).parameters
    for option in options:
        if option not in allowed:
            raise unknown(f"option of backbone {name}", option, allowed)
    try:
        return NETWORKS[name](**options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"backbone {name}: options {options!r} not accepted: {first_line(error)}") from None
