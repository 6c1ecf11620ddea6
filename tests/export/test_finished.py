"""Whether there is nothing to do is known without PyTorch, which takes longer to import than the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mobile_robust.contracts.manifest import FailedFile, read_manifest, write_manifest
from mobile_robust.export.finished import up_to_date
from mobile_robust.recipes import load_recipe


@pytest.mark.slow
def test_an_unchanged_build_is_found_without_pytorch(module_build: Path) -> None:
    recipe = module_build.parent / "small.toml"
    code = (
        "import sys; from mobile_robust.export.cli import main; "
        f"code = main([{str(recipe)!r}, '--out', {str(module_build.parent)!r}]); "
        "sys.exit(code or len({'torch', 'coremltools', 'litert_torch', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "nothing rebuilt" in done.stdout, done.stderr + done.stdout


def test_where_nothing_was_built_nothing_is_read(tmp_path: Path) -> None:
    recipe = load_recipe("film_mobilenetv2_pipeline")
    gone = recipe.model_copy(update={"weights": recipe.weights.model_copy(update={"file": str(tmp_path / "gone")})})
    assert up_to_date(gone, tmp_path, None) is None


@pytest.mark.slow
def test_a_build_that_lacks_files_is_not_finished(copied: Path) -> None:
    manifest = read_manifest(copied)
    recipe = load_recipe(str(Path(manifest.recipe.weights.file or "").with_name("small.toml")))
    assert up_to_date(recipe, copied.parent, None) is not None
    missing = FailedFile(target="tflite", precision="fp16", reason="why")
    write_manifest(manifest.model_copy(update={"failed": (missing,)}), copied)
    assert up_to_date(recipe, copied.parent, None) is None
