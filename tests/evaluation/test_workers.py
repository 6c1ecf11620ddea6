"""Several processes predict what one does, and a death among them is one message."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from mobile_robust.errors import InputError
from mobile_robust.evaluation import workers
from mobile_robust.evaluation.measure import Evaluator, Predictions
from mobile_robust.evaluation.records import Records
from mobile_robust.evaluation.settings import CLEAN, CorruptionSetting
from mobile_robust.evaluation.workers import predict_all
from tests.evaluation.fakes import BASELINE, dying, flat_photos, model, refusing

SETTINGS = [CLEAN, CorruptionSetting("awgn", 60.0), CorruptionSetting("fog", 3)]


@pytest.fixture(autouse=True)
def _forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that start at once: the models here compute nothing that a fork could harm, and tests of the command
    start real ones. Each has a copy of the others' pipes, so that none learns from them that it is no longer needed.
    """
    context = multiprocessing.get_context("fork")
    monkeypatch.setattr(workers.multiprocessing, "get_context", lambda method: context)
    monkeypatch.setattr(workers, "_PATIENCE", 0)


def test_two_processes_predict_as_one(tmp_path: Path) -> None:
    photos, models = flat_photos(tmp_path, 10), [BASELINE, model("other")]
    batches = list(Records(None, photos, 3).missing(models, SETTINGS))
    one, two = (dict(predict_all(Evaluator(models, photos, 3), batches, jobs)) for jobs in (1, 2))
    assert one == two and set(one) == set(batches) and all(isinstance(each, Predictions) for each in one.values())


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_wrong_with_a_model_arrives_as_one_message(tmp_path: Path, jobs: int) -> None:
    photos, models = flat_photos(tmp_path, 8), [model("refusing", refusing)]
    batches = Records(None, photos, 0).missing(models, [CLEAN])
    with pytest.raises(InputError, match=r"^x\.tflite: truncated$"):
        list(predict_all(Evaluator(models, photos, 0), batches, jobs))


def test_a_dead_process_ends_the_run(tmp_path: Path) -> None:
    photos, models = flat_photos(tmp_path, 8), [model("dying", dying)]
    batches = Records(None, photos, 0).missing(models, [CLEAN])
    with pytest.raises(InputError, match="a process of --jobs died.*kept in --out.*fewer --jobs"):
        list(predict_all(Evaluator(models, photos, 0), batches, 2))
