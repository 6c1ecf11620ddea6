"""What every method must do, a new one without a change here: its recipe is :data:`RECIPE` with its default options or,
where these do not fit, ``tests/methods/NAME/recipe.toml``, whose last table is [options]."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mobile_robust.contracts.recipe import Recipe
from mobile_robust.contracts.tensors import Role
from mobile_robust.corruptions import registry as corruptions
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.errors import InputError
from mobile_robust.export.build import convert
from mobile_robust.export.override import override
from mobile_robust.layers.deploy import deployed
from mobile_robust.methods.method import LazyImport, Method, Options, Published, Training
from mobile_robust.methods.registry import methods, options_of
from mobile_robust.methods.site import Site, create_backbone
from mobile_robust.parity.verify import verify
from mobile_robust.pipelines import Model, build_model, rebuild
from mobile_robust.recipes import load_recipe
from mobile_robust.training.checkpoints import Checkpoints
from mobile_robust.training.run import initial_model, make_task, train
from mobile_robust.training.settings import TrainSettings, training_of
from tests.randomize import randomize, relative_error
from tests.recipes import RESNET, SMALL

#: The small pipeline of all tests, ready for a method's options as its last table.
RECIPE = SMALL.replace("options = {{ {options} }}\n", "") + "\n[options]\n"
CLASSES, SIDE = 10, 64
PHOTO = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
STEPS = 4

#: Operations that the GPU or the NPU of some phone does not have.
NOT_ON_PHONES = {"batch_norm", "gather", "grid_sampler", "index", "index_add", "index_put", "index_select", "scatter"}

EACH = pytest.mark.parametrize("name", methods())
TRAINED = pytest.mark.parametrize("name", [name for name, method in methods().items() if method.training])


def variants(method: Method) -> tuple[str | None, ...]:
    """The variants of a method; (None,) where it has none."""
    field = method.options.model_fields.get("variant")
    return get_args(field.annotation) if field else (None,)


def with_variant(recipe: Recipe, variant: str | None) -> Recipe:
    """The recipe with another variant, without its other options where they do not go with that."""
    if variant is None:
        return recipe
    changed = recipe.with_options(variant=variant)
    try:
        options_of(changed)
    except InputError:
        return recipe.model_copy(update={"options": {"variant": variant}})
    return changed


def recipe_path(name: str, folder: Path) -> Path:
    """A method's small recipe; ``folder`` takes the file where the method has none of its own."""
    own, path = Path(__file__).parent / name / "recipe.toml", folder / f"{name}.toml"
    if own.is_file():
        return own
    path.write_text(RECIPE.format(method=name, scope="pipeline", backbone=RESNET))
    return path


def recipe_of(name: str, folder: Path) -> Recipe:
    return load_recipe(str(recipe_path(name, folder)))


def models(recipe: Recipe) -> Iterator[tuple[str, Model]]:
    """The pipeline and every component, each built anew."""
    pipeline = build_model(recipe)
    yield "pipeline", pipeline
    assert recipe.backbone is not None
    for name in pipeline.adapter.components(Site(recipe, create_backbone(recipe.backbone))):
        yield name, build_model(recipe.model_copy(update={"scope": "module", "component": name}))


def deploy_form(model: Model) -> nn.Module:
    return model.pipeline.deployed() if model.reference is model.pipeline else deployed(model.reference)


# Declaration


def test_the_registry_is_read_without_pytorch() -> None:
    code = "import sys; from mobile_robust.methods.registry import methods; methods(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@EACH
def test_references_lead_to_something_callable(name: str) -> None:
    method = methods()[name]
    assert import_module(f"mobile_robust.methods.{name}.method").METHOD is method, "the folder has another name"
    parts: list[Any] = [method, *method.commands.values(), *filter(None, [method.training])]
    references = [value for part in parts for value in vars(part).values() if isinstance(value, LazyImport)]
    assert len(references) >= 2
    assert all(callable(reference.load()) for reference in references)


@EACH
def test_an_unknown_option_is_refused_with_file_line_and_key(name: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text := f"{recipe_path(name, tmp_path).read_text()}no_such_option = 1\n")
    with pytest.raises(InputError) as error:
        load_recipe(str(path))
    where = f"{path}, line {len(text.splitlines())}: unknown option of method {name} 'no_such_option'; known: "
    assert str(error.value).startswith(where)
    assert all(field in str(error.value) for field in methods()[name].options.model_fields)


