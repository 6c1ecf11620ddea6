"""The photos of one evaluation: where they lie, what they show, and what tells them from others."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Photos:
    """Photos in the order in which they are scored; a photo's index seeds its noise.

    Attributes:
        paths: The files.
        labels: Class index of each.
        digest: Hex SHA-256 over contents and labels.
    """

    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    digest: str

    def __len__(self) -> int:
        return len(self.paths)


def read_photos(paths: Sequence[Path], labels: Mapping[Path, int]) -> Photos:
    """Reads every file once, without decoding it. What cannot be read or decoded is found out when it is scored."""
    content = hashlib.sha256()
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError:
            data = b""
        content.update(f"{labels[path]} {len(data)} ".encode() + data)
    return Photos(tuple(paths), tuple(labels[path] for path in paths), content.hexdigest())
