"""Scores that were computed by hand from twenty photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.errors import InputError
from mobile_robust.evaluate.mce import mean_corruption_errors, read_errors
from mobile_robust.evaluate.measure import EvaluationBatch, Predictions
from mobile_robust.evaluate.models import Model
from mobile_robust.evaluate.records import Records
from mobile_robust.evaluate.scores import Score, score_all
from mobile_robust.evaluate.settings import CLEAN, CorruptionSetting, select_settings
from tests.evaluate.fakes import ALONE, Bright, model

WITH = model("int8.tflite", Bright(), method="afd")
FOG = [CorruptionSetting("fog", 1), CorruptionSetting("fog", 2)]


def scored(places: Mapping[tuple[Model, CorruptionSetting], str]) -> list[Score]:
    """Scores of models whose answers are given."""
    models = list(dict.fromkeys(model for model, _ in places))
    conditions = list(dict.fromkeys(condition for _, condition in places))
    count = len(next(iter(places.values())))
    photos = PhotoDataset(Path(), tuple(Path(str(i)) for i in range(count)), (0,) * count)
    records = Records(None, photos, 0)
    answer = Predictions({(models.index(m), condition): text for (m, condition), text in places.items()})
    records.add(EvaluationBatch((32, 32), 0, count, ()), answer, models)
    return score_all(models, conditions, records)


def right(count: int, of: int = 20) -> str:
    return "0" * count + "2" * (of - count)


def pick(scores: Sequence[Score], name: str, corruption: str, level: float | None = None) -> Score:
    (found,) = [s for s in scores if (s.model, s.corruption, s.level) == (name, corruption, level)]
    return found


@pytest.fixture(scope="module")
def scores() -> list[Score]:
    counts = {ALONE: (18, 10, 4, 18), WITH: (17, 12, 11, 17)}
    conditions = (CLEAN, *FOG, CorruptionSetting("jpeg", 25))
    return scored({(m, c): right(n) for m, row in counts.items() for c, n in zip(conditions, row, strict=True)})


def test_single_conditions(scores: list[Score]) -> None:
    fog = pick(scores, "int8.tflite", "fog", 2)
    assert (fog.photos, fog.top1, fog.top5) == (20, 0.55, 1.0)
    assert fog.regained == pytest.approx((11 - 4) / (18 - 4)) and fog.gain == pytest.approx(0.35)
    assert (fog.only_model, fog.only_alone, fog.mcnemar_p) == (7, 0, 2 / 2**7)
    assert fog.top1_low < 0.55 < fog.top1_high and fog.regained_mean is None
    assert fog.gain_low is not None and fog.gain_low > 0 and fog.regained_low is not None and fog.regained_low > 0
    clean = pick(scores, "int8.tflite", "clean")
    assert clean.gain == pytest.approx(-0.05) and clean.regained is None and clean.only_alone == 1


def test_means_are_of_levels_then_of_corruptions(scores: list[Score]) -> None:
    fog = pick(scores, "int8.tflite", "fog")
    assert fog.top1 == pytest.approx((12 + 11) / 40)
    assert fog.regained == pytest.approx((11.5 - 7) / (18 - 7))  # from the means
    assert fog.regained_mean == pytest.approx(((12 - 10) / 8 + (11 - 4) / 14) / 2)  # every level alike
    overall = pick(scores, "int8.tflite", "all")
    assert overall.top1 == pytest.approx((11.5 + 17) / 40) and overall.mcnemar_p is None
    assert overall.regained == pytest.approx((14.25 - 12.5) / (18 - 12.5))
    assert overall.regained_mean == fog.regained_mean  # jpeg takes nothing, so nothing of it can come back


def test_what_is_not_lost_does_not_come_back(scores: list[Score]) -> None:
    for level in (25, None):
        jpeg = pick(scores, "int8.tflite", "jpeg", level)
        assert jpeg.regained is None and jpeg.regained_mean is None and jpeg.gain == pytest.approx(-0.05)


def test_the_backbone_alone_is_compared_with_nothing(scores: list[Score]) -> None:
    for score in scores:
        if score.model == "backbone alone":
            assert score.gain is score.regained is score.mcnemar_p is None


def test_unreadable_photos_do_not_count() -> None:
    (clean,) = scored({(ALONE, CLEAN): "0902"})
    assert (clean.photos, clean.top5) == (3, 1.0) and clean.top1 == pytest.approx(2 / 3)


def errors_file(folder: Path, text: str) -> Path:
    path = folder / "alexnet.csv"
    path.write_text(text)
    return path


def test_mce_by_hand(tmp_path: Path) -> None:
    conditions = select_settings(["fog", "snow", "jpeg:7"], [(224, 224)])
    path = errors_file(tmp_path, "corruption,error\nfog,80\nsnow,50\nfrost,60\n")
    alexnet = read_errors(path, conditions)
    assert alexnet == {"fog": 80, "snow": 50}
    counts = {"clean": 20, "fog": 12, "snow": 10, "jpeg": 0}
    scores = scored({(ALONE, condition): right(counts[condition.corruption]) for condition in conditions})
    (error,) = mean_corruption_errors([ALONE], scores, alexnet).values()
    assert error == pytest.approx(100 * (0.4 / 0.8 + 0.5 / 0.5) / 2)


@pytest.mark.parametrize(
    ("text", "corruptions", "message"),
    [
        ("name,error\nfog,80\n", ["fog"], "the first line must be corruption,error"),
        ("corruption,error\nfog,0.8\n", ["fog"], r"line 2: the error must be a percentage.*'0\.8'"),
        ("corruption,error\nfog,nan\n", ["fog"], "line 2: the error must be a percentage"),
        ("corruption,error\nfog,80\nfog,81\n", ["fog"], "line 3: fog for the second time"),
        ("corruption,error\njpeg,80\n", ["fog"], "line 2: unknown corruption of ImageNet-C 'jpeg'; known: .*pixelate"),
        ("corruption,error\nsnow,80\n", ["fog"], "no line for fog"),
        ("corruption,error\nfog,80\n", ["fog:3"], "needs all five severities of fog"),
        ("corruption,error\nfog,80\n", ["jpeg"], "none of ImageNet-C's corruptions is evaluated"),
    ],
)
def test_alexnet_errors_that_do_not_fit_are_refused(
    tmp_path: Path, text: str, corruptions: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=rf"alexnet\.csv.*{message}"):
        read_errors(errors_file(tmp_path, text), select_settings(corruptions, [(224, 224)]))


def test_missing_alexnet_errors_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--alexnet-errors .*gone.csv: no such file"):
        read_errors(tmp_path / "gone.csv", select_settings(["fog"], [(224, 224)]))
