"""Calibration photos that leave a layer's range uncovered are named or refused; parity photos are of other content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mobile_robust.data.calibration import choose
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import Photo, jpeg_in_turn
from mobile_robust.errors import InputError
from mobile_robust.export.calibration import Calibration
from mobile_robust.export.coverage import check_coverage, coverage
from mobile_robust.pipelines import Model, build_model
from mobile_robust.recipes import load_recipe
from tests.data.synthetic import DOUBTFUL, EMPTY, SIDE, photo, write
from tests.export.networks import images, kinds

IMAGES = [{"image": image} for image in images(12)]


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, 11), min_size=1), st.sets(st.integers(0, 11), min_size=1))
def test_more_photos_cover_no_less(some: set[int], more: set[int]) -> None:
    network = kinds()
    part, whole = ([IMAGES[i] for i in sorted(chosen)] for chosen in (some, some | more))
    covered = coverage(network, part, IMAGES)[0]
    assert 0 <= covered <= coverage(network, whole, IMAGES)[0] <= coverage(network, IMAGES, IMAGES)[0] == 1


def test_the_layer_that_gets_least_is_named() -> None:
    assert coverage(kinds(), [{"image": torch.zeros(1, 3, 32, 32)}], IMAGES) == (0, "same")
    shares = coverage(kinds(), [{"image": 0.6 + 0.2 * (image["image"] - 0.6) / 0.4} for image in IMAGES], IMAGES)
    assert 0.1 < shares[0] <= 0.51


@pytest.fixture(scope="module")
def model() -> Model:
    return build_model(load_recipe("deepcorrect_cifar10_resnet20"))


def said(model: Model, folder: Path) -> tuple[str, ...]:
    """What a build says of a folder of photos; "refused" first where it ends."""
    dataset = PhotoDataset.from_folder(folder)
    try:
        chosen = choose(dataset, (SIDE, SIDE), 32, 34, jpeg_in_turn, "jpeg")
        return (*chosen.warnings, *check_coverage(model, Calibration(model.example, chosen.calibration), dataset))
    except InputError as error:
        message = str(error)
    assert message.startswith(f"--calibration {folder}: ") and "give photos like those that the app" in message
    return ("refused",)


def folder_of(tmp_path: Path, make: Callable[[np.random.Generator], Photo], count: int = 70) -> Path:
    random = np.random.default_rng(1)
    return write(tmp_path / "photos", [make(random) for _ in range(count)])


@pytest.mark.parametrize("kind", EMPTY)
def test_photos_that_show_nothing_are_refused(model: Model, tmp_path: Path, kind: str) -> None:
    assert said(model, folder_of(tmp_path, EMPTY[kind], 40)) == ("refused",)


def test_noise_and_dim_photos_are_said_to_be_doubtful(model: Model, tmp_path: Path) -> None:
    for kind, make in {**DOUBTFUL, "dim": lambda random: photo(random, 5)}.items():
        (tmp_path / kind).mkdir()
        assert said(model, folder_of(tmp_path / kind, make)), kind


def test_photos_pass_in_silence(model: Model, tmp_path: Path) -> None:
    assert said(model, folder_of(tmp_path, photo, 150)) == ()


def test_parity_is_shown_on_photos_of_other_content(model: Model, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    different = [photo(random) for _ in range(100)]
    chosen = choose(
        PhotoDataset.from_folder(write(tmp_path / "twice", different * 2)), (SIDE, SIDE), 32, 34, jpeg_in_turn, "jpeg"
    )
    used = {each.tobytes() for each in chosen.calibration[::2]}  # the others are compressed
    assert len(chosen.parity) == 34 and not used & {each.tobytes() for each in chosen.parity}
    few = choose(
        PhotoDataset.from_folder(write(tmp_path / "few", different[:10] * 9)),
        (SIDE, SIDE),
        32,
        34,
        jpeg_in_turn,
        "jpeg",
    )
    assert "parity photos: also used for calibration, the folder holds too few others" in few.warnings
    assert few.parity_source.endswith("(also used for calibration: the folder holds too few)")
