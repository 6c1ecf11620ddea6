"""Single predictions: ties, NaN, unreadable photos, noise by index."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobile_robust.data.images import Photo
from mobile_robust.evaluation.measure import EvaluationBatch, Evaluator, rank_of
from mobile_robust.evaluation.predictors import Predict
from mobile_robust.evaluation.settings import CLEAN, CorruptionSetting
from tests.evaluation.fakes import BASELINE, bright, flat_photos, model

logits_strategy = st.lists(st.sampled_from([-2.0, 0.0, 0.5, 3.0]), min_size=1, max_size=12).map(np.array)


@given(logits=logits_strategy, data=st.data())
def test_rank_is_that_in_a_stable_descending_order(logits: np.ndarray, data: st.DataObject) -> None:
    label = data.draw(st.integers(0, len(logits) - 1))
    assert rank_of(label, logits) == list(np.argsort(-logits, kind="stable")).index(label)
    assert (rank_of(label, logits) == 0) == (int(np.argmax(logits)) == label)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_never_right(bad: float) -> None:
    assert rank_of(0, np.array([9.0, bad, 1.0])) == 3


def test_ranks_are_digits_of_the_top_five_and_what_is_beyond(tmp_path: Path) -> None:
    photos = flat_photos(tmp_path, 10)
    models = [BASELINE, *(model(f"off by {off}", partial(bright, off)) for off in (20, -20, 60))]
    predictions = Evaluator(models, photos, 0)(EvaluationBatch((32, 32), 6, 10, ((CLEAN, (0, 1, 2, 3)),)))
    # Class 9 is the last, so nothing is nearer to photo 9 where the centres are too dark by one.
    assert list(predictions.ranks.values()) == ["0000", "2222", "1110", "5555"]
    assert not predictions.unreadable


def test_an_unreadable_photo_is_named_and_shifts_nothing(tmp_path: Path) -> None:
    photos = flat_photos(tmp_path, 4)
    photos.paths[1].write_text("broken")
    predictions = Evaluator([model("sure")], photos, 0)(
        EvaluationBatch((32, 32), 0, 4, ((CLEAN, (0,)), (CorruptionSetting("jpeg", 10), (0,))))
    )
    assert set(predictions.ranks.values()) == {"0900"}
    assert list(predictions.unreadable) == [1] and "not an image" in predictions.unreadable[1]


def test_noise_hangs_on_seed_and_index_alone(tmp_path: Path) -> None:
    seen: list[np.ndarray] = []

    def watching() -> Predict:
        def predict(photos: Sequence[Photo]) -> np.ndarray:
            seen.extend(photos)
            return bright()(photos)

        return predict

    photos, noisy = flat_photos(tmp_path, 3), CorruptionSetting("awgn", 30.0)
    for seed, start in ((0, 0), (0, 2), (1, 2)):
        Evaluator([model("watching", watching)], photos, seed)(EvaluationBatch((32, 32), start, 3, ((noisy, (0,)),)))
    assert np.array_equal(seen[2], seen[3]) and not np.array_equal(seen[3], seen[4])
