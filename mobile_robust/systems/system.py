"""What a recipe means in PyTorch: the training form that is the reference, and the deploy form that is converted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from mobile_robust.backbones.split import create_network, revive
from mobile_robust.contracts.manifest import Manifest, Provenance
from mobile_robust.contracts.recipe import Recipe, WeightsSection
from mobile_robust.contracts.tensors import Role, TensorSpec
from mobile_robust.data.images import Photo
from mobile_robust.errors import unknown
from mobile_robust.files import sha256
from mobile_robust.methods.adapter import Deployable, deploy_form
from mobile_robust.methods.afd import network as afd
from mobile_robust.methods.baselines import network as baselines
from mobile_robust.methods.deepcorrect import network as deepcorrect
from mobile_robust.methods.sympie import network as sympie
from mobile_robust.state_dicts import apply_state, read_state
from mobile_robust.systems.alone import NoPlace
from mobile_robust.systems.features import FeaturePlace
from mobile_robust.systems.filters import FilterPlace
from mobile_robust.systems.images import ImagePlace
from mobile_robust.systems.place import Pipeline, Place

#: Method -> its place on a backbone. A method's builder makes its module for a given backbone or image size.
METHODS: dict[str, Callable[[Recipe, nn.Module | None], Place]] = {
    "afd": partial(FeaturePlace, build=afd.build),
    "sympie": partial(ImagePlace, build=sympie.build),
    "deepcorrect": partial(FilterPlace, build=deepcorrect.build),
    "baseline": partial(ImagePlace, build=baselines.build),
    "none": NoPlace,
}


@dataclass(frozen=True)
class System:
    """What a recipe means in PyTorch.

    Attributes:
        recipe: The recipe.
        module: The repair module, training form, eval mode, float32.
        pipeline: The whole way from image to logits in training form; None where the recipe has no backbone.
        reference: What the artifacts must equal: the pipeline, the module or a part of it, as the recipe says.
        deploy: The same function in deploy form, without batch norms; this is what gets converted.
        provenance: Where the weights come from (the images' part is filled in by the converter).
        where: The module's place, in words.
        output: Name of the one output.
        tensors: Inputs and output by name, in the order of the reference's arguments.
    """

    recipe: Recipe
    module: Deployable
    pipeline: Pipeline | None
    reference: nn.Module
    deploy: nn.Module
    provenance: Provenance
    where: str
    output: str
    tensors: dict[str, TensorSpec]
    _sample: Callable[[Tensor], dict[str, Tensor]]

    def inputs(self, photo: Photo) -> dict[str, Tensor]:
        """The reference's inputs for one photo (uint8, H x W x 3): tensors of batch 1, channels first."""
        image = torch.from_numpy(photo).permute(2, 0, 1)[None].contiguous().float() * (self.recipe.input.range / 255)
        with torch.no_grad():
            return self._sample(image)


def build_system(recipe: Recipe) -> System:
    """Builds both forms with the weights the recipe names.

    Raises:
        InputError: Unknown method, backbone, layer or option; weights that do not fit; features the method cannot take.
    """
    network = _network(recipe, download=True)
    place = _place(recipe, network)
    backbone_words, backbone_hash = _load_backbone(recipe, place)
    module_words, module_hash = _set_module(recipe, place)
    provenance = Provenance(
        weights=module_words,
        weights_sha256=module_hash,
        backbone=backbone_words,
        backbone_sha256=backbone_hash,
        calibration="none",
        parity_images="none",
        label=_label(bool(backbone_hash) or recipe.backbone is None, bool(module_hash) or _is_empty(place.module)),
    )
    return _assemble(recipe, place, provenance)


def rebuild(folder: Path, manifest: Manifest) -> System:
    """The system a folder was built from, with the weights stored in it; nothing outside the folder is read.

    Raises:
        InputError: The stored weights do not fit the stored recipe.
    """
    recipe = manifest.recipe
    initial = recipe.model_copy(update={"weights": WeightsSection(seed=recipe.weights.seed)})
    place = _place(initial, _network(recipe, download=False))
    _initialize(initial, place)
    path = folder / manifest.weights.file
    # Both forms are made of what is loaded here: pipeline and part share their tensors with the place.
    stored = place.pipeline() if recipe.scope == "pipeline" else place.part(recipe.part).network
    apply_state(stored, read_state(path), path, f"recipe {recipe.name}")
    return _assemble(recipe, place, manifest.provenance)


def load_built(folder: Path, manifest: Manifest) -> Pipeline:
    """The training form of a built pipeline with the weights stored beside its artifacts, in eval mode."""
    pipeline = rebuild(folder, manifest).pipeline
    assert pipeline is not None
    return pipeline


def _assemble(recipe: Recipe, place: Place, provenance: Provenance) -> System:
    pipeline = place.pipeline().eval().requires_grad_(False) if recipe.backbone else None
    place.module.eval().requires_grad_(False)
    image = TensorSpec(
        "image",
        Role.IMAGE,
        f"RGB photo, {recipe.input.words()}, values in [0, {recipe.input.range}]",
        (0.0, float(recipe.input.range)),
    )
    if recipe.scope == "pipeline":
        assert pipeline is not None
        reference: nn.Module = pipeline
        deploy = place.deploy()
        sample: Callable[[Tensor], dict[str, Tensor]] = _image_only
        output = "logits"
        words = f"class scores of {place.backbone.name} before softmax, in the order of its training classes"
        specs: tuple[TensorSpec, ...] = (image, TensorSpec("logits", Role.LOGITS, words))
    else:
        part = place.part(recipe.part)
        reference, deploy = part.network, deploy_form(part.network)
        sample, output = part.sample, part.output
        specs = (image, *part.tensors)
    deploy = deploy.eval().requires_grad_(False)
    tensors = {spec.name: spec for spec in specs}
    return System(recipe, place.module, pipeline, reference, deploy, provenance, place.where, output, tensors, sample)


def _image_only(image: Tensor) -> dict[str, Tensor]:
    return {"image": image}


def _place(recipe: Recipe, network: nn.Module | None) -> Place:
    if recipe.method not in METHODS:
        raise unknown("method", recipe.method, METHODS)
    return METHODS[recipe.method](recipe, network)


def _network(recipe: Recipe, download: bool) -> nn.Module | None:
    """The recipe's backbone: random, or with timm's weights where the recipe names them and ``download`` allows it."""
    section = recipe.backbone
    if section is None:
        return None
    weights = section.weights if download else None
    pretrained = weights.removeprefix("timm:") if weights and weights.startswith("timm:") else None
    return create_network(section.name, section.options, pretrained, section.seed)


def _load_backbone(recipe: Recipe, place: Place) -> tuple[str, str | None]:
    """Where the backbone's weights are from, in words, and their hash (None: random); those of a file are loaded.

    A module by itself may need only a part of the backbone, so for it the file may hold no more.
    """
    section = recipe.backbone
    if section is None or place.network is None:
        return "none", None
    if section.weights is None:
        return f"{section.name}: random, seed {section.seed}", None
    if section.weights.startswith("timm:"):
        return f"timm {section.weights.removeprefix('timm:')}", state_hash(place.network)
    path = Path(section.weights)
    state = read_state(path)
    if recipe.scope == "pipeline":
        apply_state(place.network, state, path, f"backbone {section.name}")
    elif place.needed is not None:
        part, words = place.needed
        known, wanted = place.network.state_dict(), part.state_dict()
        needed = {name: tensor for name, tensor in state.items() if name in wanted or name not in known}
        apply_state(part, needed, path, words)
    return f"{section.name} from {path.name}", sha256(path)


def _set_module(recipe: Recipe, place: Place) -> tuple[str, str | None]:
    """Where the module's weights are from, in words, and their hash (None: initial, or there are none)."""
    _initialize(recipe, place)
    if recipe.weights.file is None and _is_empty(place.module):
        return "none", None
    if recipe.weights.file is None:
        return f"initial weights, seed {recipe.weights.seed}", None
    path = Path(recipe.weights.file)
    apply_state(place.module, read_state(path), path, f"method {recipe.method} {place.where}")
    return path.name, sha256(path)


def _initialize(recipe: Recipe, place: Place) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.weights.seed)
        place.set_module()
        revive(place.module)
    place.module.eval()


def state_hash(module: nn.Module) -> str:
    """Hex SHA-256 over a module's tensors, in order of name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode() + b"\0" + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _is_empty(module: nn.Module) -> bool:
    """Whether there is nothing in it to be trained."""
    return not module.state_dict()


def _label(trained_backbone: bool, trained_module: bool) -> str | None:
    if not trained_backbone:
        return "untrained: latency only"
    return None if trained_module else "module untrained: initial weights"
