"""One training from a recipe and photos to the files: weights, log, plot and card."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from pydantic import BaseModel, Field
from rich.console import Console
from safetensors.torch import save

from mobile_robust.backbones.trained_image import with_input
from mobile_robust.contracts.recipe import Recipe, WeightsSection
from mobile_robust.corruptions import SMALL_SIDE, select
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.data.storage import PhotoPath
from mobile_robust.documents import DocumentError, lines, parse_model
from mobile_robust.errors import InputError, first_line
from mobile_robust.files import output_lock, sha256, write_output
from mobile_robust.methods.method import Options
from mobile_robust.methods.registry import method_of
from mobile_robust.methods.task import Task
from mobile_robust.options import wrong_length
from mobile_robust.pipelines import Model, build_model
from mobile_robust.quiet import quiet
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.progress import work_bar
from mobile_robust.reporting.text import duration_text
from mobile_robust.training.card import WINDOW, card
from mobile_robust.training.checkpoints import Checkpoints
from mobile_robust.training.estimate import expected_seconds
from mobile_robust.training.fake_quant import FakeQuant
from mobile_robust.training.loop import Step, run_steps
from mobile_robust.training.plot import plot
from mobile_robust.training.samples import CropPair
from mobile_robust.training.settings import TrainSettings, training_of
from mobile_robust.training.stream import Batches
from mobile_robust.training.validation import Validation, verdict
from mobile_robust.training_record import TrainingRecord

#: Settings that change what a training gives; its photos, labels and corruptions have keys of their own.
_RESULT_DEPENDS_ON = {"steps", "batch", "rate", "clean_share", "seed", "quantized", "mixed_precision", "validation"}


@dataclass(frozen=True)
class Trained:
    """What a training wrote: the weights, beside them the log (.jsonl), its plot (.png) and the card (.md)."""

    weights: Path
    steps: Sequence[Step]
    seconds: float
    verdict: str  # what the module brings


def train(
    recipe: Recipe,
    photos: PhotoDataset,
    out: str | Path,
    settings: TrainSettings | None = None,
    options: Options | None = None,
    command: Sequence[str] = (),
) -> Trained | None:
    """Trains a recipe's adapter for its backbone. Stopped and called again, it resumes from its last checkpoint.

    Args:
        recipe: Names the method, the backbone and its weights, and a ranking where the method wants one.
        photos: Of any size; without labels, what the baseline predicts for a clean photo counts as right.
        out: The weights to write, ``.safetensors``.
        settings: None: the method's defaults.
        options: The method's own training options; None: its defaults.
        command: The words of the command line, for the card.

    Returns:
        None in all processes of a distributed training but the first.

    Raises:
        InputError: Bad input, or a loss that is no number any more; no weights are written.
    """
    method, out = method_of(recipe), Path(out)
    settings, options = settings or TrainSettings.of(method), options or training_of(method).options()
    if out.suffix != ".safetensors":
        raise InputError(f"--out {out}: the file's name must end with .safetensors")
    if problem := wrong_length(out):
        raise InputError(f"--out {out}: {problem}")
    torch.set_num_threads(settings.threads)
    # find_unused_parameters: of a method with stages, not all parameters learn in each
    several = DistributedDataParallelKwargs(find_unused_parameters=True)
    try:
        accelerator = Accelerator(cpu=settings.cpu, mixed_precision=settings.mixed_precision, kwargs_handlers=[several])
    except ValueError as error:  # another precision than this process trained with before
        raise InputError(f"--mixed-precision {settings.mixed_precision}: {first_line(error)}") from None
    with output_lock(out) if accelerator.is_main_process else nullcontext():
        return _train(recipe, photos, out, settings, options, command, accelerator)


def _train(
    recipe: Recipe,
    photos: PhotoDataset,
    out: Path,
    settings: TrainSettings,
    options: Options,
    command: Sequence[str],
    accelerator: Accelerator,
) -> Trained | None:
    if recipe.backbone is None:
        raise InputError(f"recipe {recipe.name} has no [backbone]: a module is trained for one; name a recipe that has")
    method = method_of(recipe)
    training = training_of(method)
    main, processes = accelerator.is_main_process, accelerator.num_processes
    console = make_console(stderr=True, quiet=not main)
    if photos.left_out:
        console.print(photos.left_out, style="yellow", soft_wrap=True)
    backbone, recipe = recipe.backbone.name, with_input(recipe)
    size = recipe.input.height_width
    corruptions = select(settings.corruptions, small=size[0] <= SMALL_SIDE)
    degradations = [(entry.name, level) for entry, levels in corruptions.items() for level in levels]
    if settings.batch % processes:
        raise InputError(f"--batch {settings.batch}: must be a multiple of {processes}, as many crops for each process")
    crop = (settings.crop, settings.crop) if settings.crop else training.crop(size)
    if any(side > whole for side, whole in zip(crop, size, strict=True)):
        raise InputError(f"--crop {settings.crop}: the recipe's photos have {recipe.input.size_text()}")

    model = initial_model(recipe, settings.seed)
    if model.provenance.backbone_sha256 is None:
        said = f"warning: {backbone} has random weights, so what its module learns is of no use; name its weights with "
        console.print(f"{said}--backbone-weights FILE, or in the recipe", style="yellow", soft_wrap=True)
    if photos.labels is not None and model.pipeline is not None:
        with torch.no_grad():
            classes = model.pipeline.baseline(torch.zeros(1, 3, *size)).shape[1]
        photos.check_classes(classes, backbone)
    if crop != size and not _takes(model, crop):
        if settings.crop:
            raise InputError(f"--crop {settings.crop}: {backbone} takes photos of {recipe.input.size_text()} only")
        crop = size
        console.print(f"crops of {recipe.input.size_text()}: {backbone} takes no smaller ones", soft_wrap=True)
    learned, kept = photos.set_aside(settings.validation, settings.seed)
    task = make_task(model, crop, options, settings.steps)
    sampler, share = CropPair(crop, degradations, settings.clean_share), (accelerator.process_index, processes)
    batches = Batches(learned, sampler, round(min(size) * 256 / 224), crop, settings.batch, settings.seed, share)
    if settings.start:
        task.load(settings.start, f"method {recipe.method} {model.where}")
    if settings.quantized:
        first = batches[0]
        if first.failure:
            raise InputError(first.failure)
        quantize(task, recipe.quantization.float_layers, first.tensors[0])
    ranking = recipe.weights.ranking
    checkpoints = Checkpoints(
        out,
        {
            "recipe": recipe.model_dump(mode="json", exclude={"weights"}),
            "options": options.model_dump(mode="json"),
            "ranking": ranking and Path(ranking).read_text(encoding="utf-8"),
            "backbone": model.provenance.backbone_sha256,
            "photos": [[name, size] for name, size, _ in photos.identity()],
            "labels": photos.labels,
            "start": settings.start and sha256(settings.start),
            "degradations": degradations,
            "crop": crop,
            "settings": settings.model_dump(include=_RESULT_DEPENDS_ON),
        },
        lambda line: console.print(line),
    )
    log = out.with_suffix(".jsonl")
    if main:
        _append(log, "")  # fails early where the output cannot be written
    validation = None
    if main:
        task.to(accelerator.device)
        if kept:
            validation = Validation(kept.readable(), size, degradations, settings.seed, task)
            if settings.start:
                validation.check(0)
        if (seconds := expected_seconds(task, batches, settings, validation)) is not None:
            said = f"{settings.steps} steps of {settings.batch} crops of {crop[0]}x{crop[1]}: about "
            console.print(f"{said}{duration_text(seconds)} in all, where nothing else runs", soft_wrap=True)
    running = run_steps(task, batches, settings, checkpoints, accelerator, validation)
    steps = _watch(running, settings.steps, log, console)
    if not main:
        return None
    weights = _best(task, validation, settings.steps)
    said = verdict(validation, settings.steps, len(learned))
    start = TrainingRecord.read(settings.start) if settings.start else None
    record = TrainingRecord.of(photos, model.provenance.backbone_tensors_sha256, start)
    write_output(out, save(weights, record.metadata()))
    write_output(out.with_suffix(".png"), plot(steps, f"{out.stem}: {recipe.name}, {len(steps)} steps", validation))
    about = card(
        out, model, settings, options, photos, crop, corruptions, steps, task.stages, accelerator, command, said
    )
    write_output(out.with_suffix(".md"), about)
    checkpoints.remove()
    return Trained(out, steps, sum(step.seconds for step in steps), said)


def _best(task: Task, validation: Validation | None, steps: int) -> dict[str, torch.Tensor]:
    """The weights that ship: those of the end, or where validation photos did better before, those."""
    weights: dict[str, torch.Tensor] = task.result()
    if validation is None or validation.check(steps) is validation.best:
        return weights
    task.load_checkpoint_state(validation.best_state)
    return task.result()


def initial_model(recipe: Recipe, seed: int) -> Model:
    """A recipe's model with an adapter at its initial weights, drawn with ``seed``."""
    weights = WeightsSection(seed=seed, ranking=recipe.weights.ranking)
    return build_model(recipe.model_copy(update={"weights": weights, "component": None, "scope": "pipeline"}))


