"""What a tensor is, whatever file it is in: its role, its values, and what an app must do with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Role(str, Enum):
    """What a tensor is to a classifier and its adapter. Code decides by the role, never by a name or a shape."""

    IMAGE = "image"  # RGB, in the recipe's range
    FEATURES = "features"  # of some layer of the backbone
    PARAMETERS = "parameters"  # numbers that one component hands to another
    LOGITS = "logits"  # class scores before softmax


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a network, by its name in the artifact."""

    name: str
    role: Role
    description: str  # in words, with units
    value_range: tuple[float, float] | None = None  # least and largest value; None: unbounded
    normalization: str | None = None  # what the app must do before; None: nothing
    repairs: str | None = None  # name of the input that this output is a repaired version of, equal in shape

    @property
    def sentence(self) -> str:
        """Description and normalization in one line."""
        return "; ".join(part for part in (self.description, self.normalization) if part)
