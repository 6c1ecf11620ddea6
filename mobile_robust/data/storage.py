"""Photos that lie in tar files or in a storage that fsspec reaches, such as S3, with what commands ask of a path."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from mobile_robust.errors import InputError, first_line, unknown

_TAR = ".tar"
_HERE = PurePosixPath()
#: Photos that are asked for together: an object storage takes tens of milliseconds for each.
_TOGETHER = 64


class StorageError(InputError):
    """A storage did not give what it had listed: the network's fault perhaps, never the photo's."""


@dataclass(frozen=True)
class StoredPath:
    """A photo in a storage, or the location of photos; other processes and machines find it under the same name.

    Attributes:
        root: The location as the user named it: a URL of a folder, or the path or URL of a tar file, or of several with
            ``*``. All tar files are one folder, as if they were unpacked into it.
        inside: The photo's path in that folder; empty for the location itself.
        file: The file that holds it, as the storage names it.
        start: Where in that file it begins, in bytes; None: it is the file.
        size: Its bytes; None: not known.
    """

    root: str
    inside: PurePosixPath = _HERE
    file: str = ""
    start: int | None = None
    size: int | None = None

    def __str__(self) -> str:
        return self.root if self.inside == _HERE else f"{self.root.rstrip('/')}/{self.inside}"

    def __truediv__(self, name: str) -> StoredPath:
        return replace(self, inside=self.inside / name)

    @property
    def name(self) -> str:
        return self.inside.name or PurePosixPath(self.root).name

    @property
    def stem(self) -> str:
        return self.inside.stem

    def read_bytes(self) -> bytes:
        """Raises StorageError."""
        (content,) = read_all([self])
        return content

    def files(self) -> list[StoredPath]:
        """All files of the location, in order of path.

        Raises:
            InputError: There is no such location, it cannot be read, or two tar files hold a file of one name.
        """
        system, path = _system(self.root)
        try:
            found = list(self._unpacked(system, path) if self.root.endswith(_TAR) else self._listed(system, path))
        except InputError:
            raise
        except Exception as error:  # whatever the libraries of storages raise, of credentials for instance
            raise InputError(f"{self.root}: cannot be read: {first_line(error)}") from None
        if not found:
            raise InputError(f"{self.root}: no such folder or tar file, or nothing is in it")
        return sorted(found, key=lambda path: path.inside)

    def _listed(self, system: Any, path: str) -> Iterator[StoredPath]:
        if system.isfile(path):
            raise InputError(f"{self.root}: is a file; give a folder or {_TAR} files")
        for file, info in system.find(path, detail=True).items():
            inside = PurePosixPath(file).relative_to(path.rstrip("/"))
            yield StoredPath(self.root, inside, file, size=info.get("size"))

    def _unpacked(self, system: Any, path: str) -> Iterator[StoredPath]:
        held_by: dict[PurePosixPath, str] = {}
        for file in sorted(system.glob(path)):
            with system.open(file, "rb") as opened, tarfile.open(fileobj=opened, mode="r:") as tar:
                for member in tar:
                    if not member.isfile():
                        continue
                    inside = PurePosixPath(member.name.lstrip("/"))
                    if other := held_by.get(inside):
                        raise InputError(f"{self.root}: {inside} is in {other} and again in {file}")
                    held_by[inside] = file
                    yield StoredPath(self.root, inside, file, member.offset_data, member.size)


#: Of a photo, or of the folder of photos.
PhotoPath = Path | StoredPath


def photo_location(text: str) -> PhotoPath:
    """Where photos are, as a user names it: a folder of this machine, or what :class:`StoredPath` takes."""
    if "://" in text or "::" in text:
        return StoredPath(text)
    path = Path(text)
    return StoredPath(str(path.absolute())) if text.endswith(_TAR) and not path.is_dir() else path


def relative(path: PhotoPath, folder: PhotoPath) -> PurePath:
    """A photo's path in the folder of the photos."""
    return path.inside if isinstance(path, StoredPath) else path.relative_to(str(folder))


def read_all(paths: Sequence[StoredPath]) -> Iterator[bytes]:
    """What each of the photos of one location holds, in order; many of them are read at a time. Raises StorageError."""
    for first in range(0, len(paths), _TOGETHER):
        some = paths[first : first + _TOGETHER]
        system, _ = _system(some[0].root)
        ends = [None if path.start is None else path.start + (path.size or 0) for path in some]
        try:
            found = system.cat_ranges([path.file for path in some], [path.start for path in some], ends)
        except Exception as error:  # as in StoredPath.files
            found = [error] * len(some)
        for path, content in zip(some, found, strict=True):
            if not isinstance(content, bytes):
                raise StorageError(f"{path}: cannot be read: {first_line(content)}") from None
            yield content


@cache
def _system(root: str) -> tuple[Any, str]:
    """The file system of fsspec, and the path there; it keeps connections."""
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(root)
    except ImportError as error:  # which names the package
        raise InputError(f"{root}: {error}") from None
    except Exception as error:
        protocol = root.rpartition("::")[2].partition("://")[0]
        if protocol not in fsspec.available_protocols():
            raise unknown(f"protocol of {root}:", protocol, fsspec.available_protocols()) from None
        raise InputError(f"{root}: cannot be opened: {first_line(error)}") from None
    return system, path
