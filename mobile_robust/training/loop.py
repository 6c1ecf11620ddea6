"""The training loop, the same for every method: Accelerate runs it on CPU, one GPU or many."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic

import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader

from mobile_robust.data.storage import PhotoPath
from mobile_robust.errors import InputError
from mobile_robust.layers.joined_batch import join_batch_norms
from mobile_robust.methods.task import Task
from mobile_robust.training.checkpoints import Checkpoints
from mobile_robust.training.memory import keep_freed_memory
from mobile_robust.training.settings import TrainSettings
from mobile_robust.training.stream import Batches
from mobile_robust.training.validation import Accuracy, Validation

WARM_UP_STEPS = 20
#: How often the validation photos tell what the module brings, the end included.
CHECKS = 8


@dataclass(frozen=True)
class Step:
    """What one step reports."""

    step: int  # from 1
    rate: float
    seconds: float
    losses: dict[str, float]  # "loss", which is minimized, and the method's other figures
    broken: list[tuple[PhotoPath, str]] = field(default_factory=list)
    measured: Accuracy | None = None  # on the validation photos, where that was its turn


def run_steps(
    task: Task,
    batches: Batches,
    settings: TrainSettings,
    checkpoints: Checkpoints,
    accelerator: Accelerator,
    validation: Validation | None,
) -> Iterator[Step]:
    """Trains the task's module in place, one step an iteration, from the last checkpoint on; in eval mode afterwards.
    Measures a few times before the end what it brings. Raises InputError where the loss is no finite number any more,
    or no photo can be read."""
    keep_freed_memory()
    groups = [{"params": parameters} for parameters, _ in task.param_groups()]
    join_batch_norms(task)
    model, optimizer = accelerator.prepare(task, torch.optim.Adam(groups, lr=settings.rate))
    first = checkpoints.load(task, optimizer, accelerator, validation)
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=range(first, settings.steps),
        num_workers=settings.readers,
        prefetch_factor=2 if settings.readers else None,
    )
    started = monotonic()
    for step, batch in zip(range(first, settings.steps), loader, strict=True):
        if batch.failure:
            raise InputError(batch.failure)
        torch.manual_seed(settings.seed + step)  # a resumed run draws what it would have drawn
        rate = settings.rate * rate_factor(*_in_stage(step, settings.steps, task.stages))
        task.on_step_start(step / settings.steps)
        for group, (_, share) in zip(optimizer.param_groups, task.param_groups(), strict=True):
            group["lr"] = rate * share
        losses = model(*(tensor.to(accelerator.device) for tensor in batch.tensors))
        # the mean over all processes, so that all of them stop where one loss is no number
        means = {name: accelerator.reduce(value.detach(), "mean").item() for name, value in losses.items()}
        if not math.isfinite(means["loss"]):
            raise InputError(
                f"the loss is {means['loss']} at step {step + 1}: training stopped, no weights were written; "
                f"{checkpoints.last_text()}; try a lower --rate than {settings.rate:g}"
            )
        if losses["loss"].requires_grad:  # some steps learn in closed form
            optimizer.zero_grad()
            accelerator.backward(losses["loss"])
            optimizer.step()
        task.on_step_end()
        measured = validation.check(step + 1) if validation and _is_checked(step + 1, settings.steps) else None
        yield Step(step + 1, rate, monotonic() - started, means, batch.broken, measured)
        started = monotonic()
        if (step + 1) % settings.checkpoint_every == 0 and step + 1 < settings.steps and accelerator.is_main_process:
            checkpoints.save(step + 1, task, optimizer, accelerator, validation)
    task.module.requires_grad_(False).eval()


def _is_checked(step: int, steps: int) -> bool:
    """Whether a step is one of the CHECKS that are evenly spread, without the last step."""
    return step < steps and step * CHECKS // steps > (step - 1) * CHECKS // steps


def _in_stage(step: int, steps: int, stages: Sequence[float]) -> tuple[int, int]:
    """A step's number in its stage, from 0, and how many steps that has."""
    first = max(begin for share in stages if (begin := round(share * steps)) <= step)
    end = min((begin for share in stages if (begin := round(share * steps)) > step), default=steps)
    return step - first, end - first


def rate_factor(step: int, steps: int) -> float:
    """Share of the highest rate: a short linear warm-up and a half cosine down to 0."""
    return min(1.0, (step + 1) / WARM_UP_STEPS) * (1 + math.cos(math.pi * step / steps)) / 2
