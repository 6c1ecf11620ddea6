"""Scores that were computed by hand from twenty photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.evaluation.mcnemar import McNemar
from mobile_robust.evaluation.measure import EvaluationBatch, Predictions
from mobile_robust.evaluation.models import Model
from mobile_robust.evaluation.records import Records
from mobile_robust.evaluation.scores import Score, score_all
from mobile_robust.evaluation.settings import CLEAN, CorruptionSetting
from tests.evaluation.fakes import BASELINE, model

WITH = model("int8.tflite", method="afd")
FOG = [CorruptionSetting("fog", 1), CorruptionSetting("fog", 2)]


def scored(ranks: Mapping[tuple[Model, CorruptionSetting], str]) -> list[Score]:
    """Scores of models whose predictions are given."""
    models = list(dict.fromkeys(model for model, _ in ranks))
    settings = list(dict.fromkeys(setting for _, setting in ranks))
    count = len(next(iter(ranks.values())))
    photos = PhotoDataset(Path(), tuple(Path(str(i)) for i in range(count)), (0,) * count)
    records = Records(None, photos, 0)
    predictions = Predictions({(models.index(model), setting): text for (model, setting), text in ranks.items()})
    records.add(EvaluationBatch((32, 32), 0, count, ()), predictions, models)
    return score_all(models, settings, records)


def right(count: int, of: int = 20) -> str:
    return "0" * count + "2" * (of - count)


def pick(scores: Sequence[Score], name: str, corruption: str, level: float | None = None) -> Score:
    (found,) = [s for s in scores if (s.model.name, s.corruption, s.level) == (name, corruption, level)]
    return found


@pytest.fixture(scope="module")
def scores() -> list[Score]:
    counts = {BASELINE: (18, 10, 4, 18), WITH: (17, 12, 11, 17)}
    settings = (CLEAN, *FOG, CorruptionSetting("jpeg", 25))
    return scored({(m, c): right(n) for m, row in counts.items() for c, n in zip(settings, row, strict=True)})


def test_single_settings(scores: list[Score]) -> None:
    fog = pick(scores, "int8.tflite", "fog", 2)
    assert (fog.photos, fog.top1.value, fog.top5) == (20, 0.55, 1.0)
    assert fog.recovered and fog.recovered.value == pytest.approx((11 - 4) / (18 - 4))
    assert fog.gain and fog.gain.value == pytest.approx(0.35) and fog.recovered_mean is None
    assert fog.mcnemar == McNemar(7, 0, 2 / 2**7)
    assert fog.top1.low is not None and fog.top1.high is not None and fog.top1.low < 0.55 < fog.top1.high
    assert fog.gain.low is not None and fog.gain.low > 0 and fog.recovered.low is not None and fog.recovered.low > 0
    clean = pick(scores, "int8.tflite", "clean")
    assert clean.gain and clean.gain.value == pytest.approx(-0.05) and clean.recovered is None
    assert clean.mcnemar and clean.mcnemar.only_baseline == 1


def test_means_are_of_levels_then_of_corruptions(scores: list[Score]) -> None:
    fog = pick(scores, "int8.tflite", "fog")
    assert fog.top1.value == pytest.approx((12 + 11) / 40)
    assert fog.recovered and fog.recovered.value == pytest.approx((11.5 - 7) / (18 - 7))  # from the means
    each = ((12 - 10) / 8 + (11 - 4) / 14) / 2  # every level alike
    assert fog.recovered_mean and fog.recovered_mean.value == pytest.approx(each)
    overall = pick(scores, "int8.tflite", "all")
    assert overall.top1.value == pytest.approx((11.5 + 17) / 40) and overall.mcnemar is None
    assert overall.recovered and overall.recovered.value == pytest.approx((14.25 - 12.5) / (18 - 12.5))
    assert overall.recovered_mean == fog.recovered_mean  # jpeg takes nothing, so nothing of it can be recovered


def test_what_is_not_lost_is_not_recovered(scores: list[Score]) -> None:
    for level in (25, None):
        jpeg = pick(scores, "int8.tflite", "jpeg", level)
        assert jpeg.recovered is None and jpeg.recovered_mean is None
        assert jpeg.gain and jpeg.gain.value == pytest.approx(-0.05)


def test_the_baseline_is_compared_with_nothing(scores: list[Score]) -> None:
    for score in scores:
        if score.model is BASELINE:
            assert score.gain is score.recovered is score.mcnemar is None


def test_unreadable_photos_do_not_count() -> None:
    (clean,) = scored({(BASELINE, CLEAN): "0902"})
    assert (clean.photos, clean.top5) == (3, 1.0) and clean.top1.value == pytest.approx(2 / 3)


def test_a_record_has_the_keys_of_the_files(scores: list[Score]) -> None:
    fog = pick(scores, "int8.tflite", "fog", 2)
    record = fog.record()
    intervals = [f"{name}{end}" for name in ("gain", "regained", "regained_mean") for end in ("", "_low", "_high")]
    head = ["group", "model", "runtime", "corruption", "level", "photos", "top1", "top1_low", "top1_high", "top5"]
    assert list(record) == [*head, *intervals, "only_model", "only_alone", "mcnemar_p"]
    assert fog.recovered and record["regained_low"] == fog.recovered.low and record["only_model"] == 7
    assert record["regained_mean"] is None and (record["group"], record["runtime"]) == ("b", "r")
