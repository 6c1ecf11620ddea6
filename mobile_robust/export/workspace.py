"""A build is made in a hidden folder and takes its name at the very end: what was killed never passes for complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mobile_robust.contracts.manifest import MANIFEST_NAME
from mobile_robust.documents import read_json
from mobile_robust.errors import InputError


@contextmanager
def workspace(out: Path, name: str) -> Iterator[Path]:
    """A hidden folder in ``out`` for one build; whatever killed builds of the same recipe left is removed."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for leftover in out.glob(f".{name}.partial-*"):
            if _abandoned(leftover):
                shutil.rmtree(leftover, ignore_errors=True)
        folder = out / f".{name}.partial-{os.getpid()}"
        folder.mkdir()
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written: {error.strerror}") from None
    try:
        yield folder
    except OSError as error:
        raise InputError(f"--out {out}: writing failed: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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


def _abandoned(leftover: Path) -> bool:
    """Whether the process in a hidden folder's name is gone; one of our own number was another, before us."""
    process = leftover.name.rpartition("-")[2]
    if not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except OSError as error:
        return isinstance(error, ProcessLookupError)
    return int(process) == os.getpid()


def replace(folder: Path, finished: Path) -> None:
    """Replaces an older build by a finished one."""
    stem, _, process = finished.name.rpartition("-")
    old = finished.with_name(f"{stem}-old-{process}")
    if folder.exists():
        folder.rename(old)
    finished.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
