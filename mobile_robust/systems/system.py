"""A recipe's PyTorch side: the training form that is the reference, and the deploy form that is converted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mobile_robust.backbones import Backbone, create_backbone, create_network
from mobile_robust.checkpoints import apply_state, read_state
from mobile_robust.contracts.manifest import Manifest, Provenance
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.data import Photo
from mobile_robust.errors import InputError, unknown
from mobile_robust.files import sha256
from mobile_robust.modules import METHODS, ImageRange, RepairModule


class Pipeline(nn.Module):
    """image (B, 3, H, W), RGB in [0, range] -> logits (B, classes): normalize -> stem -> repair -> tail."""

    def __init__(self, stem: nn.Module, module: nn.Module, tail: nn.Module, image_range: ImageRange) -> None:
        super().__init__()
        self.normalize = Normalize(image_range)
        self.stem, self.module, self.tail = stem, module, tail

    def features(self, image: Tensor) -> Tensor:
        """The stem's features of an image, (B, C, H/s, W/s)."""
        return self.stem(self.normalize(image))

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        return self.tail(self.module(image, self.features(image)))


class Normalize(nn.Module):
    """(image - mean) / std per channel.

    Written as a depthwise 1x1 convolution: TFLite's converter lays that out channels last like its neighbours, where
    the plain arithmetic costs it two transposes of the whole image.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, image_range: ImageRange) -> None:
        super().__init__()
        mean, std = (torch.tensor(v, dtype=torch.float64) for v in image_range)
        self.register_buffer("weight", (1 / std).float()[:, None, None, None], persistent=False)
        self.register_buffer("bias", (-mean / std).float(), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 3, H, W)."""
        return F.conv2d(image, self.weight, self.bias, groups=3)


@dataclass(frozen=True)
class System:
    """What a recipe means in PyTorch.

    Attributes:
        recipe: The recipe.
        pipeline: The whole way from image to logits, training form, eval mode, float32.
        reference: What the artifacts must equal: ``pipeline`` or its repair module alone, as the recipe's scope says.
        deploy: The same function in deploy form, without batch norms; this is what gets converted.
        provenance: Where the weights come from (the images' part is filled in by the converter).
        layer: The stem's last layer.
    """

    recipe: Recipe
    pipeline: Pipeline
    reference: nn.Module
    deploy: nn.Module
    provenance: Provenance
    layer: str

    def inputs(self, photo: Photo) -> dict[str, Tensor]:
        """The reference's inputs for one photo (uint8, H x W x 3): tensors of batch 1, channels first."""
        image = torch.from_numpy(photo).permute(2, 0, 1)[None].contiguous().float() * (self.recipe.input.range / 255)
        if self.recipe.scope == "pipeline":
            return {"image": image}
        with torch.no_grad():
            return {"image": image, "features": self.pipeline.features(image).contiguous()}

    @property
    def output(self) -> str:
        """Name of the one output."""
        return "logits" if self.recipe.scope == "pipeline" else "repaired"


def build_system(recipe: Recipe) -> System:
    """Builds both forms with the weights the recipe names.

    Raises:
        InputError: Unknown method, backbone, layer or option; weights that do not fit; features the method cannot take.
    """
    backbone, backbone_words, backbone_hash = _backbone(recipe)
    module, module_words, module_hash = _module(recipe, backbone)
    provenance = Provenance(
        weights=module_words,
        weights_sha256=module_hash,
        backbone=backbone_words,
        backbone_sha256=backbone_hash,
        calibration="none",
        parity_images="none",
        label=_label(trained_backbone=bool(backbone_hash), trained_module=bool(module_hash)),
    )
    return _assemble(recipe, backbone, module, provenance)


def rebuild(folder: Path, manifest: Manifest) -> System:
    """The system a folder was built from, with the weights stored in it; nothing outside the folder is read.

    Raises:
        InputError: The stored weights do not fit the stored recipe.
    """
    recipe = manifest.recipe
    network = create_network(recipe.backbone.name, recipe.backbone.options, None, recipe.backbone.seed)
    backbone = create_backbone(network, recipe.backbone.name, recipe.backbone.layer)
    module = _initial_module(recipe, backbone)
    path = folder / manifest.weights.file
    # The pipeline shares its tensors with the backbone, so both forms are made of what is loaded here.
    training = _training_form(recipe, backbone, module)
    apply_state(training if recipe.scope == "pipeline" else module, read_state(path), path, f"recipe {recipe.name}")
    return _assemble(recipe, backbone, module, manifest.provenance)


