"""What a build takes over from the one before it, of the same recipe, that lacks files."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from mobile_robust.contracts.chips import Chip
from mobile_robust.contracts.manifest import Artifact, Manifest, NpuArtifact
from mobile_robust.contracts.precisions import Precision
from mobile_robust.contracts.targets import Target


@dataclass(frozen=True)
class EarlierBuild:
    """A build with the fingerprint of the one that is made now, in which some files failed."""

    folder: Path
    manifest: Manifest

    def take(self, target: Target, precision: Precision, into: Path) -> Artifact | None:
        """Copies a file into a folder; its entry with what was verified, or None where it failed."""
        for artifact in self.manifest.artifacts:
            if (artifact.target, artifact.precision) == (target, precision):
                _copy(self.folder / artifact.file, into)
                return artifact
        return None

    def take_compiled(self, source: str, chip: Chip, into: Path) -> NpuArtifact | None:
        """The same of what was compiled from a file for a chip."""
        for compiled in self.manifest.npu:
            if (compiled.source, compiled.chip) == (source, chip):
                _copy(self.folder / compiled.file, into)
                return compiled
        return None


def _copy(path: Path, into: Path) -> None:
    copy = shutil.copytree if path.is_dir() else shutil.copyfile
    copy(path, into / path.name)
