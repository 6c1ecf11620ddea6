"""A method in a folder outside the package is found by MOBILE_ROBUST_METHODS, and every command takes it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file

FOLDER = Path(__file__).parent
Run = Callable[..., subprocess.CompletedProcess]
#: Runs commands one after the other, then the contract of methods: importing everything for each anew would take longer
#: than what they do.
IN_ONE_PROCESS = """
import json, sys
import pytest
from mobile_robust.cli import commands
for name, *words in json.loads(sys.argv[1]):
    assert commands()[name][0].load()(words) == 0
sys.exit(pytest.main(sys.argv[2:]))
"""


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
def test_every_command_takes_it_and_it_does_what_every_method_must(folder: Path, photos: Path) -> None:
    for number, path in enumerate(sorted(photos.iterdir())[:4]):
        part = folder / ("photos" if number < 2 else "others")
        part.mkdir(exist_ok=True)
        shutil.copy(path, part)
    trained = (folder / "image.toml").read_text() + '[weights]\nfile = "toy.safetensors"\n'
    (folder / "trained.toml").write_text(trained)
    lines = """
        convert image.toml layers.toml --out . --target tflite --precision fp32
        parity image layers --runtime litert_cpu --json
        train toy image.toml --images photos --out toy.safetensors --steps 3 --readers 0 --cpu --smoothing 0.2
        evaluate trained.toml --images others --corruption jpeg:10 --jobs 1 --out scores
    """
    words = [line.split() for line in lines.split("\n") if line.strip()]
    env = {**os.environ, "PYTHONPATH": str(FOLDER.parents[2])}
    suite = [FOLDER.parent / "test_contract.py", "-k", "toy and not converts", "-m", "", "-p", "no:cacheprovider"]
    suite += ["--rootdir", FOLDER.parents[2], "--basetemp", folder / "suite"]
    python = [sys.executable, "-c", IN_ONE_PROCESS, json.dumps(words), *map(str, suite)]
    said = ok(subprocess.run(python, cwd=folder, env=env, capture_output=True, text=True, check=False))

    verified, _ = json.JSONDecoder().raw_decode(said[said.index("\n[") + 1 :])
    results = [build["artifacts"][0]["parity"] for build in verified]
    assert [(parity["runtime"], parity["verdict"]) for (parity,) in results] == [("litert_cpu", "pass")] * 2
    assert set(state := load_file(folder / "toy.safetensors")) == {"gain", "bias"} and state["gain"].ne(1).all()
    assert len((folder / "toy.jsonl").read_text().splitlines()) == 3
    document = json.loads((folder / "scores/scores.json").read_text())
    assert document["photos"]["used"] == 2
    assert {model["method"] for model in document["models"]} >= {"toy"}
    *_, last = said.strip().splitlines()
    assert " passed" in last and "skipped" not in said


def test_options_that_do_not_go_together_are_named(folder: Path, command: Run) -> None:
    path = folder / "wrong.toml"
    path.write_text((folder / "layers.toml").read_text().replace('"layer1", ', ""))
    done = command("convert", path, "--out", folder)
    assert done.returncode == 2
    assert f'{path}, line {len(path.read_text().splitlines()) - 2}: options: the variant "layers" needs' in done.stderr
