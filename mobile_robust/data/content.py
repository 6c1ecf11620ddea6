"""What tells photos apart, whatever they are called and wherever they lie: the bytes of their files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from mobile_robust.data.storage import PhotoPath, StoredPath, read_all
from mobile_robust.files import sha256

#: Of photos in a storage, which is asked for each but once or twice.
_stored: dict[StoredPath, str] = {}


def contents(paths: Sequence[PhotoPath]) -> Iterator[bytes]:
    """The bytes of every file, in order; none where it cannot be read. Raises StorageError, of a storage."""
    stored = [path for path in paths if isinstance(path, StoredPath)]
    for path, content in zip(stored, read_all(stored), strict=True):
        _stored[path] = hashlib.sha256(content).hexdigest()
        yield content
    for file in [path for path in paths if isinstance(path, Path)]:
        try:
            yield file.read_bytes()
        except OSError:
            yield b""


def content_hashes(paths: Sequence[PhotoPath]) -> list[str]:
    """Hex SHA-256 of every file; "" where it cannot be read. A file that did not change since is not read again. Raises
    StorageError, of a storage."""
    for _ in contents([path for path in paths if isinstance(path, StoredPath) and path not in _stored]):
        pass
    return [_stored[path] if isinstance(path, StoredPath) else _of_file(path) for path in paths]


def _of_file(path: Path) -> str:
    try:
        stat = path.stat()
        return _hash(path, stat.st_size, stat.st_mtime_ns)
    except OSError:
        return ""


@cache
def _hash(path: Path, size: int, modified: int) -> str:
    return sha256(path)
