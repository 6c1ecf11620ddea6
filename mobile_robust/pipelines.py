"""What a recipe means in PyTorch: the training form that is the reference, and the deploy form that is converted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from mobile_robust.backbones.initialization import perturb_zero_init
from mobile_robust.backbones.trained_image import input_of
from mobile_robust.contracts.manifest import Manifest, Provenance
from mobile_robust.contracts.recipe import Recipe, WeightsSection
from mobile_robust.contracts.tensors import Role, TensorSpec
from mobile_robust.data.class_names import class_names
from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.data.images import Photo
from mobile_robust.errors import InputError
from mobile_robust.files import sha256, state_hash
from mobile_robust.layers.constant import fold_constants
from mobile_robust.layers.deploy import deployed
from mobile_robust.methods.adapter import Adapter, Component, select_component
from mobile_robust.methods.pipeline import Pipeline
from mobile_robust.methods.registry import method_of, options_of
from mobile_robust.methods.site import Site, create_backbone
from mobile_robust.state_dicts import apply_state, below_prefix, read_state
from mobile_robust.training_record import TrainingRecord


@dataclass(frozen=True)
class Model:
    """A recipe in both forms, in eval mode and float32."""

    recipe: Recipe
    adapter: Adapter  # training form
    pipeline: Pipeline | None  # image to logits in training form; None where the recipe has no backbone
    reference: nn.Module  # what the artifacts must equal: the pipeline, or the component that the recipe names
    deploy: nn.Module  # the same function without batch norms; this is what gets converted
    provenance: Provenance  # where the weights come from; that of the images is filled in by the converter
    trained: TrainingRecord | None  # on what; None: not at all, or not known
    inputs: tuple[TensorSpec, ...]  # what the reference takes, in order
    output: TensorSpec
    classes: tuple[str, ...]  # names, in the order of the output; (): not known
    components: Callable[[], Mapping[str, Component]]  # the adapter's, see Adapter.components
    _example: Callable[[Tensor], tuple[Tensor, ...]]

    @property
    def where(self) -> str:
        """Where the adapter edits, as text."""
        return _where(self.pipeline)

    @property
    def tensors(self) -> dict[str, TensorSpec]:
        """Inputs and output by name."""
        return {spec.name: spec for spec in (*self.inputs, self.output)}

    def example(self, photo: Photo) -> dict[str, Tensor]:
        """The reference's inputs for one photo (uint8, H x W x 3) by name: batch 1, channels first."""
        image = torch.from_numpy(ImageSpec.of(self.recipe.input).array([photo]))
        with torch.no_grad():
            return {spec.name: x for spec, x in zip(self.inputs, self._example(image), strict=True)}


def build_pipeline(recipe: Recipe) -> Pipeline:
    """The training form of a recipe from image to logits, with the weights that it names, in eval mode; raises
    InputError where it has no backbone, and as :func:`build_model` does."""
    if recipe.backbone is None:
        raise InputError(f"recipe {recipe.name}: method {recipe.method} needs a [backbone]")
    model = build_model(recipe.model_copy(update={"scope": "pipeline", "component": None}))
    assert model.pipeline is not None
    return model.pipeline


def build_model(recipe: Recipe) -> Model:
    """Builds both forms with the weights that the recipe names.

    Raises:
        InputError: Unknown method, backbone, layer or option; weights that do not fit; features the method cannot take.
    """
    options_of(recipe)  # a wrong option shows before the backbone is loaded
    site, image = _site(recipe, download=True), input_of(recipe)
    if recipe.scope == "pipeline":
        site.check_scores()
    backbone_text, backbone_hash, tensors_hash = _load_backbone(site)
    classes = _class_names(site)
    adapter, pipeline = _initial(site)
    weights_text, weights_hash = _load_adapter(recipe, adapter, pipeline)
    trained = TrainingRecord.read(Path(recipe.weights.file)) if recipe.weights.file else None
    label = None if weights_hash or not adapter.state_dict() else "module untrained: initial weights"
    if trained and not trained.fits(tensors_hash):
        label = "module trained for other backbone weights"
    if recipe.backbone and not backbone_hash:
        label = "untrained: latency only"
    provenance = Provenance(
        weights=weights_text,
        weights_sha256=weights_hash,
        backbone=backbone_text,
        input=image.origin,
        backbone_sha256=backbone_hash,
        backbone_tensors_sha256=tensors_hash,
        calibration="none",
        parity_images="none",
        warnings=image.warnings,
        label=label,
    )
    return _model(site, adapter, pipeline, provenance, trained, classes)


def rebuild(folder: Path, manifest: Manifest) -> Model:
    """The model a folder was built from, with the weights stored in it; nothing outside the folder is read. Raises
    InputError where they do not fit the stored recipe."""
    recipe = manifest.recipe
    initial = recipe.model_copy(update={"weights": WeightsSection(seed=recipe.weights.seed)})
    site = _site(initial, download=False)
    adapter, pipeline = _initial(site)
    stored = _reference(site, adapter, pipeline).network  # shares its tensors with all that is made of the site
    path = folder / manifest.weights.file
    apply_state(stored, read_state(path), path, f"recipe {recipe.name}")
    adapter.check_state()
    return _model(Site(recipe, site.network), adapter, pipeline, manifest.provenance, TrainingRecord.read(path))


