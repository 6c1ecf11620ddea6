"""Photos as every command takes them: from a folder, one at a time, or those that ship with the dependencies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from mobile_robust.data.content import contents
from mobile_robust.data.folder import PhotoFolder
from mobile_robust.data.images import (
    BUILT_IN_DESCRIPTION,
    Photo,
    Size,
    built_in_photos,
    centre_crop,
    read_image,
)
from mobile_robust.data.labels import Labels, label_images
from mobile_robust.data.split import Split, draws
from mobile_robust.data.storage import PhotoPath, StorageError, relative
from mobile_robust.errors import InputError


@dataclass(eq=False)
class PhotoDataset:
    """Photos of a folder. They are decoded one at a time; broken files are skipped and noted.

    Attributes:
        paths: The image files. A photo's index is its position here; it seeds the photo's noise.
        labels: Class index of every photo; None: unknown.
        split: What the folder was split by; None: not at all.
        labels_from: "names", "folders" or the name of a CSV file; None: no labels.
        classes: How many the labels tell apart; None: not known.
        left_out: Names what in the folder is not taken for photos, and why; None: nothing.
        broken: The files that turned out to be broken so far, with the reason.
    """

    folder: PhotoPath
    paths: tuple[PhotoPath, ...]
    labels: tuple[int, ...] | None = None
    split: Split | None = None
    labels_from: str | None = None
    classes: int | None = None
    left_out: str | None = None
    broken: dict[PhotoPath, str] = field(default_factory=dict)
    _tried: set[PhotoPath] = field(default_factory=set)

    @classmethod
    def from_folder(
        cls, folder: PhotoPath, labels: str | None = None, split: Split | None = None, held_out: bool = False
    ) -> PhotoDataset:
        """The images in a folder and its sub-folders, in order of path; of a split those that are not held out or, with
        ``held_out``, the others, in the order of the split. For ``labels`` see
        :func:`~mobile_robust.data.labels.label_images`; None: unknown.

        Raises:
            InputError: No usable folder, an image without a label, or a split that leaves no image. Broken images show
                when they are read.
        """
        found = PhotoFolder.scan(folder)
        paths: Sequence[PhotoPath] = found.photos
        labelled = label_images(paths, folder, labels) if labels else Labels({})
        if split is not None:
            paths = split.test(paths) if held_out else split.train(paths)
        return cls(
            folder,
            tuple(paths),
            tuple(labelled.indices[path] for path in paths) if labels else None,
            split,
            Path(labels).name if labels else None,
            labelled.classes,
            "; ".join(filter(None, (found.message(), labelled.left_out))) or None,
        )

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, index: int) -> Photo:
        """One photo, uint8 (H, W, 3).

        Raises:
            InputError: The file is broken; it is noted in ``broken``. StorageError: it cannot be had, and is not.
        """
        path = self.paths[index]
        self._tried.add(path)
        try:
            return read_image(path)
        except StorageError:
            raise
        except InputError as error:
            self.broken[path] = str(error).removeprefix(f"{path}: ")
            raise

    def attempt(self, index: int) -> Photo | None:
        """:meth:`read`, or None where the file is broken. Raises StorageError."""
        try:
            return self.read(index)
        except StorageError:
            raise
        except InputError:
            return None

    def __iter__(self) -> Iterator[tuple[int, Photo]]:
        """Index and photo, uint8 (H, W, 3), of every file that is not broken; InputError at the end, where all are."""
        found = False
        for index in range(len(self)):
            if (photo := self.attempt(index)) is not None:
                found = True
                yield index, photo
        if not found:
            raise self.none_readable()

    def crops(self, size: Size) -> Iterator[Photo]:
        """:func:`~mobile_robust.data.images.centre_crop` of every photo that is not broken, uint8 (*size, 3)."""
        return (centre_crop(photo, size) for _, photo in self)

    def subset(self, indices: Sequence[int]) -> PhotoDataset:
        """Some of the photos, in the order of ``indices``; what is known of broken files stays known."""
        paths = tuple(self.paths[i] for i in indices)
        labels = self.labels and tuple(self.labels[i] for i in indices)
        return replace(self, paths=paths, labels=labels, broken=dict(self.broken), _tried=set(self._tried))

    def set_aside(self, count: int, seed: int) -> tuple[PhotoDataset, PhotoDataset | None]:
        """All but ``count`` of the photos, and these, of a fifth of all at most; chosen by content, so that copies stay
        together. None: there are too few."""
        count = min(count, len(self) // 5)
        if not count:
            return self, None
        drawn = draws(self.paths, f"aside {seed}")
        least = sorted(drawn)[count]
        parts = ([i for i, own in enumerate(drawn) if (own < least) is aside] for aside in (False, True))
        others, aside = map(self.subset, parts)
        return others, aside if len(aside) else None

    def shuffled(self, seed: int) -> PhotoDataset:
        """All photos in the order of ``numpy.random.default_rng(seed).permutation``."""
        return self.subset([int(i) for i in np.random.default_rng(seed).permutation(len(self))])

    def drawn(self, count: int | None, seed: int) -> PhotoDataset:
        """The first ``count`` of :meth:`shuffled`, or as many as there are; None: all, in their order."""
        return self if count is None else self.shuffled(seed).subset(range(min(count, len(self))))

    def readable(self, count: int | None = None) -> PhotoDataset:
        """Only photos that can be decoded, which this tries: the first ``count``, or all; InputError: there is none."""
        return self.subset([index for index, _ in islice(self, count)])

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 over the bytes of the files, in order: the hash of an image set, wherever one is stored."""
        content = hashlib.sha256()
        for data in contents(self.paths):
            content.update(len(data).to_bytes(8, "little") + data)
        return content.hexdigest()

    def identity(self) -> list[tuple[str, int, int]]:
        """Name, bytes and modification time (ns) of every file, which reads none of them; of files in a storage, where
        times mean little, a hash in its place. Changes with the photos."""
        stats = [path.stat() for path in self.paths if isinstance(path, Path)]
        facts = [(stat.st_size, stat.st_mtime_ns) for stat in stats] or [
            (len(data), int.from_bytes(hashlib.sha256(data).digest()[:8], "big")) for data in contents(self.paths)
        ]
        names = [relative(path, self.folder).as_posix() for path in self.paths]
        return [(name, *own) for name, own in zip(names, facts, strict=True)]

    def check_classes(self, count: int, network: str) -> None:
        """Raises InputError where the labels cannot be those of a network with ``count`` classes."""
        if self.labels is None:
            return
        if self.classes not in (None, count):
            raise InputError(
                f"--labels folders: {self.folder} holds {self.classes} classes, but {network} knows {count}; "
                "give a folder with all of them, or the class indices with --labels FILE.csv"
            )
        largest, path = max(zip(self.labels, self.paths, strict=True))
        if largest >= count:
            raise InputError(f"--labels: {path} has label {largest}, but {network} knows the classes 0 to {count - 1}")

    def describe(self) -> str:
        """Provenance: "photos of NAME", and what is left out of them."""
        name = f"photos of {self.folder.name}"
        return name if self.split is None else f"{name} but those of evaluate {self.split}"

    def skipped_message(self) -> str | None:
        """One line on what is left out and which files turned out to be broken; None where there is neither."""
        return "; ".join(filter(None, (self.left_out, skipped_message(self.broken, len(self._tried))))) or None

    def none_readable(self) -> InputError:
        """The error where every file is broken."""
        path, reason = next(iter(self.broken.items()))
        return InputError(f"none of {len(self.broken)} images can be read; the first, {path}: {reason}")


@dataclass(frozen=True)
class BuiltInPhotos:
    """``count`` of the photos that ship with the dependencies, with what commands need of a :class:`PhotoDataset`."""

    count: int

    def __len__(self) -> int:
        return self.count

    def crops(self, size: Size) -> Iterator[Photo]:
        return iter(built_in_photos(size, self.count))

    @property
    def digest(self) -> str:
        """Hex SHA-256 over their pixels at 224 x 224."""
        return hashlib.sha256(b"".join(photo.tobytes() for photo in self.crops((224, 224)))).hexdigest()

    def describe(self) -> str:
        return BUILT_IN_DESCRIPTION


def skipped_message(broken: Mapping[PhotoPath, str], total: int) -> str | None:
    """One line that names the first three broken files and counts all of ``total``; None where none is broken."""
    if not broken:
        return None
    named = "; ".join(f"{path}: {reason}" for path, reason in list(broken.items())[:3])
    more = f"; and {len(broken) - 3} more" if len(broken) > 3 else ""
    return f"skipped {len(broken)} of {total} images: {named}{more}"
