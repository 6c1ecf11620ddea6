"""Counting right answers: ties, NaN, corruption and intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mobile_robust.data import Crops, Photo, jpeg
from mobile_robust.errors import InputError
from mobile_robust.evaluate.classifiers import Classifier
from mobile_robust.evaluate.score import Condition, rank, score, wilson

logits_strategy = st.lists(st.sampled_from([-2.0, 0.0, 0.5, 3.0]), min_size=1, max_size=12).map(np.array)


@given(logits=logits_strategy, data=st.data())
def test_rank_is_the_place_in_a_stable_descending_order(logits: np.ndarray, data: st.DataObject) -> None:
    label = data.draw(st.integers(0, len(logits) - 1))
    assert rank(logits, label) == list(np.argsort(-logits, kind="stable")).index(label)
    assert (rank(logits, label) == 0) == (int(np.argmax(logits)) == label)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_never_right(bad: float) -> None:
    assert rank(np.array([9.0, bad, 1.0]), 0) == 3


def test_wilson_matches_published_values() -> None:
    low, high = wilson(81, 263)  # Newcombe 1998, table I: 0.2553 to 0.3662
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 10)[0] == 0 and wilson(10, 10)[1] == 1


@given(right=st.integers(0, 50), wrong=st.integers(0, 50).filter(lambda n: n))
def test_wilson_holds_the_fraction(right: int, wrong: int) -> None:
    low, high = wilson(right, right + wrong)
    assert 0 <= low <= right / (right + wrong) <= high <= 1


def photos(folder: Path, count: int) -> list[Path]:
    """Photo i is flat with brightness 20 i."""
    paths = [folder / f"{i}.png" for i in range(count)]
    for i, path in enumerate(paths):
        Image.fromarray(np.full((37, 37, 3), 20 * i, np.uint8)).save(path)
    return paths


def by_brightness(photo: Photo) -> np.ndarray:
    """Knows classes 0 to 9; right for every flat photo."""
    return -np.abs(np.arange(10) * 20 - photo.mean()).astype(np.float32)


def always_three(photo: Photo) -> np.ndarray:
    return np.eye(10, dtype=np.float32)[3]


def test_scores_count_every_classifier_under_every_condition(tmp_path: Path) -> None:
    paths = photos(tmp_path, 8)
    classifiers = [
        Classifier("b", "good", "r", (32, 32), by_brightness),
        Classifier("b", "stuck", "r", (32, 32), always_three),
    ]
    calls: list[None] = []
    labels = {path: i for i, path in enumerate(paths)}
    crops = Crops(paths, (32, 32))
    scores = score(classifiers, crops, labels, [Condition(), Condition(10)], lambda: calls.append(None))
    assert [(s.classifier, s.condition, s.images, s.top1) for s in scores] == [
        ("good", "clean", 8, 1.0),
        ("good", "jpeg 10", 8, 1.0),
        ("stuck", "clean", 8, 1 / 8),
        ("stuck", "jpeg 10", 8, 1 / 8),
    ]
    assert scores[2].top5 == 5 / 8  # ties: classes 3, 0, 1, 2, 4 come first
    assert scores[2].top1_low < 1 / 8 < scores[2].top1_high and len(calls) == 16


def test_jpeg_is_applied_to_the_crop() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert np.array_equal(Condition(10).apply(crop), jpeg(crop, 10))
    assert Condition().apply(crop) is crop


def test_a_label_beyond_the_classes_is_an_error(tmp_path: Path) -> None:
    paths = photos(tmp_path, 1)
    classifier = Classifier("b", "good", "r", (32, 32), by_brightness)
    with pytest.raises(InputError, match=r"0\.png: label 10, but good of b knows the classes 0 to 9"):
        score([classifier], Crops(paths, (32, 32)), {paths[0]: 10}, [Condition()])