@pytest.mark.parametrize(
    ("name", "field"), [(name, field) for name, method in methods().items() for field in method.options.model_fields]
)
def test_a_wrong_value_is_refused_with_file_line_and_key(name: str, field: str, tmp_path: Path) -> None:
    lines = [line for line in recipe_path(name, tmp_path).read_text().splitlines() if not line.startswith(f"{field} =")]
    path = tmp_path / "wrong.toml"
    path.write_text("\n".join([*lines, f"{field} = {{ wrong = 1 }}", ""]))
    with pytest.raises(InputError) as error:
        load_recipe(str(path))
    assert str(error.value).startswith(f"{path}, line {len(lines) + 1}: options.{field}: ")
    assert "got {'wrong': 1}" in str(error.value)


@EACH
def test_the_variants_of_the_options_are_those_of_the_network(name: str) -> None:
    network = import_module(f"mobile_robust.methods.{name}.network")
    assert set(getattr(network, "VARIANTS", {None: None})) == set(variants(methods()[name]))


@EACH
def test_every_option_has_a_default_and_a_description(name: str) -> None:
    method = methods()[name]
    for model in (method.options, *([method.training.options] if method.training else [])):
        assert not [key for key, field in model.model_fields.items() if field.is_required() or not field.description]


@pytest.mark.parametrize(
    "figures",
    [
        pytest.param(figures, id=f"{method.name}-{index}-{figures.corruption}")
        for method in methods().values()
        for index, figures in enumerate(method.published)
    ],
)
def test_published_figures_are_of_corruptions_that_exist(figures: Published) -> None:
    for level in figures.levels:
        corruptions.find(figures.corruption).check(level)
    assert {len(figures.direct), len(figures.repaired)} <= {1, len(figures.levels)}
    assert figures.at(figures.levels) is not None
    assert all(0 <= top1 <= 100 for top1 in (figures.clean, *figures.direct, *figures.repaired))


@pytest.mark.parametrize("name", [name for name, method in methods().items() if method.ablations])
def test_every_row_of_the_ablation_can_be_built_and_trained(name: str, tmp_path: Path) -> None:
    method, recipe = methods()[name], recipe_of(name, tmp_path)
    assert method.ablations is not None
    rows = method.ablations(recipe, tmp_path, 0)
    assert len({row.name for row in rows}) == len(rows) > 1
    described = [(row.recipe.model_dump_json(), tuple(row.train.items())) for row in rows]
    assert len(set(described)) == len(rows), "two rows are the same"
    common = TrainSettings.model_fields
    for row in rows:
        options_of(row.recipe)
        training_of(method).options(**{key: value for key, value in row.train.items() if key not in common})
        TrainSettings.of(method, **{key: value for key, value in row.train.items() if key in common})
        initial_model(row.recipe, 0)


