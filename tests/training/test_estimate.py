"""How long a training takes is judged by single passes, before its first step."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mobile_robust.training import estimate
from mobile_robust.training.estimate import expected_seconds
from mobile_robust.training.loop import CHECKS
from mobile_robust.training.samples import CropPair
from mobile_robust.training.settings import TrainSettings
from mobile_robust.training.stream import Batches
from tests.evaluation.fakes import flat_photos

SIZE = (32, 32)
STEPS = 50


class Clock:
    """Goes on where something takes time, and only then."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def network(self, seconds: float, seen: list[torch.Size]) -> Callable[[Tensor], Tensor]:
        """One that takes so long for a batch."""

        def forward(image: Tensor) -> Tensor:
            seen.append(image.shape)
            self.now += seconds
            return torch.zeros(len(image), 2)

        return forward


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(estimate, "perf_counter", made := Clock())
    return made


class FakeTask:
    """A teacher of 10 ms and a student of 20 ms a batch."""

    def __init__(self, clock: Clock, needs_clean: bool = False) -> None:
        self.module, self.seen = nn.BatchNorm2d(3).train(), list[torch.Size]()
        student, teacher = clock.network(0.020, self.seen), clock.network(0.010, self.seen)
        self.pipeline = SimpleNamespace(baseline=teacher, on_photos=student, parameters=self.module.parameters)
        self.pipeline.needs_clean = needs_clean

    def student(self) -> Any:
        return nullcontext(self.pipeline)

    def images(self, photos: Tensor) -> Tensor:
        assert not self.module.training, "statistics must not follow this batch"
        return photos.permute(0, 3, 1, 2).float()


def batches(folder: Path) -> Batches:
    return Batches(flat_photos(folder, 8), CropPair(SIZE, [("jpeg", 10.0)], 0.25), 37, SIZE, 4, 0)


def settings(**changes: Any) -> TrainSettings:
    given = {"corruptions": ("jpeg",), "steps": STEPS, "batch": 4, "rate": 1e-3, "clean_share": 0.25}
    return TrainSettings(**given | changes)


def test_a_step_is_the_teachers_pass_and_three_of_the_student(tmp_path: Path, clock: Clock) -> None:
    task: Any = FakeTask(clock)
    assert expected_seconds(task, batches(tmp_path), settings(), None) == pytest.approx(STEPS * 0.070)
    assert task.module.training and set(task.seen) == {(4, 3, *SIZE)}


def test_checks_of_the_validation_count_by_their_pixels(tmp_path: Path, clock: Clock) -> None:
    """Twelve photos of twice the side, clean and degraded in two ways: 36 crops of four times the pixels."""
    validation: Any = FakeValidation([torch.zeros(64, 64, 3)] * 12, [[], []])
    task: Any = FakeTask(clock)
    for steps, checks in ((STEPS, CHECKS), (2, 2)):
        about = expected_seconds(task, batches(tmp_path), settings(steps=steps), validation)
        assert about == pytest.approx(steps * 0.070 + checks * 36 * 4 * 0.020 / 4)


@dataclass
class FakeValidation:
    clean: list[Tensor]
    degraded: list[list[Tensor]]

    def __len__(self) -> int:
        return len(self.clean)


def test_a_student_that_sees_the_clean_photo_gets_both(tmp_path: Path, clock: Clock) -> None:
    task: Any = FakeTask(clock, needs_clean=True)
    expected_seconds(task, batches(tmp_path), settings(), None)
    assert (4, 6, *SIZE) in task.seen


def test_reading_decides_where_it_takes_longer(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    given, read = batches(tmp_path), Batches.__getitem__

    def slowly(self: Batches, step: int) -> Any:
        clock.now += 0.3
        return read(self, step)

    monkeypatch.setattr(Batches, "__getitem__", slowly)
    task: Any = FakeTask(clock)
    for readers, seconds in ((0, 0.3), (1, 0.3), (3, 0.1), (30, 0.070)):
        assert expected_seconds(task, given, settings(readers=readers), None) == pytest.approx(STEPS * seconds)


def test_broken_photos_are_left_for_the_training_to_name(tmp_path: Path, clock: Clock) -> None:
    given = batches(tmp_path)
    for path in given.dataset.paths[:7]:
        path.write_text("broken")
    task: Any = FakeTask(clock)
    assert expected_seconds(task, given, settings(), None) is not None
    given.dataset.paths[7].write_text("broken")
    assert expected_seconds(task, given, settings(), None) is None
    assert not given.dataset.broken
