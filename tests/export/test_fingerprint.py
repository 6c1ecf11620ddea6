"""A build is made again when something that can change it has changed, and only then."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mobile_robust.errors import InputError
from mobile_robust.export.fingerprint import code_hash, fingerprint
from mobile_robust.recipes import load_recipe
from tests.recipes import write_recipe
from tests.test_imports import IMPORTS, MODULES, PACKAGE

#: The page beside the artifacts, which is no part of them, and the degradations that it shows.
REPORT = (
    *("reporting/", "corruptions/", "export/report.py", "export/error_plots.py", "export/shown_photos.py"),
    *("parity/table.py", "export/app_kit/"),
)


def test_it_follows_recipe_weights_photos_and_chips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_recipe(str(write_recipe(tmp_path)))
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(b"1")
    trained = recipe.model_copy(update={"weights": recipe.weights.model_copy(update={"file": str(weights)})})
    found = [fingerprint(recipe, []), fingerprint(recipe, [("a.jpg", 1, 1)]), fingerprint(trained, [])]
    weights.write_bytes(b"2")
    found += [fingerprint(trained, []), fingerprint(recipe.model_copy(update={"title": "other"}), [])]
    monkeypatch.setattr("mobile_robust.export.fingerprint.versions", lambda: {"qairt": "2.51.0"})
    found += [fingerprint(recipe, [], ["SM8650"]), fingerprint(recipe, [], ["SM8750"])]
    monkeypatch.setattr("mobile_robust.export.fingerprint.versions", lambda: {"qairt": "2.52.0"})
    found.append(fingerprint(recipe, [], ["SM8650"]))
    assert len(set(found)) == 8 and fingerprint(recipe, []) == found[0]
    weights.unlink()
    with pytest.raises(InputError, match="w.safetensors: no such file"):
        fingerprint(trained, [])


def reached(*starts: str) -> set[Path]:
    """The files of all modules that importing some may run. The Python API imports nothing before it is used."""
    found, waiting = set(), [*starts]
    while waiting:
        if (name := waiting.pop()) in MODULES and name not in found:
            found.add(name)
            waiting += [*IMPORTS[name], name.rpartition(".")[0]]
    return {MODULES[name] for name in found}


@pytest.fixture(scope="module")
def copied_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("code") / PACKAGE.name
    return Path(shutil.copytree(PACKAGE, target, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors")))


def with_changed(package: Path, *names: str) -> str:
    """The hash where some files are others; they are left as they were."""
    originals = {package / name: (package / name).read_bytes() for name in names}
    for path, content in originals.items():
        path.write_bytes(content + b"\n")
    changed = code_hash(package)
    for path, content in originals.items():
        path.write_bytes(content)
    return changed


@pytest.mark.slow
def test_it_follows_all_code_that_a_build_runs(copied_package: Path) -> None:
    targets = [name for name in MODULES if ".export.targets." in name]  # imported by name
    paths = reached("mobile_robust.export.build", *targets)
    names = {path.relative_to(PACKAGE).as_posix() for path in paths}
    names = {name for name in names if not name.startswith(REPORT)}
    assert {"tflite/file.py", "parity/metrics.py", "layers/fuse.py", "contracts/precisions.py"} <= names
    before = code_hash(copied_package)
    assert not [name for name in names if with_changed(copied_package, name) == before]


@pytest.mark.parametrize("room", ["bench", "evaluation", "reporting", "training"])
def test_it_does_not_follow_rooms_that_use_or_make_what_is_built(copied_package: Path, room: str) -> None:
    names = [path.relative_to(PACKAGE).as_posix() for path in (PACKAGE / room).glob("*.py")]
    assert names and with_changed(copied_package, *names) == code_hash(copied_package)


def test_a_file_that_nobody_knows_counts(copied_package: Path) -> None:
    before = code_hash(copied_package)
    (copied_package / "methods" / "new.py").touch()
    assert code_hash(copied_package) != before
