"""What trained weights say of themselves, in the header of their safetensors file, wherever the file is taken."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from pydantic import Field
from safetensors import SafetensorError, safe_open

from mobile_robust.contracts.contract import Contract
from mobile_robust.data.content import content_hashes
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.storage import PhotoPath, relative
from mobile_robust.documents import DocumentError, parse_model
from mobile_robust.errors import InputError

#: Photos that a record names at most; of more it keeps those with the smallest hashes.
MOST_PHOTOS = 4096
#: Name of the record in the header.
_KEY = "mobile_robust.training"
_DIGITS = (
    12  # of each photo's hash: that one of a million other photos is taken for one of them has odds of 1 in 70,000
)


class TrainingRecord(Contract):
    """The backbone that weights were trained for, and the photos that they were trained on."""

    backbone: str | None = Field(description="SHA-256 of its tensors in half precision; null: random")
    photos: int = Field(ge=0, description="how many")
    split: str | None = Field(description="the options of train that left out the others; null: none were left out")
    hashes: str = Field(
        pattern=rf"^([0-9a-f]{{{_DIGITS}}})*$",
        description=f"the first {_DIGITS} hex digits of every photo's SHA-256; the {MOST_PHOTOS} smallest",
    )

    @classmethod
    def of(cls, photos: PhotoDataset, backbone: str | None, start: TrainingRecord | None) -> TrainingRecord:
        """Of a training on ``photos``, for a backbone with that hash, from weights with the record ``start``."""
        hashes = {content[:_DIGITS] for content in content_hashes(photos.paths)} - {""}
        kept = sorted(hashes | (start.known if start else set()))[:MOST_PHOTOS]
        return cls(
            backbone=backbone,
            photos=max(len(hashes | start.known), start.photos) if start else len(hashes),
            split=str(photos.split) if photos.split else None,
            hashes="".join(kept),
        )

    @classmethod
    def read(cls, path: Path) -> TrainingRecord | None:
        """The record of a weights file; None where it holds none, as files of other programs. Raises InputError where
        it is damaged."""
        try:
            with safe_open(path, "np") as file:
                text = (file.metadata() or {}).get(_KEY)
        except (SafetensorError, OSError, ValueError):
            return None  # no safetensors file
        try:
            return None if text is None else parse_model(cls, text)
        except DocumentError:
            raise InputError(f"weights file {path}: its record of the training is damaged") from None

    def metadata(self) -> dict[str, str]:
        """For the header of a safetensors file; one entry, whose bytes are always the same."""
        return {_KEY: self.model_dump_json()}

    @cached_property
    def known(self) -> set[str]:
        """The hashes that are kept."""
        return {self.hashes[i : i + _DIGITS] for i in range(0, len(self.hashes), _DIGITS)}

    def fits(self, backbone: str | None) -> bool:
        """Whether the weights were trained for a backbone whose tensors have that hash, as far as both are known."""
        return None in (backbone, self.backbone) or backbone == self.backbone

    def trained_on(self, paths: Sequence[PhotoPath]) -> list[PhotoPath]:
        """Those of the photos that the weights were trained on, by content: all of them, or where the training had more
        than a record keeps, some."""
        contents = zip(paths, content_hashes(paths), strict=True)
        return [path for path, content in contents if content[:_DIGITS] in self.known]

    def check_unseen(self, photos: PhotoDataset, module: str) -> None:
        """Raises InputError where the weights, those of ``module``, were trained on some of the photos."""
        if not (seen := self.trained_on(photos.paths)):
            return
        advice = f", or what its training left out: {self.split}" if self.split else ""
        raise InputError(
            f"--images {photos.folder}: the module of {module} was trained on {len(seen)} of these {len(photos)} "
            f"photos, such as {relative(seen[0], photos.folder)}, so its scores would flatter; give others{advice}"
        )
