"""DeepCorrect: Correcting DNN Models against Image Distortions (Borkar & Karam, IEEE TIP 2019).

Distortion spoils the outputs of some convolution filters more than those of others. The worst of them, found by
swapping each filter's map with the clean one (section 4.1, :mod:`mobile_robust.rank`), are repaired by a small residual
unit, before the layer's batch norm and ReLU (section 4.2, Fig. 7); all other filters of the layer stay as they are:

    y = x,  y[selected] = x[selected] + residual(x[selected])

Kernels, widths and parameters are those of Table 10. (Table 3's 80,954 per unit of the CIFAR-100 network are those of
no unit the text describes.)

Deploy form: the selection is written into the first 1x1 convolution as zero columns and into the last as zero rows, so
no gather and no scatter. Permuting the layer's filters instead, for slice and concatenation, is no faster (TFLite fp32,
one x86 thread: AlexNet with five bottlenecks 48.3 against 47.9 ms, without 39.4; unit 1 5.5 against 5.8) and cannot be
done where a shortcut joins the layer's output.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mobile_robust.errors import InputError, unknown
from mobile_robust.layers.fuse import Kernel, affine_of, conv_of, fold_affine_before, fold_norm_after, kernel_of
from mobile_robust.methods.adapter import Deployable, FilterRepair
from mobile_robust.methods.deepcorrect.filter_selection import choose_filters, updated_layers
from mobile_robust.methods.options import known_only, variant_of


@dataclass(frozen=True)
class Variant:
    """The convolutions between a unit's two 1x1 ones.

    Attributes:
        width: Selected filters -> channels D inside the unit.
        first: (kernel, dilation) of each convolution in the unit of the first corrected layer.
        others: The same in all other units.
    """

    width: Callable[[int], int]
    first: tuple[tuple[int, int], ...]
    others: tuple[tuple[int, int], ...]


#: Table 10. Its footnote puts a dilated pair of 3x3 in place of the 5x5 pair, which together see 7x7: dilations 1 and
#: 2. The bottleneck's additional 3x3 is a plain one.
VARIANTS = {
    "critically_wide": Variant(lambda n: n, ((5, 1), (5, 1)), ((3, 1), (3, 1))),
    "lite": Variant(lambda n: 128, ((3, 1), (3, 2)), ((3, 1), (3, 1))),
    "bottleneck": Variant(lambda n: max(1, n // 2), ((3, 1), (3, 2), (3, 1)), ((3, 1), (3, 1), (3, 1))),
}

#: A batch norm's gamma below this share of the largest gamma or beta is too small to be divided by: fp16 would lose the
#: filter. Trained networks have many of a hundred-thousandth.
_LEAST_GAMMA = 0.1


class CorrectionUnit(Deployable):
    """features (B, channels, h, w) -> the same with the selected channels corrected.

    Every convolution has a bias; all but the last are followed by batch norm (if wanted) and ReLU.

    Args:
        channels: Filters N of the corrected layer.
        selected: The filters that are corrected; kept in the state, so that weights bring their own ranking.
        variant: A key of :data:`VARIANTS`.
        first: Whether this is the unit of the first corrected layer.
        batch_norm: False: the paper's "no-bn".
    """

    selected: Tensor

    def __init__(
        self,
        channels: int,
        selected: Sequence[int],
        variant: str = "bottleneck",
        first: bool = False,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.register_buffer("selected", torch.tensor(selected, dtype=torch.int64))
        sizes = VARIANTS[variant]
        count, width = len(selected), sizes.width(len(selected))
        layers: list[nn.Module] = []
        before = count
        for kernel, dilation in ((1, 1), *(sizes.first if first else sizes.others)):
            layers.append(nn.Conv2d(before, width, kernel, padding=dilation * (kernel // 2), dilation=dilation))
            if batch_norm:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.ReLU())
            before = width
        self.residual = nn.Sequential(*layers, nn.Conv2d(width, count, 1))

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        wrong = features.index_select(1, self.selected)  # (B, n, h, w)
        return features.index_add(1, self.selected, self.residual(wrong))

    def reparameterize(self) -> DeployedUnit:
        """See :class:`Deployable`.

        Raises:
            InputError: The weights came with a selection that does not fit the layer.
        """
        if self.training:
            raise RuntimeError("CorrectionUnit.reparameterize() in training mode: call eval() first")
        chosen = self.selected.tolist()
        if len({*chosen} & {*range(self.channels)}) != len(chosen):
            raise InputError(
                f"weights: a unit's selected filters are not {len(chosen)} different ones of {self.channels}"
            )
        layers: list[nn.Module] = []
        for part in self.residual:
            if isinstance(part, nn.BatchNorm2d):
                conv = layers[-1]
                assert isinstance(conv, nn.Conv2d)
                _set(conv, fold_norm_after(kernel_of(conv), part))
            else:
                layers.append(copy.deepcopy(part))
        first, last = layers[0], layers[-1]
        assert isinstance(first, nn.Conv2d) and isinstance(last, nn.Conv2d)
        read, write = kernel_of(first), kernel_of(last)
        weight = read.weight.new_zeros(read.weight.shape[0], self.channels, 1, 1)
        weight[:, self.selected] = read.weight
        layers[0] = conv_of(Kernel(weight, read.bias))
        weight = write.weight.new_zeros(self.channels, write.weight.shape[1], 1, 1)
        bias = write.bias.new_zeros(self.channels)
        weight[self.selected], bias[self.selected] = write.weight, write.bias
        layers[-1] = conv_of(Kernel(weight, bias))
        return DeployedUnit(nn.Sequential(*layers)).eval()


class DeployedUnit(Deployable):
    """Deploy form of :class:`CorrectionUnit`: convolutions, ReLU and one addition.

    Attributes:
        keep: (channels, 1, 1), what the incoming features are multiplied by; None: nothing.
    """

    def __init__(self, residual: nn.Sequential) -> None:
        super().__init__()
        self.residual = residual
        self.keep: Tensor | None
        self.register_buffer("keep", None)

    def forward(self, features: Tensor) -> Tensor:
        """features (B, channels, h, w) -> corrected features."""
        kept = features if self.keep is None else features * self.keep
        return kept + self.residual(features)

    def reparameterize(self) -> DeployedUnit:
        """A copy: this is the deploy form."""
        return copy.deepcopy(self)

    def absorb_norm(self, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
        """Moves the unit behind the batch norm that follows it, in place.

        With x' = a x + b, the norm of the corrected x is a (x + F(G x)) + b = x' + (a F)(G (x' - b) / a): the first
        convolution undoes the norm, the last applies it. A filter that the unit reads and whose gamma is next to
        nothing cannot be read from x' any more: it comes without gamma and beta, which are applied here.

        Returns:
            Scale and shift (channels,) that the layer in front has to apply to its output.
        """
        first, last = self.residual[0], self.residual[-1]
        assert isinstance(first, nn.Conv2d) and isinstance(last, nn.Conv2d)
        assert norm.running_mean is not None and norm.running_var is not None
        read, write = kernel_of(first), kernel_of(last)
        scale, shift = affine_of(norm)
        plain = (norm.running_var + norm.eps).rsqrt()
        gamma, beta = scale / plain, shift + norm.running_mean * scale
        is_read = read.weight.abs().amax((0, 2, 3)) > 0
        weak = is_read & (gamma.abs() < _LEAST_GAMMA * torch.maximum(gamma.abs().max(), beta.abs().max()))
        given = torch.where(weak, plain, scale)
        offset = torch.where(weak, -norm.running_mean * plain, shift)
        divisor = torch.where(is_read, given, torch.ones_like(given))  # a scale of 0 where nothing is read
        _set(first, fold_affine_before(1 / divisor, -offset / divisor, read))
        bias = write.bias * scale + torch.where(weak, beta, torch.zeros_like(beta))
        _set(last, Kernel(write.weight * scale[:, None, None, None], bias))
        if weak.any():
            self.keep = torch.where(weak, gamma, torch.ones_like(gamma))[:, None, None]
        return given, offset


class Corrected(nn.Module):
    """A convolution with its unit behind it; stands in the network at the convolution's own name."""

    def __init__(self, layer: nn.Conv2d, unit: Deployable) -> None:
        super().__init__()
        self.layer, self.unit = layer, unit

    def forward(self, x: Tensor) -> Tensor:
        """The layer's input -> its corrected output (B, N, h, w)."""
        return self.unit(self.layer(x))

    def fuse(self) -> Corrected:
        """Deploy form, under the name that timm's ``reparameterize_model`` looks for. Leaves this one as it is."""
        unit = self.unit.reparameterize()
        assert isinstance(unit, DeployedUnit)
        return Corrected(copy.deepcopy(self.layer), unit).eval()

    def absorb_norm(self, norm: nn.BatchNorm2d) -> bool:
        """In deploy form: takes up, in place, the batch norm behind it. Whether it did."""
        if not isinstance(self.unit, DeployedUnit):
            return False
        scale, shift = self.unit.absorb_norm(norm)
        kernel = kernel_of(self.layer)
        _set(self.layer, Kernel(kernel.weight * scale[:, None, None, None], kernel.bias * scale + shift))
        return True


class DeepCorrect(FilterRepair):
    """The units of a network's corrected layers, and its own copies of the layers that are trained along.

    Args:
        units: Layer name -> unit, in the network's order; the attribute has "_" for "." in the names.
        updated: Layer name -> copy of that layer, for the paper's "c" models; the attribute likewise.
    """

    def __init__(self, units: Mapping[str, Deployable], updated: Mapping[str, nn.Module] | None = None) -> None:
        super().__init__()
        updated = updated or {}
        self.layers, self.updated_layers = tuple(units), tuple(updated)
        self.units = nn.ModuleDict({_key(layer): unit for layer, unit in units.items()})
        self.updated = nn.ModuleDict({_key(layer): own for layer, own in updated.items()})

    def unit(self, layer: str) -> Deployable:
        """See :class:`FilterRepair`; by the layer's name in the network."""
        unit = self.units[_key(layer)]
        assert isinstance(unit, Deployable)
        return unit

    def insert(self, network: nn.Module) -> None:
        """See :class:`FilterRepair`. The network then shares its units with this module."""
        for layer in self.updated_layers:
            network.set_submodule(layer, self.updated[_key(layer)])
        for layer in self.layers:
            conv = network.get_submodule(layer)
            assert isinstance(conv, nn.Conv2d)
            network.set_submodule(layer, Corrected(conv, self.unit(layer)))

    def reparameterize(self) -> DeepCorrect:
        """See :class:`Deployable`. The norms behind corrected layers are folded where the whole network is deployed."""
        if self.training:
            raise RuntimeError("DeepCorrect.reparameterize() in training mode: call eval() first")
        units: dict[str, Deployable] = {}
        for layer in self.layers:
            unit = self.unit(layer).reparameterize()
            assert isinstance(unit, DeployedUnit)
            units[layer] = unit
        updated = {layer: copy.deepcopy(self.updated[_key(layer)]) for layer in self.updated_layers}
        return DeepCorrect(units, updated).eval()


def build(
    network: nn.Module, name: str, options: dict[str, Any], ranking: Mapping[str, Sequence[int]] | None = None
) -> DeepCorrect:
    """The module for a backbone with its weights loaded.

    Args:
        network: The backbone; stays as it is.
        name: Its name, for default layers and messages.
        options: ``variant`` (of :data:`VARIANTS`, default bottleneck), ``batch_norm`` (default true), ``layers`` and
            ``beta`` (see :func:`choose_filters`), ``update`` (names of layers that are trained along).
        ranking: Layer name -> its filters, the most susceptible first; None: in their own order, which is right where
            weights with their own selection are loaded afterwards.

    Raises:
        InputError: Unknown option, variant or layer; a layer, beta or ranking that does not fit.
    """
    known_only("deepcorrect", options, ["variant", "batch_norm", "layers", "beta", "update"])
    variant, batch_norm = variant_of(options, VARIANTS, "bottleneck"), options.get("batch_norm", True)
    if variant not in VARIANTS:
        raise unknown("DeepCorrect variant", variant, VARIANTS)
    if not isinstance(batch_norm, bool):
        raise InputError(f"options.batch_norm must be true or false, got {batch_norm!r}")
    units: dict[str, Deployable] = {}
    for layer, (channels, selected) in choose_filters(network, name, options, ranking).items():
        units[layer] = CorrectionUnit(channels, selected, variant, not units, batch_norm)
    updated = updated_layers(network, name, options.get("update", []), [*units])
    return DeepCorrect(units, {layer: copy.deepcopy(network.get_submodule(layer)) for layer in updated}).eval()


def _key(layer: str) -> str:
    return layer.replace(".", "_")


def _set(conv: nn.Conv2d, kernel: Kernel) -> None:
    conv.weight, conv.bias = nn.Parameter(kernel.weight), nn.Parameter(kernel.bias)