def _takes(model: Model, crop: tuple[int, int]) -> bool:
    """Whether the pipeline computes on crops of this size: positions of transformers often have one size only."""
    assert model.pipeline is not None
    photo = torch.zeros(1, 6 if model.pipeline.needs_clean else 3, *crop)
    try:
        with torch.no_grad(), quiet():  # torch.fx prints what fails
            model.pipeline.frozen().on_photos(photo)
    except (RuntimeError, AssertionError, ValueError):  # as backbones find it out: shapes, or a check of timm's
        return False
    return True


def make_task(model: Model, crop: tuple[int, int], options: Options, steps: int) -> Task:
    """A method's task on a model's pipeline."""
    assert model.pipeline is not None
    image = ImageSpec(crop, high=float(model.recipe.input.range))
    task: Task = training_of(method_of(model.recipe)).task.load()(model.pipeline.frozen(), image, options, steps)
    return task


def quantize(task: Task, float_layers: Sequence[str], photos: torch.Tensor) -> None:
    """From now on a trained adapter learns as an int8 file computes it (QAT), with the batch norms that it has.

    ``photos``, uint8 (B, H, W, 3), are what the frozen network's weights are rounded on; ``float_layers``: see the
    recipe."""
    task.fake_quant = fake_quant = FakeQuant(task.pipeline, float_layers, task.images(photos))
    task.student, task.moving_statistics = fake_quant.deployed, 0.0
    task.use_student(fake_quant.pipeline)


