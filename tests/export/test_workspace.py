"""What a killed, failed or second build leaves; where the new one goes."""

from __future__ import annotations

import errno
import gc
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from mobile_robust.errors import InputError
from mobile_robust.export.workspace import recover, temporary_files, workspace
from mobile_robust.files import take_lock


def build(folder: Path, content: str = "new") -> None:
    with workspace(folder) as hidden:
        (hidden / "file").write_text(content)


def killed_at_rename(folder: Path, number: int) -> None:
    """A process that builds and dies before the rename of that number."""
    if (child := os.fork()) == 0:
        rename, done = Path.rename, []

        def renamed(path: Path, to: Path) -> Path:
            done.append(path)
            return rename(path, to) if len(done) < number else os._exit(9)

        Path.rename = renamed  # type: ignore[method-assign]  # in a process that ends here
        try:
            build(folder)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("number", [1, 2])
def test_a_kill_between_the_renames_keeps_the_old_build(tmp_path: Path, number: int) -> None:
    folder = tmp_path / "small"
    build(folder, "old")
    killed_at_rename(folder, number)
    assert (tmp_path / ".small.partial" / "build" / "file").read_text() == "new"
    recover(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["small"]
    assert (folder / "file").read_text() == "old"


def test_a_new_build_replaces_the_old_one(tmp_path: Path) -> None:
    for content in ("old", "new"):
        build(tmp_path / "out" / "small", content)
        assert (tmp_path / "out" / "small" / "file").read_text() == content
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["small"]


def test_a_build_that_is_running_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    with workspace(folder) as hidden:
        (hidden / "file").write_text("first")
        recover(folder)
        refused = pytest.raises(InputError, match=f"--out {tmp_path}: another process is building small there")
        with refused, workspace(folder):
            pytest.fail("let in")
    assert (folder / "file").read_text() == "first"


CODES = ("ENOSPC", "EDQUOT", "EROFS", "EACCES", "EMFILE", "ENAMETOOLONG", "EFBIG", "EIO")
NATIVE = [
    RuntimeError(f"cannot copy: {reason} [a] [b]") for reason in ("No space left on device", "Too many open files")
]
FAILURES = [OSError(code, os.strerror(code)) for code in (getattr(errno, name) for name in CODES)]


@pytest.mark.parametrize("failure", [*FAILURES, *NATIVE], ids=str)
def test_what_the_system_does_not_write_is_one_message_and_leaves_nothing(tmp_path: Path, failure: Exception) -> None:
    folder = tmp_path / "out" / "small"
    build(folder, "old")
    # what is raised inside is the failure that the workspace turns into a message
    with pytest.raises(InputError) as said, workspace(folder) as hidden:  # noqa: PT012
        (hidden / "half").write_text("")
        raise failure
    reason = getattr(failure, "strerror", None) or str(failure)[len("cannot copy: ") : -len(" [a] [b]")]
    assert str(said.value) == f"--out {folder.parent}: cannot be written: {reason}"
    assert [path.name for path in folder.parent.iterdir()] == ["small"]
    assert (folder / "file").read_text() == "old"


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    target, folder = tmp_path / "disk" / "builds", tmp_path / "out" / "small"
    folder.symlink_to(target)
    for content in ("old", "new"):
        build(folder, content)
        assert folder.is_symlink() and (target / "file").read_text() == content
    assert [path.name for path in target.parent.iterdir()] == ["builds"]
    assert [path.name for path in folder.parent.iterdir()] == ["small"]


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.symlink_to(folder)
    with pytest.raises(InputError, match="small: a loop of symbolic links"):
        recover(folder)


def test_temporary_files_are_removed_with_the_build(tmp_path: Path) -> None:
    before = tempfile.gettempdir()
    with workspace(tmp_path / "small") as hidden:
        with temporary_files(hidden):
            made = Path(tempfile.mkdtemp(suffix=".mlpackage"))
            os.environ["A_CACHE"] = str(made)
        assert made.is_relative_to(tmp_path / ".small.partial") and made.is_dir()
        assert tempfile.gettempdir() == before and "A_CACHE" not in os.environ
    assert [path.name for path in tmp_path.rglob("*")] == ["small"]


def test_a_converter_that_does_not_say_that_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def convert() -> None:
        opened = tempfile.NamedTemporaryFile()  # noqa: SIM115  # left open, as a converter that fails leaves it
        opened.write(b"1")
        raise RuntimeError("[FileWriter]: unknown error")

    def fails(free: int) -> Exception:
        monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free))
        raised = pytest.raises((InputError, RuntimeError))
        with raised as said, workspace(tmp_path / "small") as hidden, temporary_files(hidden):
            convert()
        return said.value

    assert str(fails(free=4096)) == f"--out {tmp_path}: cannot be written: No space left on device"
    assert str(fails(free=1 << 30)) == "[FileWriter]: unknown error"
    gc.collect()
    assert capfd.readouterr().err == "" and not list(tmp_path.iterdir())


def test_a_lock_that_its_holder_deleted_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mobile_robust import files

    def deleted(lock: object, how: int) -> None:
        (tmp_path / ".lock").unlink()

    monkeypatch.setattr(files.fcntl, "flock", deleted)
    assert take_lock(tmp_path / ".lock") is None


def test_a_link_in_the_place_of_the_hidden_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "foreign" / "build").mkdir(parents=True)
    (tmp_path / ".small.partial").symlink_to(tmp_path / "foreign")
    with pytest.raises(InputError, match="cannot be written"), workspace(tmp_path / "small"):
        pytest.fail("let in")
    recover(tmp_path / "small")
    assert (tmp_path / "foreign" / "build").is_dir()
