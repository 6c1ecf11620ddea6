"""Which photo comes when, and what is random in it, follows from the seed alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import Photo
from mobile_robust.training.samples import CropPair, random_crop
from mobile_robust.training.stream import Batches, with_short_side


def sampler(photo: Photo, label: int, random: np.random.Generator) -> tuple[np.ndarray[Any, Any], ...]:
    return random_crop(photo, (32, 32), random), np.asarray(label)


def batches(photos: Path, **changed: Any) -> Batches:
    dataset = PhotoDataset(photos, tuple(sorted(photos.iterdir())))
    dataset.labels = tuple(range(len(dataset)))
    given = {"short": 40, "size": (32, 32), "batch": 4, "seed": 0, **changed}
    return Batches(dataset, sampler, **given)


def test_without_labels_they_are_minus_one(photos: Path) -> None:
    assert Batches(PhotoDataset.from_folder(photos), sampler, 40, (32, 32), 4, 0)[0].tensors[1].tolist() == [-1] * 4


def test_every_photo_comes_once_before_any_comes_twice(photos: Path) -> None:
    made = batches(photos)
    labels = torch.cat([made[step].tensors[1] for step in range(6)]).tolist()
    assert all(sorted(labels[i : i + 6]) == [0, 1, 2, 3, 4, 5] for i in range(0, 24, 6))
    assert labels[:6] != labels[6:12]


def test_a_step_needs_none_before_it(photos: Path) -> None:
    late = batches(photos)[3]
    made = batches(photos)
    steps = [made[step] for step in range(4)]
    assert all(torch.equal(a, b) for a, b in zip(late.tensors, steps[3].tensors, strict=True))
    assert not torch.equal(steps[2].tensors[0], steps[3].tensors[0])
    assert not torch.equal(late.tensors[0], batches(photos, seed=1)[3].tensors[0])


def test_processes_share_a_batch(photos: Path) -> None:
    whole = batches(photos)[2].tensors
    parts = [batches(photos, share=(first, 2))[2].tensors for first in (0, 1)]
    for number, part in enumerate(parts):
        assert all(torch.equal(a[number::2], b) for a, b in zip(whole, part, strict=True))


def test_the_next_photo_stands_in_for_a_broken_one(photos: Path, tmp_path: Path) -> None:
    for path in photos.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "2.png").write_bytes(b"no image")
    made = batches(tmp_path)
    found = [made[step] for step in range(3)]
    labels = torch.cat([batch.tensors[1] for batch in found]).tolist()
    assert len(labels) == 12 and 2 not in labels
    told = [name for batch in found for name in batch.broken]
    assert [(path.name, "not an image" in reason) for path, reason in told] == [("2.png", True)]


def test_nothing_but_broken_photos(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    failure = batches(tmp_path)[0].failure
    assert failure is not None and failure.startswith("none of 1 images can be read; the first, ")


def test_photos_come_at_the_scale_of_evaluation() -> None:
    photo = np.zeros((50, 400, 3), np.uint8)
    assert with_short_side(photo, 50) is photo
    assert with_short_side(photo, 100).shape == (100, 200, 3)
    assert with_short_side(photo[:40, :25], 73).shape == (117, 73, 3)


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_a_share_of_the_crops_stays_clean(share: float) -> None:
    photo, random = np.random.default_rng(1).integers(0, 256, (100, 90, 3), np.uint8), np.random.default_rng(0)
    pairs = [CropPair((32, 32), [("jpeg", 25), ("awgn", 20)], share)(photo, 3, random) for _ in range(80)]
    assert all(clean.shape == degraded.shape == (32, 32, 3) and label == 3 for clean, degraded, label in pairs)
    assert abs(sum(np.array_equal(clean, degraded) for clean, degraded, _ in pairs) - 80 * share) < 12
    assert len({clean.tobytes() for clean, _, _ in pairs}) > 70


@settings(max_examples=20, deadline=None)
@given(st.integers(32, 60), st.integers(32, 60), st.integers(0, 1000))
def test_crops_come_from_the_photo(height: int, width: int, seed: int) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    crop = random_crop(photo, (32, 32), np.random.default_rng(seed))
    assert crop.shape == (32, 32, 3) and crop.flags.c_contiguous
    pixels = {tuple(pixel) for pixel in photo.reshape(-1, 3)}
    assert all(tuple(pixel) in pixels for pixel in crop[::8, ::8].reshape(-1, 3))


def test_a_photo_of_just_the_size_is_moved_too() -> None:
    photo = np.arange(32 * 32 * 3, dtype=np.int64).reshape(32, 32, 3).astype(np.uint8)
    crops = {random_crop(photo, (32, 32), np.random.default_rng(seed)).tobytes() for seed in range(20)}
    assert len(crops) > 10
