"""The photos a build needs: some to calibrate int8 ranges with, others to compare the artifacts on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import BUILT_IN_DESCRIPTION, JPEG_QUALITIES, Photo, Size, built_in_photos, jpeg


@dataclass(frozen=True)
class BuildPhotos:
    """Photos (uint8, height x width x 3), with their sources for the manifest; ``notice`` names unreadable ones."""

    calibration: list[Photo]
    parity: list[Photo]
    calibration_source: str
    parity_source: str
    notice: str | None = None


def choose(dataset: PhotoDataset | None, size: Size, calibration: int, parity: int) -> BuildPhotos:
    """So many calibration and parity crops: different photos as long as there are enough.

    They are the user's or, without a dataset, photos that ship with the dependencies. Of the user's, every second one
    for calibration is JPEG-compressed: compressed photos are what the artifacts will meet.

    Raises:
        InputError: None of the photos can be read.
    """
    if dataset is None:
        photos = built_in_photos(size, calibration + parity)
        return BuildPhotos(
            photos[:calibration],
            photos[calibration:],
            f"the first {calibration} of {BUILT_IN_DESCRIPTION}",
            f"the next {parity} of {BUILT_IN_DESCRIPTION}",
        )
    drawn = dataset.shuffled(0)
    photos = list(islice(drawn.crops(size), calibration + parity))
    enough = len(photos) - parity >= min(calibration, parity)  # otherwise too few would be left for either
    calibration = min(calibration, len(photos) - parity) if enough else calibration
    compressed = [
        jpeg(photo, JPEG_QUALITIES[i // 2 % len(JPEG_QUALITIES)]) if i % 2 else photo
        for i, photo in enumerate(photos[:calibration])
    ]
    rest = (photos[calibration:] if enough else photos)[:parity]
    shared = "" if enough else " (the calibration photos again: the folder holds too few)"
    return BuildPhotos(
        compressed,
        rest,
        f"{len(compressed)} {dataset.describe()}, every second one JPEG-compressed",
        f"{len(rest)} {dataset.describe()}{shared}",
        drawn.skipped_message(),
    )
