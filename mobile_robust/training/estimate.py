"""About how long a training takes, before its first step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter
from typing import TypeVar

import torch

from mobile_robust.methods.task import Task
from mobile_robust.training.loop import CHECKS
from mobile_robust.training.settings import TrainSettings
from mobile_robust.training.stream import Batches
from mobile_robust.training.validation import Validation

T = TypeVar("T")

#: Of the student, in units of its forward pass: a backward pass takes about two.
_FORWARD_AND_BACKWARD = 3


def expected_seconds(
    task: Task, batches: Batches, settings: TrainSettings, validation: Validation | None
) -> float | None:
    """From one forward pass of teacher and student, and from the time that one batch takes to be read and degraded: on
    a CPU right within a factor of two. The task stays as it is. None where no photo can be read."""
    photos = replace(batches, dataset=batches.dataset.subset(range(len(batches.dataset))))  # notes broken files again
    reading, batch = _timed(lambda: photos[0])
    if batch.failure:
        return None  # the loop says why
    training, device = task.module.training, next(task.pipeline.parameters()).device
    task.module.eval()
    try:
        with torch.no_grad(), task.student() as student:
            image = task.images(batch.tensors[0].to(device))
            seen = torch.cat([image, image], 1) if student.needs_clean else image
            teacher, _ = _timed(lambda: student.baseline(image).cpu())
            forward, _ = _timed(lambda: student.on_photos(seen).cpu())
    finally:
        task.module.train(training)
    seconds = settings.steps * max(reading / max(settings.readers, 1), teacher + _FORWARD_AND_BACKWARD * forward)
    if validation is None:
        return seconds
    crop = validation.clean[0]  # of the full size
    pixels = len(validation) * (1 + len(validation.degraded)) * crop.shape[0] * crop.shape[1]
    return seconds + min(CHECKS, settings.steps) * forward * pixels / image[:, 0].numel()


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds of the second of two calls, and what it gave: the first one makes what is made once."""
    work()
    started = perf_counter()
    result = work()
    return perf_counter() - started, result