def load_built(folder: Path, manifest: Manifest) -> Pipeline:
    """The training form of a built pipeline with the weights stored beside its artifacts, in eval mode."""
    return rebuild(folder, manifest).pipeline


def _assemble(recipe: Recipe, backbone: Backbone, module: RepairModule, provenance: Provenance) -> System:
    pipeline = _training_form(recipe, backbone, module)
    deployed = backbone.deploy()
    deploy = Pipeline(deployed.stem, module.reparameterize(), deployed.tail, _normalization(recipe)).eval()
    deploy.requires_grad_(False)
    if recipe.scope == "pipeline":
        return System(recipe, pipeline, pipeline, deploy, provenance, backbone.layer)
    return System(recipe, pipeline, module, deploy.module, provenance, backbone.layer)


def _training_form(recipe: Recipe, backbone: Backbone, module: RepairModule) -> Pipeline:
    pipeline = Pipeline(backbone.stem, module, backbone.tail, _normalization(recipe)).eval()
    return pipeline.requires_grad_(False)


def _normalization(recipe: Recipe) -> ImageRange:
    """What the backbone wants, in units of the recipe's image."""
    top, mean, std = recipe.input.range, recipe.input.mean, recipe.input.std
    return ImageRange(
        mean=(mean[0] * top, mean[1] * top, mean[2] * top), std=(std[0] * top, std[1] * top, std[2] * top)
    )


def _backbone(recipe: Recipe) -> tuple[Backbone, str, str | None]:
    """The split backbone, where its weights are from, and their hash (None: random)."""
    section = recipe.backbone
    weights = section.weights
    pretrained = weights.removeprefix("timm:") if weights and weights.startswith("timm:") else None
    network = create_network(section.name, section.options, pretrained, section.seed)
    words, digest = f"{section.name}: random, seed {section.seed}", None
    if pretrained:
        words, digest = f"timm {pretrained}", state_hash(network)
    backbone = create_backbone(network, section.name, section.layer)
    if weights and not pretrained:
        path = Path(weights)
        _load_backbone(recipe, backbone, path)
        words, digest = f"{section.name} from {path.name}", sha256(path)
    return backbone, words, digest


def _load_backbone(recipe: Recipe, backbone: Backbone, path: Path) -> None:
    """Weights from a file; a module needs the stem's alone, so for it the file may hold no others."""
    state = read_state(path)
    if recipe.scope == "pipeline":
        apply_state(backbone.network, state, path, f"backbone {backbone.name}")
        return
    known = backbone.network.state_dict()
    stem = backbone.stem.state_dict()
    needed = {name: tensor for name, tensor in state.items() if name in stem or name not in known}
    apply_state(backbone.stem, needed, path, f"the stem of backbone {backbone.name}")


def _module(recipe: Recipe, backbone: Backbone) -> tuple[RepairModule, str, str | None]:
    """The repair module, where its weights are from, and their hash (None: initial)."""
    module = _initial_module(recipe, backbone)
    if recipe.weights.file is None:
        return module, f"initial weights, seed {recipe.weights.seed}", None
    path = Path(recipe.weights.file)
    apply_state(module, read_state(path), path, f"method {recipe.method} on {backbone.name} behind {backbone.layer}")
    return module, path.name, sha256(path)


def _initial_module(recipe: Recipe, backbone: Backbone) -> RepairModule:
    if recipe.method not in METHODS:
        raise unknown("method", recipe.method, METHODS)
    side = recipe.input.size
    try:
        with torch.no_grad():
            features = backbone.stem(torch.zeros(1, 3, side, side))
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"backbone {backbone.name} cannot take an RGB image of {side} x {side}: {error}") from None
    where = f"the features of {backbone.name} behind layer {backbone.layer}"
    if not isinstance(features, Tensor) or features.dim() != 4:
        raise InputError(f"{where} are no (B, C, H, W) map; choose another backbone.layer")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.weights.seed)
        module = METHODS[recipe.method](features.shape[1], ImageRange.of(recipe.input.range), recipe.options).eval()
    try:
        module.check(side, features.shape[-1])
    except ValueError as error:
        raise InputError(
            f"{where} are {tuple(features.shape[1:])}, which method {recipe.method} cannot take: {error}"
        ) from None
    return module


def state_hash(module: nn.Module) -> str:
    """Hex SHA-256 over a module's tensors, in order of name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode() + b"\0" + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _label(trained_backbone: bool, trained_module: bool) -> str | None:
    if not trained_backbone:
        return "untrained: latency only"
    return None if trained_module else "module untrained: initial weights"
