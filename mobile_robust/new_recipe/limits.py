"""Keys of a recipe without which its files, as far as is known, would be refused or would fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch import nn

from mobile_robust.backbones.phone_limits import CPU_ONLY, FLOAT_OPERATIONS, family
from mobile_robust.methods.method import Method


class Limit(NamedTuple):
    """A key, in a table of the recipe or in its head (""), its value, and why it is needed."""

    table: str
    key: str
    value: tuple[str, ...]
    why: str


def known_limits(network: nn.Module, method: Method) -> Iterator[Limit]:
    """Of a pipeline of this backbone and a module of this method."""
    known = family(network)
    if why := CPU_ONLY.get(known):
        yield Limit("", "accelerators", ("cpu",), f"{why}; see docs/backbones.md")
    if method.float_layers:
        why = f"what {method.name} computes there is too coarse in int8"
        yield Limit("quantization", "float_layers", tuple(f"module.{layer}" for layer in method.float_layers), why)
    if operations := FLOAT_OPERATIONS.get(known):
        why = "the quantizer has no int8 form of them; the rest of the file is int8"
        yield Limit("quantization", "allow_float_ops", operations, why)
