"""What a method adds to a frozen classifier. All papers are cases of one interface:

==============  ==================================  =========================  ==============================
method          layers                              prepare                    edit
==============  ==================================  =========================  ==============================
AFD-Module      the stem                            image, FDE-Net(image)      FE-Net(features, drift)
SyMPIE          none                                repaired image             none
DiR             the end of every block, or none     repaired image, shifts     features + shift
AR-CNN, DnCNN   none                                repaired image             none
DeepCorrect     ranked convolutions                 image                      unit(features)
FiLM            the end of every block              image, a shift a block     features + shift
fidelity map    stages and the pooled features      restored image, its map    multiply, add, concatenate
==============  ==================================  =========================  ==============================
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor, nn

from mobile_robust.contracts.tensors import Role, TensorSpec
from mobile_robust.errors import InputError, unknown
from mobile_robust.layers.deploy import deployed

if TYPE_CHECKING:
    from typing_extensions import Self

    from mobile_robust.methods.site import Site


@dataclass(frozen=True)
class Component:
    """A network of an adapter that makes a file of its own."""

    network: nn.Module  # training form; takes the inputs in order and returns one tensor
    inputs: tuple[TensorSpec, ...]
    output: TensorSpec
    #: image (1, 3, H, W), RGB in the recipe's range -> the network's arguments.
    example: Callable[[Tensor], tuple[Tensor, ...]] = lambda image: (image,)


class Adapter(nn.Module, ABC):
    """Edits the image, the outputs of some of the backbone's layers, or both. Its parameters are what is trained."""

    layers: tuple[str, ...] = ()  # of the backbone, whose outputs are edited, in its order
    contexts: int = 0  # how many tensors prepare() hands to every edit

    def prepare(self, image: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """image (B, 3, H, W), RGB in the recipe's range -> image for the backbone, context of every edit."""
        return image, ()

    def edit(self, layer: str, features: Tensor, *context: Tensor) -> Tensor:
        """The output of one of :attr:`layers` -> the same, edited, equal in shape."""
        return features

    def forward(self, image: Tensor, *features: Tensor) -> Tensor:
        """The adapter as one network: the prepared image or, where it edits a layer, that layer's edited output."""
        image, context = self.prepare(image)
        return self.edit(self.layers[0], features[0], *context) if features else image

    def editor(self, layer: str) -> nn.Module:
        """:meth:`edit` of one layer as a module: (features, \\*context) -> features.

        One that can take up the batch norm behind its layer says so with ``fold_following_batchnorm(norm)``.
        """
        return _Editor(self, layer)

    def replacements(self) -> Mapping[str, nn.Module]:
        """Layers of the backbone that the adapter brings its own trained copies of."""
        return {}

    def components(self, site: Site) -> Mapping[str, Component]:
        """The files of its own that an app may want, by name; "module" is the adapter itself."""
        return {}

    def check_state(self) -> None:
        """Raises InputError where loaded weights hold values that cannot be, such as an index out of range."""

    def deployed(self) -> Self:
        """The deploy form: an equal function without batch norms. Leaves this network as it is, and raises RuntimeError
        in training mode."""
        return deployed(self)


class _Editor(nn.Module):
    def __init__(self, adapter: Adapter, layer: str) -> None:
        super().__init__()
        self.adapter, self.layer = adapter, layer

    def forward(self, features: Tensor, *context: Tensor) -> Tensor:
        return self.adapter.edit(self.layer, features, *context)


def image_component(adapter: Adapter, site: Site, clamped: bool = True) -> Component:
    """An adapter that repairs the image: photo -> repaired photo; no value leaves the range if ``clamped``."""
    image = site.image_spec()
    text = "the photo repaired, RGB, same size and range as the input"
    text += "" if clamped else ", which single values may leave: clamp them"
    value_range = image.value_range if clamped else None
    return Component(adapter, (image,), TensorSpec("repaired", Role.IMAGE, text, value_range, repairs="image"))


def select_component(adapter: Adapter, site: Site, name: str | None) -> Component:
    """The component of that name; without one the whole module, or the only component there is. Else raises
    InputError."""
    recipe, known = site.recipe, adapter.components(site)
    method = f"recipe {recipe.name}: method {recipe.method}"
    if not known:
        raise InputError(f'{method} has no module; its scope must be "pipeline"')
    if name is None and "module" not in known and len(known) > 1:
        raise InputError(
            f'{method} of scope "module" builds one component; set component to one of: {", ".join(known)}'
        )
    name = name or ("module" if "module" in known else next(iter(known)))
    if name not in known:
        named = [other for other in known if other != "module"]
        if not named:
            raise InputError(f"{method} has no components, got {name!r}")
        raise unknown(f"component of method {recipe.method}", name, named)
    return known[name]