def _watch(steps: Iterable[Step], count: int, log: Path, console: Console) -> list[Step]:
    """Runs a training to its end with a progress bar and a log of one JSON line a step; all steps, those before a stop
    included."""
    done: list[Step] = []
    broken: dict[PhotoPath, str] = {}
    with work_bar(console, "training") as update:
        for step in steps:
            if not console.quiet:
                if not done:
                    done = _earlier(log, step.step)
                    if lost := step.step - 1 - len(done):
                        stop = f"{lost} of the {step.step - 1} steps before the stop"
                        said = f"{log}: {stop} cannot be read: log, plot and card lack them"
                        console.print(said, style="yellow", soft_wrap=True)
                    write_output(log, "".join(map(_line, done)))
                _append(log, _line(step))
            done.append(step)
            broken |= dict(step.broken)
            loss = np.mean([s.losses["loss"] for s in done[-WINDOW:]])
            if step.measured and not console.quiet:
                console.print(f"step {step.step}: {step.measured.text}", soft_wrap=True)
            update(f"loss {loss:.4f}  rate {step.rate:.1e}", step.step, count)
    if broken:
        named = "; ".join(f"{path}: {reason}" for path, reason in list(broken.items())[:3])
        said = f"left out {len(broken)} broken images: {named}"
        console.print(said, style="yellow", soft_wrap=True)
    return done


class _LogLine(BaseModel, extra="allow"):
    """A step in the log; what else there is are its losses."""

    __pydantic_extra__: dict[str, float]
    step: int = Field(ge=1)
    rate: float
    seconds: float


def _line(step: Step) -> str:
    return json.dumps({"step": step.step, "rate": step.rate, "seconds": round(step.seconds, 3), **step.losses}) + "\n"


def _earlier(log: Path, step: int) -> list[Step]:
    """The steps of a log before ``step``, those that a stopped run took; lines that cannot be read are left out."""
    found: dict[int, Step] = {}
    with log.open("rb") as file:
        for _, text in lines(log, file):
            with suppress(DocumentError):
                line = parse_model(_LogLine, text)
                if line.step < step and "loss" in (losses := line.model_extra or {}):
                    found[line.step] = Step(line.step, line.rate, line.seconds, losses)
    return [found[number] for number in sorted(found)]


def _append(path: Path, text: str) -> None:
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise OSError(errno.EINVAL, "not a regular file")
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
