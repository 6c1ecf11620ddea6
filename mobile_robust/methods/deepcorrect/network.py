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
from pathlib import Path

import torch
from torch import Tensor, nn

from mobile_robust.backbones.split import prefix_suffix
from mobile_robust.contracts.ranking import read_ranking
from mobile_robust.contracts.tensors import Role, TensorSpec
from mobile_robust.errors import InputError
from mobile_robust.layers.fuse import Kernel, affine_of, conv_of, fold_affine_before, fold_batchnorm_after, kernel_of
from mobile_robust.methods.adapter import Adapter, Component
from mobile_robust.methods.deepcorrect.filter_selection import choose_filters, updated_layers
from mobile_robust.methods.deepcorrect.method import DeepCorrectOptions
from mobile_robust.methods.site import Site


@dataclass(frozen=True)
class Variant:
    """The convolutions between a unit's two 1x1 ones."""

    width: Callable[[int], int]  # selected filters -> channels D inside the unit
    first: tuple[tuple[int, int], ...]  # (kernel, dilation) of each, in the unit of the first corrected layer
    others: tuple[tuple[int, int], ...]  # the same in all other units


#: Table 10. Its footnote replaces the 5x5 pair by a dilated pair of 3x3, which together see 7x7: dilations 1 and
#: 2. The bottleneck's additional 3x3 is a plain one.
VARIANTS = {
    "critically_wide": Variant(lambda n: n, ((5, 1), (5, 1)), ((3, 1), (3, 1))),
    "lite": Variant(lambda n: 128, ((3, 1), (3, 2)), ((3, 1), (3, 1))),
    "bottleneck": Variant(lambda n: max(1, n // 2), ((3, 1), (3, 2), (3, 1)), ((3, 1), (3, 1), (3, 1))),
}

#: A batch norm's gamma below this share of the largest gamma or beta is too small to be divided by: fp16 would lose the
#: filter. Trained networks have many of a hundred-thousandth.
_LEAST_GAMMA = 0.1


class CorrectionUnit(nn.Module):
    """features (B, channels, h, w) -> the same with the selected channels corrected.

    Every convolution has a bias; all but the last are followed by batch norm (without ``batch_norm``: the paper's
    "no-bn") and ReLU. The selection is kept in the state, so that weights bring their ranking. ``first``: it is the
    unit of the first corrected layer.
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
        wrong = features.index_select(1, self.selected)  # (B, n, h, w)
        return features.index_add(1, self.selected, self.residual(wrong))

    def check_selection(self) -> None:
        """Raises InputError where the weights came with a selection that does not fit the layer."""
        chosen = self.selected.tolist()
        if len({*chosen} & {*range(self.channels)}) != len(chosen):
            raise InputError(
                f"weights: a unit's selected filters are not {len(chosen)} different ones of {self.channels}"
            )

    def fuse(self) -> DeployedUnit:
        self.check_selection()
        layers: list[nn.Module] = []
        for layer in self.residual:
            if isinstance(layer, nn.BatchNorm2d):
                conv = layers[-1]
                assert isinstance(conv, nn.Conv2d)
                _set(conv, fold_batchnorm_after(kernel_of(conv), layer))
            else:
                layers.append(copy.deepcopy(layer))
        first, last = layers[0], layers[-1]
        assert isinstance(first, nn.Conv2d) and isinstance(last, nn.Conv2d)
        read, write = kernel_of(first), kernel_of(last)
        columns = read.weight.new_zeros(len(read.weight), self.channels, 1, 1)
        columns[:, self.selected] = read.weight
        rows = write.weight.new_zeros(self.channels, *write.weight.shape[1:])
        bias = write.bias.new_zeros(self.channels)
        rows[self.selected], bias[self.selected] = write.weight, write.bias
        layers[0], layers[-1] = conv_of(Kernel(columns, read.bias)), conv_of(Kernel(rows, bias))
        return DeployedUnit(nn.Sequential(*layers)).eval()


class DeployedUnit(nn.Module):
    """Deploy form of :class:`CorrectionUnit`: convolutions, ReLU and one addition."""

    keep: Tensor | None  # (channels, 1, 1), what the incoming features are multiplied by; None: nothing

    def __init__(self, residual: nn.Sequential) -> None:
        super().__init__()
        self.residual = residual
        self.register_buffer("keep", None)

    def forward(self, features: Tensor) -> Tensor:
        kept = features if self.keep is None else features * self.keep
        return kept + self.residual(features)

    def fold_following_batchnorm(self, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
        """Moves this unit itself behind the batch norm that follows it.

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


class DeepCorrect(Adapter):
    """The units of a network's corrected layers, and copies of the layers that are trained along.

    Args:
        units: Layer name -> unit, in the network's order; the attribute has "_" for "." in the names.
        updated: Layer name -> copy of that layer, for the paper's "c" models; the attribute likewise.
    """

    def __init__(self, units: Mapping[str, nn.Module], updated: Mapping[str, nn.Module] | None = None) -> None:
        super().__init__()
        self.layers, self.updated_layers = tuple(units), tuple(updated or ())
        self.units = nn.ModuleDict({_key(layer): unit for layer, unit in units.items()})
        self.updated = nn.ModuleDict({_key(layer): trained for layer, trained in (updated or {}).items()})

    def edit(self, layer: str, features: Tensor, *context: Tensor) -> Tensor:
        return self.editor(layer)(features)

    def editor(self, layer: str) -> nn.Module:
        return self.units[_key(layer)]

    def replacements(self) -> dict[str, nn.Module]:
        return {layer: self.updated[_key(layer)] for layer in self.updated_layers}

    def check_state(self) -> None:
        for unit in self.units.values():
            if isinstance(unit, CorrectionUnit):
                unit.check_selection()

    def components(self, site: Site) -> dict[str, Component]:
        """The unit of every layer."""
        text = "the same with the filters that suffer most corrected"
        repaired = TensorSpec("repaired", Role.FEATURES, text, repairs="features")

        def unit(layer: str) -> Component:
            text = f"output of layer {layer} of {site.section.name}, before its batch norm and activation"
            features = TensorSpec("features", Role.FEATURES, text)
            return Component(self.editor(layer), (features,), repaired, lambda image: (site.output_of(layer)(image),))

        return {layer: unit(layer) for layer in self.layers}


def build(site: Site, options: DeepCorrectOptions) -> DeepCorrect:
    """The module for a backbone with its weights loaded.

    Without a ranking the filters come in the order of the layer, which is right where weights with a selection are
    loaded afterwards. Raises InputError for an unknown layer, or a layer, beta or ranking that does not fit."""
    network, name, weights = site.backbone, site.section.name, site.recipe.weights
    ranking = read_ranking(Path(weights.ranking)).orders() if weights.ranking and not weights.file else None
    units: dict[str, nn.Module] = {}
    for layer, (channels, selected) in choose_filters(network, name, options, ranking).items():
        units[layer] = CorrectionUnit(channels, selected, options.variant, not units, options.batch_norm)
    updated = updated_layers(network, name, options.update, [*units])
    site.try_image(network)
    return DeepCorrect(units, {layer: copy.deepcopy(network.get_submodule(layer)) for layer in updated}).eval()


def required(site: Site) -> tuple[nn.Module, str]:
    """All up to the layer whose unit is built: the unit by itself needs their weights."""
    name, layer = site.section.name, site.recipe.component
    if layer is None:
        return site.backbone, f"backbone {name}"
    return prefix_suffix(site.backbone, layer, name)[0], f"backbone {name} up to layer {layer}"


def _key(layer: str) -> str:
    return layer.replace(".", "_")


def _set(conv: nn.Conv2d, kernel: Kernel) -> None:
    conv.weight, conv.bias = nn.Parameter(kernel.weight), nn.Parameter(kernel.bias)
