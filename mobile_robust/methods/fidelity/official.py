"""The authors' published weights (IVRL/FG-NIC): one state dict holds restorer, estimator, calibration and backbone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from mobile_robust.backbones.create import create_network
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.methods.fidelity.method import FidelityOptions, Module
from mobile_robust.methods.fidelity.network import build
from mobile_robust.methods.fidelity.pipeline import FidelityPipeline
from mobile_robust.methods.site import Site
from mobile_robust.state_dicts import apply_state, read_state

#: Their names -> ours; a module that a file lacks was left out.
_NAMES = {
    "restoration.": "restorer.restoration.",
    "fidelity.": "restorer.fidelity.",
    "cnn_layers_weight.": "calibration.gains.levels.",
    "cnn_layers_bias.": "calibration.shifts.levels.",
    "mul_fc.": "calibration.factors.",
    "cat_fc.": "calibration.mixture.",
    "ensemble.": "calibration.ensemble.",
}
_MODULES: dict[str, Module] = {
    "cnn_layers_weight.": "spatial_multiplication",
    "cnn_layers_bias.": "spatial_addition",
    "mul_fc.": "channel_multiplication",
    "cat_fc.": "channel_concatenation",
}
#: Of the backbone: torchvision's children by their number, and the last one.
_BACKBONE = ("feature_extractor.", "classifier.")


def load_official(path: Path, backbone: str, map: str = "l1", residual: bool = True) -> FidelityPipeline:
    """The pipeline of the authors' weights, RGB in [0, 1] and 224x224, in eval mode.

    Depth, batch norms, modules, ensemble and the number of classes are read from the file. Without an estimator in it
    the map is the oracle's.

    Args:
        path: Their state dict.
        backbone: timm's name of the network, or "alexnet".
        map: "l1", "l2" or "cosine", which no tensor shows.
        residual: Whether the spatial levels have their shortcut, likewise.

    Raises:
        InputError: A file that cannot be read, holds others, or another backbone's.
    """
    state = read_state(path)
    theirs = {k: v for k, v in state.items() if k.startswith(_BACKBONE)}
    heads = [tensor for name, tensor in theirs.items() if name.startswith("classifier.") and tensor.dim() == 1]
    if not heads or not any(k.startswith("restoration.") for k in state):
        needed = "restoration.*, feature_extractor.* and classifier.*"
        raise InputError(f"weights file {path}: not the authors' fidelity-map checkpoint: needed are {needed}")
    restorer = {k: v for k, v in state.items() if k.startswith("restoration.")}
    without = [module for prefix, module in _MODULES.items() if not any(k.startswith(prefix) for k in state)]
    options = FidelityOptions.model_validate(
        {
            "variant": "fidelity",
            "map": map,
            "source": "estimated" if any(k.startswith("fidelity.") for k in state) else "oracle",
            "without": (*without, *(() if residual else ("residual",))),
            "ensemble": any(k.startswith("ensemble.") for k in state),
            "depth": sum(v.dim() == 4 for v in restorer.values()),
            "batch_norm": any(k.endswith("running_mean") for k in restorer),
        }
    )
    classes = {"num_classes": len(heads[-1])}
    recipe = Recipe.model_validate(
        {
            "name": path.stem,
            "method": "fidelity",
            "scope": "pipeline",
            "options": options.model_dump(mode="json", exclude={"block"}),
            "backbone": {"name": backbone, "options": classes},
            "input": {"size": 224, "range": 1, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
        }
    )
    network = create_network(backbone, classes, None, 0)
    _load_backbone(network, theirs, path, backbone)
    site = Site(recipe, network)
    module = build(site, options)
    ours = {_renamed(k): v for k, v in state.items() if not k.startswith(_BACKBONE)}
    apply_state(module, ours, path, f"the fidelity map of {backbone}")
    return FidelityPipeline(site, module.eval()).eval()


def _load_backbone(network: nn.Module, theirs: Mapping[str, Tensor], path: Path, backbone: str) -> None:
    """The authors number torchvision's children; timm's ResNets have as many, of the same inner names."""
    children = [name for name, _ in network.named_children()]
    named = {}
    for name, tensor in theirs.items():
        number, _, rest = name.removeprefix("feature_extractor.").partition(".")
        index = int(number) if number.isdecimal() else -1
        child = children[index] if index < len(children) else number
        named[f"{child}.{name.removeprefix('classifier.') if index < 0 else rest}"] = tensor
    apply_state(network, named, path, f"backbone {backbone}; is it another backbone's?")


def _renamed(name: str) -> str:
    return next((own + name.removeprefix(prefix) for prefix, own in _NAMES.items() if name.startswith(prefix)), name)
