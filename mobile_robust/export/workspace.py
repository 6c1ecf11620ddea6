"""A build is made in a hidden folder and takes its name at the very end: what was killed never passes for complete.

``.NAME.partial/`` lies beside the folder NAME that a build becomes, and holds all that it needs until then:

    .lock    of the process that builds: where it can be taken, what is here was left by a killed one
    build/   what is to become NAME
    tmp/     files that the converters think they delete themselves
    old/     the build that is being replaced
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mobile_robust.contracts.manifest import MANIFEST_NAME
from mobile_robust.documents import read_json
from mobile_robust.errors import InputError, disk_failure
from mobile_robust.files import take_lock

_BUILD, _TEMPORARY, _OLD = "build", "tmp", "old"
#: A disk with fewer bytes is full: no writer stops before.
_FULL = 1 << 20


@contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """A hidden folder for one build, which replaces ``folder`` when the block ends well. Where ``folder`` is a symbolic
    link, what it points to is replaced, not the link.

    Raises:
        InputError: It cannot be written, the disk is full, or another process is building there.
    """
    out, target = folder.parent, _followed(folder)
    try:
        with _held(target) as partial:
            if partial is None:
                raise InputError(f"--out {out}: another process is building {folder.name} there; wait for its end")
            build = partial / _BUILD
            build.mkdir()
            yield build
            if target.exists():
                target.rename(partial / _OLD)
            build.rename(target)
    except Exception as error:
        if reason := disk_failure(error):
            raise InputError(f"--out {out}: cannot be written: {reason}") from error
        raise


def recover(folder: Path) -> None:
    """Removes what a killed build of ``folder`` has left, and puts the build back that it was about to replace."""
    target = _followed(folder)
    if _partial(target).is_dir():
        with suppress(OSError), _held(target):
            pass


@contextmanager
def _held(target: Path) -> Iterator[Path | None]:
    """The hidden folder of a build, with nothing in it but the lock, removed at the end; None: another process has it.

    Raises OSError where it cannot be made."""
    partial = _partial(target)
    partial.mkdir(parents=True, exist_ok=True)
    if partial.is_symlink():  # what it points to is somebody's
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(partial))
    lock = take_lock(partial / ".lock")
    if lock is None:
        yield None
        return
    with lock:
        try:
            _empty(partial, target)
            yield partial
        finally:
            _empty(partial, target)
            (partial / ".lock").unlink(missing_ok=True)
            with suppress(OSError):  # the next one is there already
                partial.rmdir()


def _empty(partial: Path, target: Path) -> None:
    old = partial / _OLD
    if old.exists():
        try:
            old.rename(target)  # its replacement never came
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
    for name in (_BUILD, _TEMPORARY, _OLD):
        shutil.rmtree(partial / name, ignore_errors=True)


def _followed(folder: Path) -> Path:
    target = Path(os.path.realpath(folder))
    if target.is_symlink():
        raise InputError(f"{folder}: a loop of symbolic links")
    return target


def _partial(target: Path) -> Path:
    return target.with_name(f".{target.name}.partial")


@contextmanager
def temporary_files(build: Path) -> Iterator[None]:
    """Has Python's temporary files, of which the converters leave hundreds of megabytes when they are killed, made
    beside a build's hidden folder, so that they are removed with it. Raises OSError instead of an error of native code,
    which does not say why it failed, where the disk is full.
    """
    folder = build.with_name(_TEMPORARY)
    folder.mkdir(exist_ok=True)
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    except BaseException as error:
        full = shutil.disk_usage(folder).free < _FULL
        _forget_variables(error)
        if full and isinstance(error, Exception):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise
    finally:
        tempfile.tempdir = before
        for name in [name for name, value in os.environ.items() if value.startswith(f"{folder}/")]:
            del os.environ[name]  # PyTorch keeps the place of its cache there, and would make it again


def _forget_variables(error: BaseException) -> None:
    """Of the functions that failed: files that they opened are deleted now, not noisily when the folder has gone."""
    chain: BaseException | None = error
    while chain is not None:
        traceback.clear_frames(chain.__traceback__)
        chain = chain.__cause__ or chain.__context__


def refuse_foreign(folder: Path) -> None:
    """Raises InputError for a folder that is neither empty nor a build."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        manifest = read_json(folder / MANIFEST_NAME, "a manifest")
    except InputError:
        manifest = None
    if not isinstance(manifest, dict) or "fingerprint" not in manifest:
        raise InputError(f"{folder} exists and is not a build of this tool: choose another --out, or move it away")