def load_built(folder: Path, manifest: Manifest) -> Pipeline:
    """The training form of a built pipeline with the weights stored beside its artifacts, in eval mode."""
    pipeline = rebuild(folder, manifest).pipeline
    assert pipeline is not None
    return pipeline


def _site(recipe: Recipe, download: bool) -> Site:
    return Site(recipe, create_backbone(recipe.backbone, download) if recipe.backbone else None)


def _initial(site: Site) -> tuple[Adapter, Pipeline | None]:
    """The adapter with initial weights, and the pipeline around it where the recipe has a backbone."""
    method = method_of(site.recipe)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(site.recipe.weights.seed)
        adapter: Adapter = method.build.load()(site, options_of(site.recipe))
        perturb_zero_init(adapter)
    adapter.eval().requires_grad_(False)
    pipeline = None if site.network is None else method.pipeline.load()(site, adapter).eval().requires_grad_(False)
    return adapter, pipeline


def _model(
    site: Site,
    adapter: Adapter,
    pipeline: Pipeline | None,
    provenance: Provenance,
    trained: TrainingRecord | None,
    classes: tuple[str, ...] = (),
) -> Model:
    made = _reference(site, adapter, pipeline)
    whole = pipeline if made.network is pipeline else None
    deploy: nn.Module = whole.deployed() if whole else deployed(made.network)
    if whole and not whole.needs_clean:  # else what is deployed may not run
        deploy = fold_constants(deploy, (torch.zeros(1, 3, *site.recipe.input.height_width),))
    return Model(
        site.recipe,
        adapter,
        pipeline,
        made.network,
        deploy.eval().requires_grad_(False),
        provenance,
        trained,
        made.inputs,
        made.output,
        classes,
        partial(adapter.components, site),
        made.example,
    )


def _reference(site: Site, adapter: Adapter, pipeline: Pipeline | None) -> Component:
    """What a recipe's artifacts must equal: the pipeline, or a component."""
    if site.recipe.scope == "module":
        return select_component(adapter, site, site.recipe.component)
    assert pipeline is not None
    text = f"class scores of {site.section.name} before softmax, in the order of its training classes"
    return Component(pipeline, (site.image_spec(),), TensorSpec("logits", Role.LOGITS, text))


def _class_names(site: Site) -> tuple[str, ...]:
    """Of a pipeline's classes; raises InputError where there are more or fewer of them."""
    recipe, section = site.recipe, site.recipe.backbone
    if recipe.scope != "pipeline" or section is None or section.classes is None:
        return ()
    names, count = class_names(section.classes), site.try_image(site.backbone).shape[1]
    if len(names) != count:
        raise InputError(
            f"recipe {recipe.name}: {section.classes} has {len(names)} class names, {section.name} {count}"
        )
    return names


def _where(pipeline: Pipeline | None) -> str:
    return pipeline.where if pipeline else "in front of any network"


def _load_backbone(site: Site) -> tuple[str, str | None, str | None]:
    """Where the backbone's weights are from, as text, and their hash (None: random) and that of the tensors, whatever
    file they are in (None: random, or not all of them); those of a file are loaded, random ones settled.

    A component by itself may need only some layers of the backbone, so for it the file may hold no more.
    """
    recipe, section = site.recipe, site.recipe.backbone
    if section is None:
        return "none", None, None
    if section.weights is None:
        site.settle_backbone()
        return f"{section.name}: random, seed {section.seed}", None, None
    if section.weights.startswith("timm:"):
        state = site.backbone.state_dict()
        return f"timm {section.weights.removeprefix('timm:')}", state_hash(state), _tensors_hash(site.backbone, state)
    path = Path(section.weights)
    state = read_state(path)
    tensors_hash = _tensors_hash(site.backbone, state)
    required, origin = method_of(recipe).required, path.name
    if recipe.scope == "pipeline":
        origin = apply_state(site.backbone, state, path, f"backbone {section.name}")
    elif required is not None:
        layers, text = required.load()(site)
        known, wanted = site.backbone.state_dict(), layers.state_dict()
        prefix, state = below_prefix(state, list(wanted))
        needed = {name: tensor for name, tensor in state.items() if name in wanted or name not in known}
        origin = apply_state(layers, needed, path, text) + (f", its tensors below {prefix}" if prefix else "")
    return f"{section.name} from {origin}", sha256(path), tensors_hash


def _tensors_hash(network: nn.Module, state: Mapping[str, Tensor]) -> str | None:
    """Hash of a network's tensors in a state, however that calls and stores them, rounded to half precision; None where
    some are not in it."""
    own = {name: x for name, x in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    _, found = below_prefix(dict(state), list(own))
    if any(name not in found or found[name].shape != x.shape for name, x in own.items()):
        return None  # shapes: a few bytes of a file can claim any size
    return state_hash({name: found[name].to(torch.float16) for name in own})


def _load_adapter(recipe: Recipe, adapter: Adapter, pipeline: Pipeline | None) -> tuple[str, str | None]:
    """Where the adapter's weights are from, as text, and their hash (None: initial, or there are none)."""
    weights = recipe.weights
    if weights.file is None:
        return (f"initial weights, seed {weights.seed}" if adapter.state_dict() else "none"), None
    path = Path(weights.file)
    origin = apply_state(adapter, read_state(path), path, f"method {recipe.method} {_where(pipeline)}")
    adapter.check_state()
    return origin, sha256(path)
