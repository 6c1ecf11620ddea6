"""Photos for calibration and parity: different ones, as long as there are enough."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mobile_robust.data.calibration import choose
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.folder import PhotoFolder
from mobile_robust.data.images import jpeg, jpeg_in_turn
from mobile_robust.data.split import Split


def photos(folder: Path, count: int) -> Path:
    folder.mkdir(exist_ok=True)
    generator = np.random.default_rng(0)
    for i in range(count):
        Image.fromarray(generator.integers(0, 256, (73, 73, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return folder


def keys(images: list[np.ndarray]) -> set[bytes]:
    return {image.tobytes() for image in images}


def test_without_a_folder_they_come_from_installed_packages() -> None:
    chosen = choose(None, (64, 64), 6, 3, jpeg_in_turn, "jpeg")
    assert (len(chosen.calibration), len(chosen.parity), chosen.notice) == (6, 3, None)
    assert len(keys(chosen.calibration) | keys(chosen.parity)) == 9
    assert chosen.calibration_source.startswith("the first 6 of crops of three photos")
    assert chosen.parity_source.startswith("the next 3 of crops of three photos")


def test_of_a_folder_every_second_calibration_photo_is_compressed(tmp_path: Path) -> None:
    folder = photos(tmp_path / "mine", 9)
    chosen = choose(PhotoDataset.from_folder(folder), (64, 64), 4, 3, jpeg_in_turn, "jpeg")
    original = keys([np.array(Image.open(p))[4:68, 4:68] for p in folder.iterdir()])
    assert [image.tobytes() in original for image in chosen.calibration] == [True, False, True, False]
    assert keys(chosen.parity) < original and len(keys(chosen.parity)) == 3
    assert not keys([jpeg(image, 25) for image in chosen.parity]) & keys(chosen.calibration)
    assert chosen.calibration_source == "4 photos of mine, every second one degraded: jpeg"
    assert chosen.parity_source == "3 photos of mine"


@pytest.mark.parametrize(
    ("held", "wanted", "chosen", "again"),
    [
        (6, (3, 3), (3, 3), False),
        (5, (4, 1), (4, 1), False),
        (9, (3, 3), (3, 3), False),
        (6, (5, 3), (3, 3), False),  # parity photos come first where photos are scarce
        (3, (4, 2), (3, 2), True),
    ],
)
def test_photos_are_used_twice_where_a_folder_holds_few(
    tmp_path: Path, held: int, wanted: tuple[int, int], chosen: tuple[int, int], again: bool
) -> None:
    found = choose(PhotoDataset.from_folder(photos(tmp_path / "mine", held)), (64, 64), *wanted, jpeg_in_turn, "jpeg")
    assert (len(found.calibration), len(found.parity)) == chosen
    note = " (also used for calibration: the folder holds too few)" * again
    assert found.parity_source == f"{chosen[1]} photos of mine{note}"
    assert again or not keys(found.calibration) & keys(found.parity)


@pytest.mark.parametrize(("held", "chosen"), [(6, (3, 3)), (9, (3, 6)), (20, (3, 8))])
def test_more_photos_are_compared_where_there_are_more(tmp_path: Path, held: int, chosen: tuple[int, int]) -> None:
    dataset = PhotoDataset.from_folder(photos(tmp_path / "mine", held))
    found = choose(dataset, (64, 64), 3, 3, jpeg_in_turn, "jpeg", more=8)
    assert (len(found.calibration), len(found.parity)) == chosen
    assert not keys(found.calibration) & keys(found.parity)
    assert len(choose(None, (64, 64), 3, 3, jpeg_in_turn, "jpeg", more=8).parity) == 3


def test_photos_held_out_for_the_evaluation_are_not_touched(tmp_path: Path) -> None:
    folder = photos(tmp_path / "mine", 10)
    held = keys([np.array(Image.open(p))[4:68, 4:68] for p in Split(0.4, 3).test(PhotoFolder.scan(folder).photos)])
    chosen = choose(PhotoDataset.from_folder(folder, split=Split(0.4, 3)), (64, 64), 4, 2, jpeg_in_turn, "jpeg")
    assert not held & keys([*chosen.calibration, *chosen.parity]) and len(held) == 4
    assert chosen.parity_source == "2 photos of mine but those of evaluate --holdout 0.4 --holdout-seed 3"


def test_broken_photos_are_noted(tmp_path: Path) -> None:
    folder = photos(tmp_path / "mine", 3)
    (folder / "broken.jpg").write_text("no photo")
    chosen = choose(PhotoDataset.from_folder(folder), (64, 64), 8, 8, jpeg_in_turn, "jpeg")
    assert len(chosen.calibration) == 3
    assert chosen.notice is not None and chosen.notice.startswith("skipped 1 of 4 images: ")
