"""What a recipe means in PyTorch: the training form that is the reference, and the deploy form that is converted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from mobile_robust.backbones.create import create_network
from mobile_robust.backbones.initialization import perturb_zero_init
from mobile_robust.contracts.manifest import Manifest, Provenance
from mobile_robust.contracts.recipe import Recipe, WeightsSection
from mobile_robust.contracts.tensors import Role, TensorSpec
from mobile_robust.data.images import Photo
from mobile_robust.errors import InputError
from mobile_robust.files import sha256, state_hash
from mobile_robust.layers.deploy import deployed
from mobile_robust.methods.adapter import Adapter, select_component
from mobile_robust.methods.pipeline import Pipeline
from mobile_robust.methods.registry import method_of, options_of
from mobile_robust.methods.site import Site
from mobile_robust.state_dicts import apply_state, read_state


@dataclass(frozen=True)
class Model:
    """A recipe in both forms.

    Attributes:
        recipe: The recipe.
        adapter: Training form, eval mode, float32.
        pipeline: Image to logits in training form; None where the recipe has no backbone.
        reference: What the artifacts must equal: the pipeline, or the component that the recipe names.
        deploy: The same function in deploy form, without batch norms; this is what gets converted.
        provenance: Where the weights come from (those of the images are filled in by the converter).
        where: Where the adapter edits, in words.
        inputs: What the reference takes, in order.
        output: What it returns.
    """

    recipe: Recipe
    adapter: Adapter
    pipeline: Pipeline | None
    reference: nn.Module
    deploy: nn.Module
    provenance: Provenance
    where: str
    inputs: tuple[TensorSpec, ...]
    output: TensorSpec
    _example: Callable[[Tensor], tuple[Tensor, ...]]

    @property
    def tensors(self) -> dict[str, TensorSpec]:
        """Inputs and output by name."""
        return {spec.name: spec for spec in (*self.inputs, self.output)}

    def example(self, photo: Photo) -> dict[str, Tensor]:
        """The reference's inputs for one photo (uint8, H x W x 3) by name: batch 1, channels first."""
        image = torch.from_numpy(photo).permute(2, 0, 1)[None].contiguous().float() * (self.recipe.input.range / 255)
        with torch.no_grad():
            return {spec.name: x for spec, x in zip(self.inputs, self._example(image), strict=True)}


def build_pipeline(recipe: Recipe) -> Pipeline:
    """The training form of a recipe from image to logits, with the weights that it names, in eval mode.

    Raises:
        InputError: The recipe has no backbone; see also :func:`build_model`.
    """
    if recipe.backbone is None:
        raise InputError(f"recipe {recipe.name}: method {recipe.method} needs a [backbone]")
    model = build_model(recipe.model_copy(update={"scope": "pipeline", "part": None}))
    assert model.pipeline is not None
    return model.pipeline


def build_model(recipe: Recipe) -> Model:
    """Builds both forms with the weights that the recipe names.

    Raises:
        InputError: Unknown method, backbone, layer or option; weights that do not fit; features the method cannot take.
    """
    options_of(recipe)  # a wrong option shows before the backbone is loaded
    site = _site(recipe, download=True)
    backbone_text, backbone_hash = _load_backbone(site)
    adapter = _initial_adapter(site)
    weights_text, weights_hash = _load_adapter(site, adapter)
    provenance = Provenance(
        weights=weights_text,
        weights_sha256=weights_hash,
        backbone=backbone_text,
        backbone_sha256=backbone_hash,
        calibration="none",
        parity_images="none",
        label=_label(bool(backbone_hash) or recipe.backbone is None, bool(weights_hash) or not adapter.state_dict()),
    )
    return _assemble(site, adapter, provenance)


def rebuild(folder: Path, manifest: Manifest) -> Model:
    """The model a folder was built from, with the weights stored in it; nothing outside the folder is read.

    Raises:
        InputError: The stored weights do not fit the stored recipe.
    """
    recipe = manifest.recipe
    initial = recipe.model_copy(update={"weights": WeightsSection(seed=recipe.weights.seed)})
    site = _site(initial, download=False)
    adapter = _initial_adapter(site)
    path = folder / manifest.weights.file
    # Both forms are made of what is loaded here: pipeline and component share their tensors with the site.
    pipeline = recipe.scope == "pipeline"
    stored = _pipeline(site, adapter) if pipeline else select_component(adapter, site, recipe.part).network
    apply_state(stored, read_state(path), path, f"recipe {recipe.name}")
    adapter.check_state()
    return _assemble(Site(recipe, site.network), adapter, manifest.provenance)


