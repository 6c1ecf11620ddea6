"""How long an evaluation takes is judged by one photo, before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import Photo
from mobile_robust.evaluation import estimate
from mobile_robust.evaluation.estimate import expected_seconds
from mobile_robust.evaluation.measure import EvaluationBatch, Evaluator
from mobile_robust.evaluation.predictors import Predict
from mobile_robust.evaluation.settings import CLEAN, CorruptionSetting
from tests.evaluation.fakes import bright, flat_photos, model

JPEG = [CorruptionSetting("jpeg", quality) for quality in (25, 15, 7)]


class Clock:
    """Goes on where a model takes time: ten milliseconds a photo."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def open(self) -> Predict:
        self.now += 5  # opening a model does not count

        def predict(photos: Sequence[Photo]) -> np.ndarray:
            self.now += 0.01 * len(photos)
            return bright()(photos)

        return predict


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setattr(estimate, "LEAST_PREDICTIONS", 64)
    monkeypatch.setattr(estimate, "_ENOUGH", 100)
    monkeypatch.setattr(estimate, "perf_counter", made := Clock())
    return made


def batches(photos: int) -> list[EvaluationBatch]:
    """Photos clean, and at three levels, four at a time, by two models."""
    work = (((CLEAN, (0, 1)),), tuple((setting, (0, 1)) for setting in JPEG))
    return [EvaluationBatch((32, 32), start, start + 4, group) for start in range(0, photos, 4) for group in work]


def evaluator(photos: PhotoDataset, clock: Clock) -> Evaluator:
    return Evaluator([model("a", clock.open), model("b", clock.open)], photos, 0)


def test_levels_photos_and_models_count_and_processes_share(tmp_path: Path, clock: Clock) -> None:
    photos, seconds = flat_photos(tmp_path, 8), 0.01 * 2 * 4 * 8  # two models, four settings, eight photos
    for processes in (1, 2):
        about = expected_seconds(evaluator(photos, clock), batches(8), processes)
        assert about == pytest.approx(seconds / processes)


def test_what_takes_long_is_judged_by_its_first_batches(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "_ENOUGH", 1)
    before = clock.now
    assert expected_seconds(evaluator(flat_photos(tmp_path, 8), clock), batches(8), 1) == pytest.approx(0.64)
    assert clock.now - before == pytest.approx(2 * 5 + 4 * 0.01), "opened, and the first batch twice"


def test_the_photos_of_the_batch_are_all_read_afterwards(tmp_path: Path, clock: Clock) -> None:
    own = evaluator(flat_photos(tmp_path, 8), clock)
    expected_seconds(own, batches(8), 1)
    assert set(own(batches(8)[0]).ranks.values()) == {"0000"}


def test_little_work_and_broken_photos_have_no_estimate(tmp_path: Path, clock: Clock) -> None:
    photos = flat_photos(tmp_path, 8)
    assert expected_seconds(evaluator(photos, clock), batches(4), 1) is None
    photos.paths[0].write_text("broken")
    assert expected_seconds(evaluator(photos, clock), batches(8), 1) is None
