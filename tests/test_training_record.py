"""What weights say of their training: read back from the file, and found out when a photo is scored again."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from mobile_robust import training_record
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.split import Split
from mobile_robust.errors import InputError
from mobile_robust.training_record import TrainingRecord


@pytest.fixture
def photos(tmp_path: Path) -> PhotoDataset:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number:02}.png").write_text(str(number))
    return PhotoDataset.from_folder(folder, split=Split(0.4))


def weights(path: Path, metadata: dict[str, str] | None) -> Path:
    save_file({"x": np.zeros(3, np.float32)}, path, metadata)
    return path


def test_it_comes_back_from_the_file_and_knows_its_photos(photos: PhotoDataset, tmp_path: Path) -> None:
    record = TrainingRecord.of(photos, "ab" * 32, None)
    assert TrainingRecord.read(weights(tmp_path / "w.safetensors", record.metadata())) == record
    whole = PhotoDataset.from_folder(photos.folder)
    assert record.trained_on(whole.paths) == list(photos.paths)
    assert not record.trained_on(Split(0.4).test(whole.paths))
    assert (record.photos, record.split) == (len(photos), "--holdout 0.4 --holdout-seed 0")


def test_copies_under_other_names_are_known(photos: PhotoDataset, tmp_path: Path) -> None:
    record = TrainingRecord.of(photos, None, None)
    copy = Path(shutil.copy(photos.paths[3], tmp_path / "holiday.jpg"))
    assert record.trained_on([copy]) == [copy]
    copy.write_text("another photo")
    assert record.trained_on([copy]) == [] and record.trained_on([tmp_path / "gone.png"]) == []


def test_the_photos_of_the_start_are_trained_on_too(photos: PhotoDataset) -> None:
    whole = PhotoDataset.from_folder(photos.folder)
    first, second = (whole.subset(range(start, start + 10)) for start in (0, 5))
    both = TrainingRecord.of(second, None, TrainingRecord.of(first, None, None))
    assert both.trained_on(whole.paths) == list(whole.paths[:15]) and both.photos == 15


def test_a_backbone_fits_as_far_as_both_are_known(photos: PhotoDataset) -> None:
    record, unknown = TrainingRecord.of(photos, "ab", None), TrainingRecord.of(photos, None, None)
    assert record.fits("ab") and record.fits(None) and unknown.fits("ab") and not record.fits("cd")


def test_of_very_many_photos_some_are_kept(photos: PhotoDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_record, "MOST_PHOTOS", 5)
    record = TrainingRecord.of(photos, None, None)
    assert len(record.trained_on(photos.paths)) == 5 and record.photos == len(photos)


def test_other_files_have_none(tmp_path: Path) -> None:
    assert TrainingRecord.read(weights(tmp_path / "timm.safetensors", {"format": "pt"})) is None
    assert TrainingRecord.read(weights(tmp_path / "bare.safetensors", None)) is None
    (tmp_path / "w.pt").write_bytes(b"PK")
    assert TrainingRecord.read(tmp_path / "w.pt") is None


@given(cut=st.integers(0, 200), put=st.text(max_size=3))
def test_a_damaged_record_is_named(tmp_path_factory: pytest.TempPathFactory, cut: int, put: str) -> None:
    (entry,) = TrainingRecord(backbone=None, photos=1, split=None, hashes="0123456789ab").metadata().items()
    name, text = entry
    path = weights(tmp_path_factory.mktemp("w") / "w.safetensors", {name: text[:cut] + put + text[cut + 1 :]})
    said = None
    try:
        record = TrainingRecord.read(path)
        assert record is not None and record.trained_on([path]) == []
    except InputError as error:
        said = str(error)
    assert said in (None, f"weights file {path}: its record of the training is damaged")