# Both forms


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "variant"), [(name, it) for name, method in methods().items() for it in variants(method)]
)
@torch.no_grad()
def test_both_forms_are_equal_and_the_deploy_form_is_plain(name: str, variant: str | None, tmp_path: Path) -> None:
    for component, model in models(with_variant(recipe_of(name, tmp_path), variant)):
        randomize(model.reference)
        inputs = tuple(model.example(PHOTO).values())
        expected, deploy = model.reference(*inputs), deploy_form(model)
        assert relative_error(expected, deploy(*inputs)) < 1e-5, component
        norms = [path for path, m in deploy.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        assert norms == [], component
        graph = torch.export.export(deploy, inputs).graph
        called = {node.target.overloadpacket.__name__ for node in graph.nodes if node.op == "call_function"}
        assert not called & NOT_ON_PHONES, component
        assert not any(m.training for m in deploy.modules()), component
        assert torch.equal(model.reference(*inputs), expected), f"{component}: the training form has changed"


@EACH
def test_initial_weights_follow_from_the_seed_alone(name: str, tmp_path: Path) -> None:
    recipe, state = recipe_of(name, tmp_path), torch.random.get_rng_state()
    first, again = (build_model(recipe).adapter.state_dict() for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert first.keys() == again.keys() and all(torch.equal(x, again[key]) for key, x in first.items())


@EACH
@torch.no_grad()
def test_the_adapter_has_an_effect_and_the_baseline_does_not_see_it(name: str, tmp_path: Path) -> None:
    pipeline = build_model(recipe_of(name, tmp_path)).pipeline
    assert pipeline is not None
    image = torch.from_numpy(PHOTO).permute(2, 0, 1)[None].float()
    before = pipeline.baseline(image)
    state = {key: x.clone() for key, x in pipeline.backbone_state().items()}
    randomize(pipeline.module)
    assert torch.equal(pipeline.baseline(image), before)
    assert all(torch.equal(x, state[key]) for key, x in pipeline.backbone_state().items())
    if pipeline.module.state_dict():
        assert not torch.allclose(pipeline(image), before)


@EACH
def test_no_deploy_form_in_training_mode(name: str, tmp_path: Path) -> None:
    model = build_model(recipe_of(name, tmp_path))
    model.adapter.train()
    assert model.pipeline is not None
    for deploy in (model.adapter.deployed, model.pipeline.deployed):
        with pytest.raises(RuntimeError, match="in training mode"):
            deploy()


@EACH
@torch.no_grad()
def test_inputs_and_outputs_are_as_described(name: str, tmp_path: Path) -> None:
    for component, model in models(recipe_of(name, tmp_path)):
        randomize(model.reference)
        tensors = model.example(PHOTO)
        assert list(tensors) == [spec.name for spec in model.inputs] and len(model.tensors) == len(tensors) + 1
        assert any(spec.role is Role.IMAGE or spec.role is Role.FEATURES for spec in model.inputs), component
        output = model.reference(*tensors.values())
        assert isinstance(output, Tensor), component
        for spec, x in [*zip(model.inputs, tensors.values(), strict=True), (model.output, output)]:
            shapes = {
                Role.IMAGE: (1, 3, SIDE, SIDE),
                Role.FEATURES: (1, *x.shape[1:]) if x.dim() == 4 else None,
                Role.PARAMETERS: (1, *x.shape[1:]),
                Role.LOGITS: (1, CLASSES),
            }
            assert tuple(x.shape) == shapes[spec.role], (component, spec)
            assert x.dtype == torch.float32 and spec.description, (component, spec)
            if spec.value_range:
                low, high = spec.value_range
                assert low <= float(x.min()) <= float(x.max()) <= high, (component, spec)
        repaired = model.output.repairs
        assert all(spec.repairs is None for spec in model.inputs)
        if repaired is not None:
            assert tensors[repaired].shape == output.shape, component
            (source,) = (spec for spec in model.inputs if spec.name == repaired)
            assert source.role is model.output.role, component
        assert (model.output.role is Role.LOGITS) == (component == "pipeline")


@pytest.mark.slow
@EACH
@torch.no_grad()
def test_a_pipeline_converts_and_verifies_and_its_folder_holds_all_of_it(name: str, tmp_path: Path) -> None:
    recipe = override(recipe_of(name, tmp_path), targets=["tflite"], precisions=["fp32"])
    if state := randomize(build_model(recipe).adapter).state_dict():  # not what the seed gives
        save_file({key: x.contiguous() for key, x in state.items()}, tmp_path / "w.safetensors")
        weights = recipe.weights.model_copy(update={"file": str(tmp_path / "w.safetensors")})
        recipe = recipe.model_copy(update={"weights": weights})
    build = convert(recipe, tmp_path)
    given, stored = build_model(recipe), rebuild(build.folder, build.manifest)
    inputs = given.example(PHOTO).values()
    assert given.pipeline is not None and stored.pipeline is not None
    assert torch.equal(given.reference(*inputs), stored.reference(*inputs))
    assert torch.equal(given.pipeline.baseline(*inputs), stored.pipeline.baseline(*inputs))
    again = verify(build.folder, ["litert_cpu"])
    for manifest in (build.manifest, again.manifest):
        (artifact,) = manifest.artifacts
        verdicts = {result.runtime: result.verdict for result in artifact.parity}
        assert verdicts["litert_cpu"] == "pass" and "fail" not in verdicts.values()


# Training


@TRAINED
@pytest.mark.parametrize("size", [(64, 64), (224, 224), (1080, 1920)])
def test_crops_fit_into_the_photos(name: str, size: tuple[int, int]) -> None:
    crop = training_of(methods()[name]).crop(size)
    assert all(32 <= side <= whole for side, whole in zip(crop, size, strict=True))


@TRAINED
@torch.no_grad()
def test_a_training_starts_with_a_module_that_changes_nothing(name: str, tmp_path: Path) -> None:
    options = training_of(methods()[name]).options()
    task = make_task(initial_model(recipe_of(name, tmp_path), 0), (SIDE, SIDE), options, STEPS)
    task.on_step_start(0.9)  # batch norms are fixed by then
    image = task.images(torch.from_numpy(PHOTO)[None])
    assert torch.allclose(task.pipeline(image), task.pipeline.baseline(image), atol=1e-4)


class Stopped(Exception):
    """Ends a training."""


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on every training ends at the next checkpoint that it writes."""
    save = Checkpoints.save

    def save_and_stop(self: Checkpoints, *arguments: Any) -> None:
        save(self, *arguments)
        raise Stopped

    return lambda: monkeypatch.setattr(Checkpoints, "save", save_and_stop)


def run(recipe: Recipe, photos: Path, out: Path, options: Options | None = None) -> bytes:
    """The weights after :data:`STEPS` steps, with a checkpoint after each."""
    method = methods()[recipe.method]
    settings = TrainSettings.of(method, steps=STEPS, batch=2, threads=1, readers=0, cpu=True, checkpoint_every=1)
    done = train(recipe, PhotoDataset.from_folder(photos), out, settings, options)
    assert done is not None and len(done.steps) == STEPS
    assert all(np.isfinite(list(step.losses.values())).all() for step in done.steps)
    return out.read_bytes()


@pytest.mark.slow
@TRAINED
def test_training_changes_the_weights_which_load_back_and_stopped_after_every_step_they_are_the_same(
    name: str, photos: Path, tmp_path: Path, stop: Callable[[], None]
) -> None:
    recipe, out, again = recipe_of(name, tmp_path), tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"
    options = training_of(methods()[name]).options()
    initial = make_task(initial_model(recipe, 0), (SIDE, SIDE), options, STEPS).module.state_dict()
    whole = run(recipe, photos, out)
    weights = load_file(out)
    assert all(x.isfinite().all() for x in weights.values())
    learned = {key for key, _ in build_model(recipe).adapter.named_parameters()}
    assert learned <= set(weights)
    assert any(not torch.equal(weights[key], initial[key]) for key in learned if key in initial)
    given = recipe.weights.model_copy(update={"file": str(out)})
    model = build_model(recipe.model_copy(update={"weights": given}))
    loaded = model.adapter.state_dict()
    assert set(loaded) == set(weights) and all(torch.equal(loaded[key], weights[key]) for key in weights)
    with torch.no_grad():
        assert model.reference(*model.example(PHOTO).values()).isfinite().all()
    stop()
    for _ in range(1, STEPS):
        with pytest.raises(Stopped):
            run(recipe, photos, again)
    assert run(recipe, photos, again) == whole


def other_options(training: Training, field: str) -> Options:
    """The default options with another value of one field."""
    default = training.options()
    for value in (*get_args(training.options.model_fields[field].annotation), True, False, 0, 1, 0.5, 2.0, "other"):
        try:
            changed = training.options(**{field: value})
        except ValidationError:
            continue
        if changed != default:
            return changed
    pytest.fail(f"no other value was found that {field} can have")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "field"),
    [
        (name, field)
        for name, method in methods().items()
        if method.training
        for field in method.training.options.model_fields
    ],
)
def test_a_stopped_training_does_not_resume_with_another_option(
    name: str, field: str, photos: Path, tmp_path: Path, stop: Callable[[], None]
) -> None:
    recipe, out = recipe_of(name, tmp_path), tmp_path / "weights.safetensors"
    stop()
    with pytest.raises(Stopped):
        run(recipe, photos, out)
    kept = [path.name for path in Checkpoints(out, {}, print).folder.iterdir()]
    with pytest.raises(InputError, match="holds a stopped training with other photos, weights or settings"):
        run(recipe, photos, out, other_options(training_of(methods()[name]), field))
    assert [path.name for path in Checkpoints(out, {}, print).folder.iterdir()] == kept == ["step-000001.checkpoint"]
