"""A finished build, and whether it still is what would be built now; without PyTorch, which takes seconds to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mobile_robust.contracts.manifest import MANIFEST_NAME, Manifest
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.export.fingerprint import fingerprint, reusable
from mobile_robust.export.workspace import recover


@dataclass(frozen=True)
class Build:
    """A finished build: what is in its folder, and how equal each file is to the PyTorch reference."""

    folder: Path
    manifest: Manifest
    reused: bool  # nothing had changed, so nothing was built
    notice: str | None = None  # names calibration images that could not be read


def up_to_date(recipe: Recipe, out: Path, calibration: PhotoDataset | None) -> Build | None:
    """The build of a recipe in ``out``, for no chip, where nothing has changed since it was made and no file failed.

    Raises:
        InputError: There is a build, and a file that the recipe names is missing.
    """
    folder = out / recipe.name
    recover(folder)
    if not (folder / MANIFEST_NAME).is_file():
        return None
    manifest = reusable(folder, fingerprint(recipe, calibration.identity() if calibration else []))
    return Build(folder, manifest, reused=True) if manifest and not manifest.failed else None
