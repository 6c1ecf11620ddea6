"""Photos in tar files and in a storage: the very same dataset as in a folder of this machine."""

from __future__ import annotations

import pickle
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from fsspec.registry import known_implementations
from PIL import Image

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.split import Split
from mobile_robust.data.storage import StorageError, StoredPath, photo_location
from mobile_robust.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photo i of value 20 i in a folder of its class, one of them broken, and what is no photo."""
    root = tmp_path / "val"
    for name in ("a-b/0.png", "a/1.png", "a/deep/2.png", "b/3.png", "b/4.PNG", ".cache/x/5.png", "b/.6.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((9, 9, 3), 20 * len(list(root.rglob("*.*"))), np.uint8)).save(root / name)
    (root / "b" / "7.png").write_text("broken")
    (root / "b" / "8.cr2").touch()
    (root / "notes.txt").touch()
    return root


@pytest.fixture
def memory() -> Iterator[Any]:
    """A storage in the memory of this process."""
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def pack(folder: Path, shards: int) -> list[Path]:
    """Every file in one of the tar files that is made beside the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    made = [folder.parent / f"val-{number}.tar" for number in range(shards)]
    for number, path in enumerate(made):
        with tarfile.open(path, "w") as tar:
            tar.add(folder, "./", recursive=False)
            for file in files[number::shards]:
                tar.add(file, f"./{file.relative_to(folder)}")
    return made


@pytest.mark.parametrize("kind", ["folder", "tar", "shards", "shards in a folder of the storage"])
def test_it_is_the_same_dataset_wherever_the_photos_lie(folder: Path, memory: Any, kind: str) -> None:
    if kind == "folder":
        memory.put(str(folder), "/bucket/val", recursive=True)
        place = "memory://bucket/val"
    elif kind == "tar":
        place = str(pack(folder, 1)[0])
    else:
        made = pack(folder, 3)
        place = str(folder.parent / "val-*.tar")
        if kind != "shards":
            for path in made:
                memory.put_file(str(path), f"/bucket/{path.name}")
            place = "memory://bucket/val-*.tar"
    for split in (None, Split(0.5, 2), Split(0.5, 2, "position")):
        here = PhotoDataset.from_folder(folder, "folders", split, held_out=True)
        there = PhotoDataset.from_folder(photo_location(place), "folders", split, held_out=True)
        there = pickle.loads(pickle.dumps(there))
        names = [path.relative_to(folder).as_posix() for path in here.paths if isinstance(path, Path)]
        assert [str(path).removeprefix(f"{there.folder}/") for path in there.paths] == names
        assert there.labels == here.labels and there.classes == here.classes == 3
        assert there.digest == here.digest and there.left_out == here.left_out
        assert [(index, photo[0, 0, 0]) for index, photo in there] == [(index, photo[0, 0, 0]) for index, photo in here]
        assert list(there.broken.values()) == list(here.broken.values())
    assert here.left_out and "hidden" in here.left_out and "raw data" in here.left_out


def test_labels_of_a_table_and_of_names(folder: Path) -> None:
    for path in (folder / ".cache" / "x" / "5.png", folder / "b" / "7.png"):
        path.unlink()
    (tar,) = pack(folder, 1)
    table = folder.parent / "labels.csv"
    names = ["a-b/0.png", "a/1.png", "a/deep/2.png", "b/3.png", "b/4.PNG"]
    table.write_text("file,label\n" + "".join(f"{name},{9 - i}\n" for i, name in enumerate(names)))
    for labels in ("names", str(table)):
        here, there = (PhotoDataset.from_folder(place, labels) for place in (folder, photo_location(str(tar))))
        assert here.labels == there.labels and len(here) == 5


def test_a_storage_that_does_not_give_a_photo_is_no_broken_photo(folder: Path, memory: Any) -> None:
    memory.put(str(folder), "/val", recursive=True)
    dataset = PhotoDataset.from_folder(photo_location("memory://val"))
    memory.rm("/val/a/1.png")
    for read in (lambda: list(dataset), lambda: dataset.digest, lambda: dataset.attempt(0), lambda: dataset.read(0)):
        with pytest.raises(StorageError, match=r"^memory://val/a/1\.png: cannot be read: FileNotFoundError"):
            read()
    assert not dataset.broken


def test_a_folder_that_is_called_like_a_tar_file(folder: Path) -> None:
    odd = folder.rename(folder.with_name("val.tar"))
    assert photo_location(str(odd)) == odd and isinstance(photo_location("val.tar"), StoredPath)
    assert str(photo_location("val.tar")) == str(Path("val.tar").absolute())  # other processes may be elsewhere


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("s4://bucket/val", r"unknown protocol of s4://bucket/val: 's4'; close matches: .*s3"),
        ("memory://nowhere/val", "^memory://nowhere/val: no such folder or tar file, or nothing is in it$"),
        ("memory://val-*.tar", r"^memory://val-\*\.tar: no such folder or tar file"),
        ("memory://x.png", r"^memory://x\.png: is a file; give a folder or \.tar files$"),
        ("memory://x.tar", r"^memory://x\.tar: cannot be read: ReadError: "),
        ("memory://notes", "^memory://notes: no image in this folder or below it; looked for .*png"),
    ],
)
def test_places_that_are_none(memory: Any, place: str, message: str) -> None:
    memory.pipe({"/x.png": b"x", "/x.tar": b"\x1f\x8bno plain tar file", "/notes/readme.txt": b"x"})
    with pytest.raises(InputError, match=message):
        PhotoDataset.from_folder(photo_location(place))


def test_a_storage_whose_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(known_implementations, "ours", {"class": "no_such.System", "err": "Install x"})
    with pytest.raises(InputError, match="^ours://bucket/val: Install x$"):
        PhotoDataset.from_folder(photo_location("ours://bucket/val"))


def test_one_name_in_two_tar_files(folder: Path) -> None:
    (tar,) = pack(folder, 1)
    tar.with_name("val-1.tar").write_bytes(tar.read_bytes())
    with pytest.raises(InputError, match=r"\.cache/x/5\.png is in .*val-0\.tar and again in .*val-1\.tar$"):
        PhotoDataset.from_folder(photo_location(str(tar.with_name("val-*.tar"))))
