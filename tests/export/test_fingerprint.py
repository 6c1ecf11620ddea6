"""A build is made again when something that can change it has changed, and only then."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import mobile_robust
from mobile_robust.errors import InputError
from mobile_robust.export.fingerprint import code_hash, fingerprint
from mobile_robust.recipes import load_recipe
from tests.recipes import write_recipe

PACKAGE = Path(mobile_robust.__file__).parent
#: The page beside the artifacts, which is no part of them.
REPORT = ("reporting/", "export/report.py", "export/error_plots.py", "parity/table.py")


def test_it_follows_recipe_weights_and_photos(tmp_path: Path) -> None:
    recipe = load_recipe(str(write_recipe(tmp_path)))
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(b"1")
    trained = recipe.model_copy(update={"weights": recipe.weights.model_copy(update={"file": str(weights)})})
    found = [fingerprint(recipe, []), fingerprint(recipe, [("a.jpg", 1, 1)]), fingerprint(trained, [])]
    weights.write_bytes(b"2")
    found += [fingerprint(trained, []), fingerprint(recipe.model_copy(update={"title": "other"}), [])]
    assert len(set(found)) == 5 and fingerprint(recipe, []) == found[0]
    weights.unlink()
    with pytest.raises(InputError, match="w.safetensors: no such file"):
        fingerprint(trained, [])


def imported(path: Path) -> Iterator[Path]:
    """The files of this package that a file imports, at its top or inside a function."""
    if path == PACKAGE / "__init__.py":
        return  # the Python API, which imports nothing before it is used
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if name.partition(".")[0] == PACKAGE.name:
                module = PACKAGE.parent / name.replace(".", "/")
                yield from (file for file in (module.with_suffix(".py"), module / "__init__.py") if file.is_file())


def reached(*starts: Path) -> set[Path]:
    """All files that importing some may run."""
    found, waiting = set(), [*starts]
    while waiting:
        if (path := waiting.pop()) not in found:
            found.add(path)
            waiting += imported(path)
    return found


@pytest.fixture(scope="module")
def copied_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("code") / PACKAGE.name
    return Path(shutil.copytree(PACKAGE, target, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors")))


def follows(package: Path, name: str) -> bool:
    """Whether the hash changes with a file."""
    path = package / name
    original, before = path.read_bytes(), code_hash(package)
    path.write_bytes(original + b"\n")
    changed = code_hash(package) != before
    path.write_bytes(original)
    return changed


def test_it_follows_all_code_that_a_build_runs(copied_package: Path) -> None:
    targets = sorted((PACKAGE / "export" / "targets").glob("*.py"))  # imported by name
    names = {path.relative_to(PACKAGE).as_posix() for path in reached(PACKAGE / "export" / "build.py", *targets)}
    names = {name for name in names if not name.startswith(REPORT)}
    assert {"tflite/file.py", "parity/metrics.py", "layers/fuse.py", "contracts/precisions.py"} <= names
    assert not [name for name in names if not follows(copied_package, name)]


@pytest.mark.parametrize("room", ["bench", "corruptions", "evaluation", "reporting", "training"])
def test_it_does_not_follow_rooms_that_use_or_make_what_is_built(copied_package: Path, room: str) -> None:
    names = [path.relative_to(PACKAGE).as_posix() for path in sorted((PACKAGE / room).glob("*.py"))]
    assert names and not [name for name in names if follows(copied_package, name)]


def test_a_file_that_nobody_knows_counts(copied_package: Path) -> None:
    before = code_hash(copied_package)
    (copied_package / "methods" / "new.py").touch()
    assert code_hash(copied_package) != before
