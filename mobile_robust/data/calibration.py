"""The photos a build needs: some to read int8 ranges from, others to compare the artifacts on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mobile_robust.data.images import (
    BUILT_IN_DESCRIPTION,
    JPEG_QUALITIES,
    Photo,
    Size,
    built_in_photos,
    draw_crops,
    find_images,
    jpeg,
)
from mobile_robust.data.split import training_part
from mobile_robust.errors import InputError


@dataclass(frozen=True)
class PhotoFolder:
    """The user's photos; those held out for the evaluation are left alone.

    Attributes:
        path: The folder.
        holdout: Fraction that is held out, or None.
        holdout_seed: Which ones.
    """

    path: Path
    holdout: float | None = None
    holdout_seed: int = 0

    def images(self) -> list[Path]:
        """Raises InputError where there is no such folder, or nothing is left in it."""
        return training_part(find_images(self.path), self.holdout, self.holdout_seed)

    def words(self) -> str:
        """For the manifest."""
        if self.holdout is None:
            return self.path.name
        return f"{self.path.name} but those of evaluate --holdout {self.holdout:g} --holdout-seed {self.holdout_seed}"


@dataclass(frozen=True)
class Samples:
    """Photos (uint8, height x width x 3) and where they are from, in words.

    ``notice`` names images that could not be read, or is None.
    """

    calibration: list[Photo]
    parity: list[Photo]
    calibration_words: str
    parity_words: str
    notice: str | None = None


def choose(folder: PhotoFolder | None, size: Size, calibration: int, parity: int) -> Samples:
    """Calibration and parity photos: different ones as long as there are enough.

    Without a folder they come from photos that ship in installed packages. Of a folder's photos, every second one for
    calibration is JPEG-compressed: bad photos are what the artifacts will meet.

    Raises:
        InputError: The folder holds no readable image.
    """
    if folder is None:
        photos = built_in_photos(size, calibration + parity)
        words = BUILT_IN_DESCRIPTION
        return Samples(
            photos[:calibration],
            photos[calibration:],
            f"the first {calibration} of {words}",
            f"the next {parity} of {words}",
        )
    crops = draw_crops(folder.images(), size, calibration + parity)
    photos = [photo for _, photo in crops]
    if not photos:
        raise InputError(f"--calibration {folder.path}: no images")
    enough = len(photos) - parity >= min(calibration, parity)  # otherwise too few would be left for either
    calibration = min(calibration, len(photos) - parity) if enough else calibration
    compressed = [
        jpeg(photo, JPEG_QUALITIES[i // 2 % len(JPEG_QUALITIES)]) if i % 2 else photo
        for i, photo in enumerate(photos[:calibration])
    ]
    rest = (photos[calibration:] if enough else photos)[:parity]
    shared = "" if enough else " (the calibration photos again: the folder holds too few)"
    return Samples(
        compressed,
        rest,
        f"{len(compressed)} photos of {folder.words()}, every second one JPEG-compressed",
        f"{len(rest)} photos of {folder.words()}{shared}",
        crops.skipped_message(),
    )


def identity(folder: PhotoFolder | None) -> list[tuple[str, int, int]]:
    """What changes when a folder's images change: name, bytes and modification time (ns) of each."""
    if folder is None:
        return []
    return [
        (str(path.relative_to(folder.path)), path.stat().st_size, path.stat().st_mtime_ns) for path in folder.images()
    ]
