"""Photos from a folder: streamed, labelled, split, and told apart by their bytes."""

import os
import pickle
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mobile_robust.data.dataset import BuiltInPhotos, PhotoDataset, skipped_message
from mobile_robust.data.images import built_in_photos
from mobile_robust.data.split import Split
from mobile_robust.errors import InputError


def save(path: Path, value: int = 0) -> Path:
    """A photo of 40 x 60 pixels, all of one value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((40, 60, 3), value, np.uint8)).save(path)
    return path


@pytest.fixture
def eight(tmp_path: Path) -> Path:
    """Photo i, of value i, in a folder of its class, 0 or 1."""
    for i in range(8):
        save(tmp_path / "mine" / f"{i % 2}" / f"{i}.png", i)
    return tmp_path / "mine"


def test_photos_come_in_order_of_path_with_their_labels(eight: Path) -> None:
    dataset = PhotoDataset.from_folder(eight, "folders")
    assert len(dataset) == 8 and dataset.labels == (0,) * 4 + (1,) * 4 and dataset.labels_from == "folders"
    assert [(index, int(photo[0, 0, 0])) for index, photo in dataset] == list(enumerate([0, 2, 4, 6, 1, 3, 5, 7]))
    assert [crop.shape for crop in dataset.crops((32, 32))] == [(32, 32, 3)] * 8
    assert PhotoDataset.from_folder(eight).labels is None
    table = eight.parent / "classes.csv"
    table.write_text("file,label\n" + "".join(f"{i % 2}/{i}.png,{i}\n" for i in range(8)))
    labelled = PhotoDataset.from_folder(eight, str(table))
    assert labelled.labels == (0, 2, 4, 6, 1, 3, 5, 7) and labelled.labels_from == "classes.csv"


def test_a_split_keeps_labels_and_says_what_is_left_out(eight: Path) -> None:
    split = Split(0.25, 3)
    train, test = (PhotoDataset.from_folder(eight, "folders", split, held_out) for held_out in (False, True))
    whole = PhotoDataset.from_folder(eight, "folders")
    assert list(train.paths) == split.train(whole.paths) and list(test.paths) == split.test(whole.paths)
    for dataset in (train, test):
        assert dataset.labels == tuple(int(path.parent.name) for path in dataset.paths)
    assert train.describe() == "photos of mine but those of evaluate --holdout 0.25 --holdout-seed 3"
    assert whole.describe() == "photos of mine"


def test_photos_are_drawn_with_a_seed_and_broken_ones_replaced(eight: Path) -> None:
    (eight / "0" / "broken.png").touch()
    dataset = PhotoDataset.from_folder(eight, "folders")
    order = np.random.default_rng(1).permutation(9)
    assert dataset.shuffled(1).paths == tuple(dataset.paths[i] for i in order)
    assert dataset.drawn(3, 1).paths == dataset.shuffled(1).paths[:3] and dataset.drawn(None, 1) is dataset
    assert dataset.drawn(10**6, 1).paths == dataset.shuffled(1).paths
    drawn = dataset.shuffled(1).readable(7)
    assert drawn.paths == tuple(p for p in dataset.shuffled(1).paths if p.name != "broken.png")[:7]
    assert drawn.labels == tuple(int(path.parent.name) for path in drawn.paths)
    assert len(dataset.readable(20)) == 8 and dataset.readable().digest == dataset.readable(20).digest


def test_broken_images_are_named_and_counted(tmp_path: Path) -> None:
    good = save(tmp_path / "good.png")
    whole = save(tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.webp").write_text("hello")
    (tmp_path / "empty.png").touch()
    dataset = PhotoDataset.from_folder(tmp_path)
    assert dataset.skipped_message() is None
    assert [dataset.paths[index] for index, _ in dataset] == [good]
    assert [path.name for path in dataset.broken] == ["cut.jpg", "empty.png", "text.webp"]
    message = dataset.skipped_message()
    assert message is not None and message.startswith("skipped 3 of 4 images: ") and "0x" not in message
    assert all(name in message for name in ("cut.jpg", "empty.png", "text.webp"))
    assert dataset.readable().skipped_message() == message
    with pytest.raises(InputError, match=r"text\.webp: not an image"):
        dataset.read(3)


def test_only_photos_that_were_tried_are_counted(tmp_path: Path) -> None:
    for name in "abde":
        save(tmp_path / f"{name}.png")
    (tmp_path / "c.png").touch()
    dataset = PhotoDataset.from_folder(tmp_path)
    assert len(list(islice(dataset.crops((32, 32)), 3))) == 3
    assert str(dataset.skipped_message()).startswith("skipped 1 of 4 images: ")
    broken = {Path(f"{i}.png"): "empty" for i in range(5)}
    assert skipped_message(broken, 9) == "skipped 5 of 9 images: 0.png: empty; 1.png: empty; 2.png: empty; and 2 more"


def test_only_broken_images_is_an_error(tmp_path: Path) -> None:
    for name in ("a.png", "b.jpg"):
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with pytest.raises(InputError, match=r"none of 2 images can be read; the first, .*a\.png"):
        PhotoDataset.from_folder(tmp_path).readable()


def test_digest_follows_bytes_and_order_not_names(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"1")
    (tmp_path / "b.png").write_bytes(b"23")
    dataset = PhotoDataset.from_folder(tmp_path)
    before = "f56953a6059872de4d183a06ac09e748f71fab90b7d4f23465d398bb76173324"  # as stored rankings have it
    assert dataset.digest == before != dataset.subset([1, 0]).digest
    (tmp_path / "a.png").rename(tmp_path / "aa.png")
    renamed = PhotoDataset.from_folder(tmp_path)
    assert renamed.digest == before
    (tmp_path / "aa.png").unlink()  # since it was listed: shows when it is read
    assert renamed.digest == before  # computed once
    assert len({before, renamed.subset([0, 1]).digest, PhotoDataset.from_folder(tmp_path).digest}) == 3


def test_identity_changes_with_the_photos_only(eight: Path) -> None:
    seen = [PhotoDataset.from_folder(eight).identity()]
    (eight / "notes.txt").write_text("no photo")
    assert PhotoDataset.from_folder(eight).identity() == seen[0] and seen[0][0][0] == "0/0.png"
    os.utime(eight / "0" / "0.png", (1, 1))
    seen.append(PhotoDataset.from_folder(eight).identity())
    (eight / "1" / "1.png").rename(eight / "1" / "2.png")
    seen.append(PhotoDataset.from_folder(eight).identity())
    assert len({str(identity) for identity in seen}) == 3


def test_it_travels_to_other_processes(eight: Path) -> None:
    dataset = PhotoDataset.from_folder(eight, "folders")
    copy = pickle.loads(pickle.dumps(dataset))
    assert (copy.paths, copy.labels, copy.digest) == (dataset.paths, dataset.labels, dataset.digest)


def test_built_in_photos_have_the_same_face() -> None:
    photos = BuiltInPhotos(3)
    assert len(photos) == len(list(photos.crops((40, 30)))) == 3 and "china.jpg" in photos.describe()
    assert np.array_equal(next(photos.crops((40, 30))), built_in_photos((40, 30), 1)[0])
    assert photos.digest == BuiltInPhotos(3).digest != BuiltInPhotos(2).digest
