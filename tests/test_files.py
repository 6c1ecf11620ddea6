"""Files appear whole or not at all; a folder's hash covers its names and contents."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

import pytest
import torch

from mobile_robust import files
from mobile_robust.errors import InputError
from mobile_robust.files import (
    member,
    output_lock,
    resume_key,
    scratch_folder,
    sha256,
    size,
    state_hash,
    write_atomically,
    write_output,
)


def test_writes_text_and_bytes_and_a_reader_of_the_old_file_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, "grün")
    with path.open(encoding="utf-8") as reader:
        write_atomically(path, b"\0")
        assert (reader.read(), path.read_bytes()) == ("grün", b"\0")
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed(tmp_path: Path) -> None:
    link, target = tmp_path / "link", tmp_path / "target"
    link.symlink_to(target)
    for text in ("old", "new"):
        write_atomically(link, text)
        assert link.is_symlink() and target.read_text() == text
    assert sorted(tmp_path.iterdir()) == [link, target]


def test_a_device_or_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/null")
    for name in ("pipe", "link", "."):
        with pytest.raises(InputError, match=f"^{re.escape(str(tmp_path / name))}: cannot be written: not a regular"):
            write_output(tmp_path / name, "x")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode) and len(list(tmp_path.iterdir())) == 2


def test_a_files_hash_and_size(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * (3 << 20))
    assert sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert size(path) == 3 << 20


def folder(root: Path, contents: dict[str, str]) -> Path:
    for name, text in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_folders_hash_covers_names_and_contents(tmp_path: Path) -> None:
    contents = [
        {"a": "1", "sub/b": "22"},
        {"a": "1", "sub/c": "22"},
        {"a": "1", "sub/b": "23"},
        {"a": "12", "sub/b": "2"},
        {"a": "1"},
        {"a": "1sub/b\0" + "22"},  # the first one's names and contents in a row
    ]
    folders = [folder(tmp_path / str(i), c) for i, c in enumerate(contents)]
    assert len({sha256(f) for f in folders}) == len(folders)
    assert sha256(folder(tmp_path / "same", {"sub/b": "22", "a": "1"})) == sha256(folders[0])
    assert [size(f) for f in folders] == [3, 3, 3, 3, 1, 9]


def test_only_one_process_writes_an_output(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    refused = pytest.raises(InputError, match=f"--out {tmp_path}: another process is writing it")
    with output_lock(tmp_path), output_lock(tmp_path / "other"), refused, output_lock(tmp_path):
        pytest.fail("let in")
    with output_lock(tmp_path):
        pass
    file = tmp_path / "a.json"
    refused = pytest.raises(InputError, match=f"--out {file}: another process is writing it")
    with output_lock(file), output_lock(tmp_path / "b.json"), refused, output_lock(file):
        pytest.fail("let in")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    missing = pytest.raises(InputError, match="gone/a.json: cannot be written: No such file")
    with missing, output_lock(tmp_path / "gone" / "a.json"):
        pytest.fail("let in")


def test_a_state_dicts_hash_covers_names_and_values_in_any_order_and_layout() -> None:
    a, b = torch.arange(6.0).view(2, 3), torch.tensor(7)
    known = hashlib.sha256(b"a\0" + a.numpy().tobytes() + b"b\0" + b.numpy().tobytes()).hexdigest()
    assert state_hash({"b": b, "a": a}) == known
    assert state_hash({"b": b, "a": torch.nn.Parameter(a.t().contiguous().t())}) == known
    assert len({known, state_hash({"a": a + 1, "b": b}), state_hash({"a": a, "c": b}), state_hash({"a": a})}) == 4


def test_a_resume_key_depends_on_values_not_on_the_order_of_keys() -> None:
    key = resume_key({"steps": 5, "size": (32, 64), "method": {"loss": "tail", "fit": 0}})
    assert resume_key({"method": {"fit": 0, "loss": "tail"}, "size": [32, 64], "steps": 5}) == key
    assert resume_key({"method": {"fit": 1, "loss": "tail"}, "size": [32, 64], "steps": 5}) != key


def test_a_member_is_a_file_of_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "build"
    (folder / "net.mlpackage" / "Data").mkdir(parents=True)
    (folder / "net.mlpackage" / "Data" / "a").write_text("a")
    (folder / "file").write_text("b")
    (tmp_path / "outside").write_text("c")
    for name in ("file", "net.mlpackage"):
        assert member(folder, name) == folder / name
    (folder / "out").symlink_to(tmp_path / "outside")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    os.mkfifo(folder / "net.mlpackage" / "pipe")
    wrong = (
        "../outside",
        str(tmp_path / "outside"),
        "/proc/self/mem",
        "/dev/zero",
        "..",
        ".",
        "",
        "out",
        "loop",
        "pipe",
    )
    for name in (*wrong, "none", "net.mlpackage", "a\0b", "n" * 300, "file/a"):
        with pytest.raises(InputError) as caught:
            member(folder, name)
        assert str(caught.value).isprintable() and str(folder) in str(caught.value)


def test_no_file_is_named_after_a_process() -> None:
    """Two containers on one volume may both be process 1."""
    package = Path(files.__file__).parent
    assert not [path for path in package.rglob("*.py") if "getpid" in path.read_text(encoding="utf-8")]


def test_a_pipe_or_a_link_in_the_place_of_a_lock_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".lock")
    with output_lock(tmp_path):
        pass
    (tmp_path / ".lock").symlink_to(tmp_path / "foreign")
    with pytest.raises(InputError, match="cannot be written"), output_lock(tmp_path):
        pytest.fail("let in")
    assert not (tmp_path / "foreign").exists()


def test_a_scratch_folder_is_removed_with_those_of_killed_processes(tmp_path: Path) -> None:
    (tmp_path / ".scratch-killed").mkdir()
    (tmp_path / ".scratch-killed" / "inputs").write_text("left")
    with scratch_folder(tmp_path) as first:
        (first / "inputs").write_text("mine")
        with scratch_folder(tmp_path) as second:
            assert {*tmp_path.iterdir()} == {first, second} and (first / "inputs").exists()
    assert list(tmp_path.iterdir()) == []
