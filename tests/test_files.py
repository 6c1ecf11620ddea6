"""Files appear whole or not at all; a folder's hash covers its names and contents."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mobile_robust import files
from mobile_robust.errors import InputError
from mobile_robust.files import alone_in, sha256, size, write_atomically


def test_writes_text_and_bytes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, "grün")
    assert path.read_text(encoding="utf-8") == "grün"
    write_atomically(path, b"\0")
    assert path.read_bytes() == b"\0"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_of_the_old_file_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with path.open() as reader:
        write_atomically(path, "new")
        assert (reader.read(), path.read_text()) == ("old", "new")


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_files_hash_and_size(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * (3 << 20))
    assert sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert size(path) == 3 << 20


def folder(root: Path, **contents: str) -> Path:
    for name, text in contents.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_folders_hash_covers_names_and_contents(tmp_path: Path) -> None:
    contents = [
        {"a": "1", "sub__b": "22"},
        {"a": "1", "sub__c": "22"},
        {"a": "1", "sub__b": "23"},
        {"a": "12", "sub__b": "2"},
        {"a": "1"},
        {"a": "1sub/b\0" + "22"},  # the first one's names and contents in a row
    ]
    folders = [folder(tmp_path / str(i), **c) for i, c in enumerate(contents)]
    assert len({sha256(f) for f in folders}) == len(folders)
    assert sha256(folder(tmp_path / "same", sub__b="22", a="1")) == sha256(folders[0])
    assert [size(f) for f in folders] == [3, 3, 3, 3, 1, 9]


def test_only_one_process_works_in_a_folder(tmp_path: Path) -> None:
    with alone_in(tmp_path):
        with pytest.raises(InputError, match=f"--out {tmp_path}: another process is writing there"), alone_in(tmp_path):
            pytest.fail("let in")
        other = tmp_path / "other"
        other.mkdir()
        with alone_in(other):
            pass
    with alone_in(tmp_path):
        pass
    with pytest.raises(InputError, match="gone: cannot be written: No such file"), alone_in(tmp_path / "gone"):
        pytest.fail("let in")
