"""What tells photos apart, whatever they are called and wherever they lie: the bytes of their files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from mobile_robust.files import sha256


def content_hash(path: Path) -> str:
    """Hex SHA-256 of a file; "" where it cannot be read. A file that did not change since is not read again."""
    try:
        stat = path.stat()
        return _hash(path, stat.st_size, stat.st_mtime_ns)
    except OSError:
        return ""


@cache
def _hash(path: Path, size: int, modified: int) -> str:
    return sha256(path)
