"""Which files of a folder are photos, and what is said of the others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mobile_robust.data.folder import PhotoFolder, photo_suffixes
from mobile_robust.data.images import read_image
from mobile_robust.errors import InputError


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def photos(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in PhotoFolder.scan(root).photos]


def test_photos_are_found_everywhere_in_order_of_path(tmp_path: Path) -> None:
    make(tmp_path, "b.png", "a/c.JPG", "a/a.webp", "a/d/e.jfif", "notes.txt", "labels.csv", "p.mpo", "q.pgm", "r.tga")
    (tmp_path / "folder.png").mkdir()
    assert photos(tmp_path) == ["a/a.webp", "a/c.JPG", "a/d/e.jfif", "b.png", "p.mpo", "q.pgm", "r.tga"]
    assert PhotoFolder.scan(tmp_path).message() is None


def test_what_systems_and_programs_leave_there_is_no_photo_and_is_named(tmp_path: Path) -> None:
    hidden = [
        ".ipynb_checkpoints/1.png",
        "a/.thumbnails/2.jpg",
        ".Trash-1000/files/3.jpg",
        "__MACOSX/4.jpg",
        "a/._5.jpg",
    ]
    make(tmp_path, "a/5.jpg", *hidden)
    assert photos(tmp_path) == ["a/5.jpg"]
    message = PhotoFolder.scan(tmp_path).message()
    assert message == "left out .Trash-1000 and 4 more (hidden or made by the system)"


def test_photos_that_cannot_be_read_here_are_named_with_what_helps(tmp_path: Path) -> None:
    make(tmp_path, "1.jpg", "2.DNG", "3.nef", "4.heic")
    found = PhotoFolder.scan(tmp_path)
    assert "2.DNG and 1 more (a camera's raw data; export it as JPEG)" in str(found.message())
    if ".heic" not in photo_suffixes():
        assert [path.name for path in found.photos] == ["1.jpg"]
        assert "4.heic (HEIC is read where pillow-heif is installed: pip install pillow-heif)" in str(found.message())


def test_what_else_is_no_photo_is_named(tmp_path: Path) -> None:
    make(tmp_path, "1.jpg", "@Recycle/2.jpg", "$Recycle.Bin/3.jpg", "4.PSD", "5.jxl", "6.svg", "notes.txt")
    (tmp_path / "7.jpg").symlink_to("gone.jpg")
    (tmp_path / "cats").symlink_to("gone")
    (tmp_path / "README").write_text("photos")
    (tmp_path / "cat_9").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")
    with (tmp_path / "8.png").open("wb") as file:
        file.truncate(2**40)
    assert photos(tmp_path) == ["1.jpg"]
    message = str(PhotoFolder.scan(tmp_path).message())
    assert "4.PSD and 2 more (no format of photos; export it as JPEG or PNG)" in message
    assert "7.jpg and 1 more (no file, or a link to none)" in message and "8.png (larger than 1024 MiB)" in message
    assert "$Recycle.Bin and 1 more (hidden or made by the system)" in message and "notes" not in message
    assert "cat_9 (a photo whose name has no suffix; add .jpg, .png or .webp)" in message and "README" not in message


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "1.jpg", "closed/2.jpg")
    scan = os.scandir

    def refusing(path: str) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert PhotoFolder.scan(tmp_path).message() == "left out closed (cannot be read: Permission denied)"


def test_links_are_followed_once(tmp_path: Path) -> None:
    make(tmp_path / "data", "0/1.jpg", "2.jpg")
    root = tmp_path / "photos"
    root.mkdir()
    (root / "zero").symlink_to(tmp_path / "data/0")
    (root / "again").symlink_to(tmp_path / "data/0")
    (root / "two.jpg").symlink_to(tmp_path / "data/2.jpg")
    (root / "gone.jpg").symlink_to(tmp_path / "data/9.jpg")
    (tmp_path / "data/0/up").symlink_to(root)
    assert photos(root) == ["again/1.jpg", "two.jpg"]
    assert "(links to a folder that is taken already)" in str(PhotoFolder.scan(root).message())


def test_a_link_beside_its_folder_is_the_one_left_out(tmp_path: Path) -> None:
    make(tmp_path, "zebra/1.jpg")
    (tmp_path / ".last").symlink_to("zebra")
    (tmp_path / "ape").symlink_to("zebra")
    assert photos(tmp_path) == ["zebra/1.jpg"]


def test_a_folder_without_photos_is_refused_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("x")
    for folder, wrong in ((tmp_path / "gone", "no such folder"), (file, "is a file"), (tmp_path, "no image")):
        with pytest.raises(InputError, match=rf"{folder.name}: {wrong}.*\.jpg"):
            PhotoFolder.scan(folder)
    make(tmp_path, "raw/1.cr2", "raw/2.cr2")
    with pytest.raises(InputError, match=r"no image .*; left out raw/1\.cr2 and 1 more \(a camera's raw data"):
        PhotoFolder.scan(tmp_path)


@pytest.mark.parametrize("suffix", sorted(photo_suffixes() - {".heic", ".heif", ".hif", ".avifs", ".apng"}))
def test_every_suffix_that_is_taken_can_be_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"photo{suffix}"
    mode = {".pbm": "1", ".pgm": "L"}.get(suffix, "RGB")
    Image.fromarray(np.full((8, 9, 3), 200, np.uint8)).convert(mode).save(path)
    assert read_image(PhotoFolder.scan(tmp_path).photos[0]).shape == (8, 9, 3)
