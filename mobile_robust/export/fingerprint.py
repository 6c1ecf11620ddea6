"""Whether a build is still good: one hash over everything it depends on."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from fnmatch import fnmatch
from functools import cache
from importlib.metadata import version
from pathlib import Path

from mobile_robust import __version__
from mobile_robust.contracts.chips import Chip
from mobile_robust.contracts.manifest import Manifest, StoredFile, body_hash, read_manifest, verify_hashes
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.data.class_names import class_names
from mobile_robust.errors import InputError
from mobile_robust.files import resume_key, sha256
from mobile_robust.runtimes.snapdragon_npu.compiler import versions

#: Of the page for people, which a build that is to be reused must have.
REPORT_NAME = "report.html"
#: The packages whose version can change an artifact or its verification.
PACKAGES = ("torch", "timm", "litert-torch", "ai-edge-litert", "ai-edge-quantizer", "coremltools", "numpy")

_PACKAGE = Path(__file__).resolve().parent.parent
#: Code that can change neither. What is not named here counts, so that a new file never leaves a stale build.
_WITHOUT_EFFECT = (
    *(f"{room}/*" for room in ("ablation", "bench", "evaluation", "reporting", "training")),
    *("*cli.py", "*__main__.py", "methods/*/training.py", "methods/*/rank/*"),
    *("export/app_kit/*", "export/report.py", "export/error_plots.py", "export/shown_photos.py", "parity/table.py"),
)


@cache
def tool_versions() -> dict[str, str]:
    """Package -> version, Python and this project included."""
    own = {"mobile-robust": __version__, "python": platform.python_version()}
    return own | {name: version(name) for name in PACKAGES}


def fingerprint(recipe: Recipe, images: Sequence[tuple[str, int, int]], chips: Sequence[Chip] = ()) -> str:
    """Hex SHA-256 of the recipe, its weights files and class names, the calibration images, the tools, this package's
    code, and the chips that are compiled for with what compiles; raises InputError where a file is missing.
    """
    backbone = recipe.backbone
    files = [recipe.weights.file, recipe.weights.ranking, backbone.weights if backbone else None]
    paths = [Path(name) for name in files if name and not name.startswith("timm:")]
    for path in paths:
        if not path.is_file():
            raise InputError(f"weights file {path}: no such file")
    digests = [sha256(path) for path in paths]
    if backbone and backbone.classes:
        digests.append(resume_key(class_names(backbone.classes)))
    npu = [list(chips), versions()] if chips else []
    return resume_key([recipe.model_dump_json(), digests, list(images), tool_versions(), code_hash(), *npu])


def reusable(folder: Path, expected: str) -> Manifest | None:
    """The manifest of a build with the expected fingerprint, in which manifest, artifacts and report are what the build
    wrote, or None. Who edits a file and then all hashes of it is believed.
    """
    try:
        manifest = read_manifest(folder)
        verify_hashes(manifest, folder)
    except InputError:
        return None
    page = folder / REPORT_NAME
    report = StoredFile(file=page.name, sha256=sha256(page)) if page.is_file() else None
    untouched = report and report == manifest.report and body_hash(manifest) == manifest.body_sha256
    return manifest if untouched and manifest.fingerprint == expected else None


def code_hash(package: Path = _PACKAGE) -> str:
    """Hex SHA-256 of the code that can change an artifact or its verification."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        if not any(fnmatch(name, pattern) for pattern in _WITHOUT_EFFECT):
            digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
