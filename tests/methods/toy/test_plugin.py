"""A method in a folder outside the package is found by MOBILE_ROBUST_METHODS, and every command takes it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file

FOLDER = Path(__file__).parent
Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope="module", autouse=True)
def _plugins() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOBILE_ROBUST_METHODS", str(FOLDER / "plugins"))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe of each variant, "image" and "layers"."""
    folder = tmp_path_factory.mktemp("toy")
    text = (FOLDER / "recipe.toml").read_text()
    (folder / "layers.toml").write_text(text)
    (folder / "image.toml").write_text(text.partition("[options]")[0])
    return folder


def ok(done: subprocess.CompletedProcess) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["image", "layers"])
def test_it_converts_and_verifies(variant: str, folder: Path, command: Run) -> None:
    only = ("--target", "tflite", "--precision", "fp32")
    ok(command("convert", folder / f"{variant}.toml", "--out", folder, *only))
    (verified,) = json.loads(ok(command("parity", folder / variant, "--runtime", "litert_cpu", "--json")))
    (artifact,) = verified["artifacts"]
    assert [(result["runtime"], result["verdict"]) for result in artifact["parity"]] == [("litert_cpu", "pass")]


@pytest.mark.slow
def test_it_trains_and_is_evaluated(folder: Path, photos: Path, command: Run) -> None:
    weights, some = folder / "toy.safetensors", folder / "photos"
    few = ("--steps", 3, "--threads", 1, "--readers", 0, "--cpu", "--smoothing", 0.2)
    ok(command("train", "toy", folder / "image.toml", "--images", photos, "--out", weights, *few))
    assert set(load_file(weights)) == {"gain", "bias"} and load_file(weights)["gain"].ne(1).all()
    assert len(weights.with_suffix(".jsonl").read_text().splitlines()) == 3
    recipe = folder / "trained.toml"
    recipe.write_text((folder / "image.toml").read_text() + '[weights]\nfile = "toy.safetensors"\n')
    some.mkdir()
    for path in sorted(photos.iterdir())[:2]:
        shutil.copy(path, some)
    out = folder / "scores"
    ok(command("evaluate", recipe, "--images", some, "--corruption", "jpeg:10", "--jobs", 1, "--out", out))
    document = json.loads((out / "scores.json").read_text())
    assert document["photos"]["used"] == 2
    assert {model["method"] for model in document["models"]} >= {"toy"}


def test_options_that_do_not_go_together_are_named(folder: Path, command: Run) -> None:
    path = folder / "wrong.toml"
    path.write_text((folder / "layers.toml").read_text().replace('"layer1", ', ""))
    done = command("convert", path, "--out", folder)
    assert done.returncode == 2
    assert f'{path}, line {len(path.read_text().splitlines()) - 2}: options: the variant "layers" needs' in done.stderr


@pytest.mark.slow
def test_it_does_what_every_method_must(tmp_path: Path) -> None:
    suite = [str(FOLDER.parent / "test_contract.py"), "-k", "toy and not converts", "-p", "no:cacheprovider"]
    base = f"--basetemp={tmp_path / 'suite'}"
    done = subprocess.run([sys.executable, "-m", "pytest", *suite, base], capture_output=True, text=True, check=False)
    assert " passed" in ok(done) and "skipped" not in done.stdout
