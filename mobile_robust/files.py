"""Files written whole or not at all, the lock of a folder, and every hash of this project."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mobile_robust.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


#: What the names of scratch folders begin with.
_SCRATCH = ".scratch-"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name for a file in the folder of ``path``, which takes its place when the block ends well: a reader
    never sees half a file. Where ``path`` is a symbolic link, what it points to is replaced, not the link. Raises
    OSError for a device or a pipe, which a file would take away from all programs.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    # No process number: in two containers that share the folder both may be process 1.
    temporary = path.with_name(f".mobile-robust-{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes | str) -> None:
    """Writes a file and has it on the disk before it takes its name; see :func:`replacing`."""
    with replacing(path) as temporary, temporary.open("xb") as file:
        file.write(data.encode() if isinstance(data, str) else data)
        file.flush()
        os.fsync(file.fileno())


def write_output(path: Path, data: bytes | str) -> None:
    """:func:`write_atomically` for a file that a user asked for: raises InputError, for instance on a full disk."""
    try:
        write_atomically(path, data)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None


def user_cache() -> Path:
    """The folder of this project in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mobile_robust"


def take_lock(path: Path) -> IO[bytes] | None:
    """A lock file, held until it is closed or the process ends, however it ends; None: another process holds it. It is
    the system's, so it also holds between containers that share the folder. Raises OSError where it cannot be written.
    """
    # Opened for reading as well: of a pipe, which somebody may have put there, opening for writing alone waits.
    lock = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "r+b", buffering=0)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass
    except BaseException:
        lock.close()
        raise
    else:
        if os.fstat(lock.fileno()).st_nlink:  # otherwise its holder has just ended and deleted it
            return lock
    lock.close()
    return None


@contextmanager
def output_lock(out: Path, option: str = "--out") -> Iterator[None]:
    """Holds the lock of an output, a folder that is there or a file that may not be, so that no two processes write the
    same files. ``option`` is what the user named it with, for the message.

    Raises:
        InputError: Another process holds it, or its folder cannot be written.
    """
    path = out / ".lock" if out.is_dir() else out.with_name(f".{out.name}.lock")
    try:
        lock = take_lock(path)
    except OSError as error:
        raise InputError(f"{option} {out}: cannot be written: {error.strerror or error}") from None
    if lock is None:
        raise InputError(f"{option} {out}: another process is writing it; wait, or choose another")
    with lock:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """A hidden folder in ``folder`` for files that are needed until the block ends. What killed processes have left of
    theirs is removed. Raises OSError where it cannot be made."""
    for left in folder.glob(f"{_SCRATCH}*"):
        with suppress(OSError):
            lock = take_lock(left / ".lock")
            if lock is not None:
                with lock:
                    shutil.rmtree(left)
    made = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=folder))
    with take_lock(made / ".lock") or nullcontext():
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)


def remove(path: Path) -> None:
    """Removes a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file, or of a folder (an ``.mlpackage``): names and contents in sorted order."""
    digest = hashlib.sha256()
    for member in sorted(_members(path)):
        if path.is_dir():
            digest.update(member.relative_to(path).as_posix().encode() + b"\0")
            digest.update(member.stat().st_size.to_bytes(8, "little"))
        with member.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def state_hash(state: Mapping[str, Tensor]) -> str:
    """Hex SHA-256 of a state dict: names and raw bytes of its tensors, in order of name."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(name.encode() + b"\0" + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def resume_key(settings: Any) -> str:
    """Hex SHA-256 of settings that JSON can hold, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(member.stat().st_size for member in _members(path))


def _members(path: Path) -> list[Path]:
    return [member for member in path.rglob("*") if member.is_file()] if path.is_dir() else [path]


def member(folder: Path, name: str) -> Path:
    """``folder/name`` for a name that a document gives: a regular file in the folder, or a folder of such files.

    Raises:
        InputError: It is missing, leads out of the folder, also by a link, or is or holds something else, such as a
            device or a pipe, which could be read for ever.
    """
    path = folder / name
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(folder.resolve()) or real == folder.resolve():
            raise InputError(f"{path}: leads out of {folder}; must be a file in it")
        odd = [each for each in [path, *path.rglob("*")] if not (each.is_file() or each.is_dir())]
        odd += [each for each in path.rglob("*") if each.is_symlink()]
    except (OSError, ValueError, RuntimeError) as error:  # a name with a NUL; links in a circle
        reason = "missing" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", None) or error
        raise InputError(f"{ascii(str(path)) if chr(0) in name else path}: {reason}") from None
    if odd:
        raise InputError(f"{odd[0]}: not a regular file, or a link")
    return path
