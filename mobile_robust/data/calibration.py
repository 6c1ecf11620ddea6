"""The photos a build needs: some to calibrate int8 ranges with, others to compare the artifacts on."""

from __future__ import annotations

from dataclasses import dataclass

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.images import (
    BUILT_IN_DESCRIPTION,
    Degrade,
    Photo,
    Size,
    built_in_photos,
    whole_built_in_photos,
)
from mobile_robust.data.usable import FEW, UsablePhotos
from mobile_robust.errors import InputError


@dataclass(frozen=True)
class BuildPhotos:
    """Photos (uint8, height x width x 3), with their sources for the manifest; ``shown`` are for the report,
    ``notice`` names unreadable ones, and ``warnings`` say what is doubtful about them."""

    calibration: list[Photo]
    parity: list[Photo]
    shown: list[Photo]
    calibration_source: str
    parity_source: str
    notice: str | None = None
    warnings: tuple[str, ...] = ()


def choose(
    dataset: PhotoDataset | None, size: Size, calibration: int, parity: int, degrade: Degrade, how: str, more: int = 0
) -> BuildPhotos:
    """So many calibration and parity crops: different photos, by content, as long as there are enough; copies, and
    photos that show nothing, are left out.

    They are the user's, of which up to ``more`` are for parity where there are so many; or, without a dataset, photos
    that ship with the dependencies. Every second one for calibration is degraded, as ``how`` says: degraded photos are
    what the artifacts will meet.

    Raises:
        InputError: None of the photos can be read, or none of them shows anything.
    """
    if dataset is None:
        return BuildPhotos(
            built_in_photos(size, calibration, degrade),
            built_in_photos(size, calibration + parity)[calibration:],
            whole_built_in_photos(size),
            f"the first {calibration} of {BUILT_IN_DESCRIPTION}, every second one degraded: {how}",
            f"the next {parity} of {BUILT_IN_DESCRIPTION}, every second one degraded: jpeg",
        )
    drawn = dataset.shuffled(0)
    usable = UsablePhotos.of(drawn.crops(size), calibration + max(parity, more))
    photos, doubts = usable.photos, [*usable.doubts(calibration)]
    if not photos:
        raise InputError(
            f"--calibration {dataset.folder}: no photo to calibrate with: {usable.left_out}; give photos like those "
            f"that the app will see, {FEW} or more different ones"
        )
    enough = len(photos) - parity >= min(calibration, parity)  # otherwise too few would be left for either
    calibration = min(calibration, len(photos) - parity) if enough else calibration
    seen = [degrade(photo, i // 2) if i % 2 else photo for i, photo in enumerate(photos[:calibration])]
    rest = (photos[calibration:] if enough else photos)[: max(parity, more)]
    shared = "" if enough else " (also used for calibration: the folder holds too few)"
    if not enough:
        doubts.append("parity photos: also used for calibration, the folder holds too few others")
    return BuildPhotos(
        seen,
        rest,
        rest,
        f"{len(seen)} {dataset.describe()}, every second one degraded: {how}",
        f"{len(rest)} {dataset.describe()}{shared}",
        drawn.skipped_message(),
        tuple(doubts),
    )