def load_built(folder: Path, manifest: Manifest) -> Pipeline:
    """The training form of a built pipeline with the weights stored beside its artifacts, in eval mode."""
    pipeline = rebuild(folder, manifest).pipeline
    assert pipeline is not None
    return pipeline


def _assemble(site: Site, adapter: Adapter, provenance: Provenance) -> Model:
    recipe = site.recipe
    pipeline = _pipeline(site, adapter) if site.network is not None else None
    adapter.eval().requires_grad_(False)
    if recipe.scope == "pipeline":
        assert pipeline is not None
        text = f"class scores of {site.section.name} before softmax, in the order of its training classes"
        inputs: tuple[TensorSpec, ...] = (site.image_spec(),)
        output = TensorSpec("logits", Role.LOGITS, text)
        reference: nn.Module = pipeline
        deploy: nn.Module = pipeline.deployed()
        example: Callable[[Tensor], tuple[Tensor, ...]] = _image_only
    else:
        component = select_component(adapter, site, recipe.part)
        inputs, output, example = component.inputs, component.output, component.example
        reference, deploy = component.network, deployed(component.network)
    deploy = deploy.eval().requires_grad_(False)
    where = pipeline.where if pipeline is not None else "in front of any network"
    return Model(recipe, adapter, pipeline, reference, deploy, provenance, where, inputs, output, example)


def _image_only(image: Tensor) -> tuple[Tensor, ...]:
    return (image,)


def _pipeline(site: Site, adapter: Adapter) -> Pipeline:
    pipeline: Pipeline = method_of(site.recipe).pipeline.load()(site, adapter)
    return pipeline.eval().requires_grad_(False)


def _site(recipe: Recipe, download: bool) -> Site:
    """The recipe with its backbone: random, or with timm's weights where the recipe names them and ``download`` allows
    it.
    """
    section = recipe.backbone
    if section is None:
        return Site(recipe, None)
    weights = section.weights if download else None
    pretrained = weights.removeprefix("timm:") if weights and weights.startswith("timm:") else None
    return Site(recipe, create_network(section.name, section.options, pretrained, section.seed))


def _load_backbone(site: Site) -> tuple[str, str | None]:
    """Where the backbone's weights are from, in words, and their hash (None: random); those of a file are loaded.

    A component by itself may need only some layers of the backbone, so for it the file may hold no more.
    """
    recipe, section = site.recipe, site.recipe.backbone
    if section is None:
        return "none", None
    if section.weights is None:
        return f"{section.name}: random, seed {section.seed}", None
    if section.weights.startswith("timm:"):
        return f"timm {section.weights.removeprefix('timm:')}", state_hash(site.backbone.state_dict())
    path = Path(section.weights)
    state = read_state(path)
    required = method_of(recipe).required
    if recipe.scope == "pipeline":
        apply_state(site.backbone, state, path, f"backbone {section.name}")
    elif required is not None:
        layers, text = required.load()(site)
        known, wanted = site.backbone.state_dict(), layers.state_dict()
        needed = {name: tensor for name, tensor in state.items() if name in wanted or name not in known}
        apply_state(layers, needed, path, text)
    return f"{section.name} from {path.name}", sha256(path)


def _load_adapter(site: Site, adapter: Adapter) -> tuple[str, str | None]:
    """Where the adapter's weights are from, in words, and their hash (None: initial, or there are none)."""
    weights = site.recipe.weights
    if weights.file is None and not adapter.state_dict():
        return "none", None
    if weights.file is None:
        return f"initial weights, seed {weights.seed}", None
    path = Path(weights.file)
    where = _pipeline(site, adapter).where if site.network is not None else "in front of any network"
    apply_state(adapter, read_state(path), path, f"method {site.recipe.method} {where}")
    adapter.check_state()
    return path.name, sha256(path)


def _initial_adapter(site: Site) -> Adapter:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(site.recipe.weights.seed)
        adapter: Adapter = method_of(site.recipe).build.load()(site, options_of(site.recipe))
        perturb_zero_init(adapter)
    return adapter.eval()


def _label(trained_backbone: bool, trained_module: bool) -> str | None:
    if not trained_backbone:
        return "untrained: latency only"
    return None if trained_module else "module untrained: initial weights"
