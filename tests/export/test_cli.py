"""The command as a user runs it: what it prints, what it leaves, how it ends."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mobile_robust.contracts.manifest import MANIFEST_NAME, read_manifest
from mobile_robust.contracts.recipe import ArtifactsSection, Recipe
from mobile_robust.contracts.targets import TARGETS
from mobile_robust.errors import InputError
from mobile_robust.export import build as building
from mobile_robust.export.cli import main
from mobile_robust.export.targets import tflite
from mobile_robust.recipes import built_in_recipes
from mobile_robust.runtimes.registry import select
from tests.conftest import Command
from tests.data.synthetic import EMPTY, photo, write
from tests.recipes import ONE_FILE, write_recipe


def times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


class TestABuild:
    """The module's folder and what its process printed."""

    def test_it_passes_and_prints_the_table(self, module_run: tuple[Path, subprocess.CompletedProcess]) -> None:
        folder, done = module_run
        assert done.returncode == 0 and "Traceback" not in done.stderr
        header = "artifact .* size .* MACs .* runtime .* worst error .* tolerance .* verdict"
        assert re.search(header, done.stdout)
        for target, precision in ArtifactsSection().pairs():
            assert re.search(rf"{TARGETS[target].title} {precision} .* pass", done.stdout)
        assert "untrained: latency only" in done.stdout
        assert re.search(r"small: \d+ checks passed, 4 skipped", done.stdout)
        assert re.search(rf"built in \d+ s(, .*)?: {re.escape(str(folder))}/report\.html", done.stdout)

    def test_the_folder_is_whole(self, module_build: Path) -> None:
        manifest = read_manifest(module_build)
        assert manifest.passed and manifest.recipe.name == "small"
        assert [(a.target, a.precision) for a in manifest.artifacts] == ArtifactsSection().pairs()
        for artifact in manifest.artifacts:
            assert [r.runtime for r in artifact.parity] == [c.name for c in select(None) if c.target == artifact.target]
        files = {a.file for a in manifest.artifacts} | {manifest.reference.file, manifest.weights.file}
        assert {p.name for p in module_build.iterdir()} == files | {MANIFEST_NAME, "report.html"}
        assert [p.name for p in module_build.parent.iterdir() if p.name.startswith(".")] == []
        assert "</html>" in (module_build / "report.html").read_text()

    def test_a_second_run_rebuilds_nothing(self, module_build: Path, capsys: pytest.CaptureFixture[str]) -> None:
        before, out = times(module_build), module_build.parent
        arguments = [str(out / "small.toml"), "--out", str(out)]
        assert main(arguments) == 0
        assert f"up to date, nothing rebuilt: {module_build}/report.html" in capsys.readouterr().out
        assert main([*arguments, "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == [json.loads((module_build / MANIFEST_NAME).read_text())]
        assert times(module_build) == before


@pytest.mark.slow
def test_photos_force_and_a_changed_recipe(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, broken = tmp_path / "out", shutil.copytree(photos, tmp_path / "photos") / "broken.jpg"
    broken.write_text("no photo")
    recipe = write_recipe(tmp_path, more=ONE_FILE)
    arguments = [str(recipe), "--out", str(out), "--calibration", str(broken.parent)]

    def run(*more: str) -> tuple[str, dict[Path, int]]:
        assert main([*arguments, *more]) == 0
        captured = capsys.readouterr()
        return captured.out + captured.err, times(out / "small")

    said, first = run()
    assert re.search(r"warning: skipped 1 of 7 images: \S*broken\.jpg", said) and "built in" in said
    assert read_manifest(out / "small").provenance.calibration.startswith("4 photos of photos")
    said, second = run()
    assert "nothing rebuilt" in said and second == first
    said, forced = run("--force")
    assert "built in" in said and forced[out / "small" / MANIFEST_NAME] > first[out / "small" / MANIFEST_NAME]
    recipe.write_text(recipe.read_text().replace("images = 2", "images = 1"))
    said, _ = run()
    assert "built in" in said and read_manifest(out / "small").recipe.parity.images == 1


@pytest.mark.slow
def test_a_killed_build_leaves_nothing_that_passes_for_one(tmp_path: Path) -> None:
    out = tmp_path / "out"
    recipe = write_recipe(tmp_path, more=ONE_FILE)
    process = subprocess.Popen(
        [sys.executable, "-m", "mobile_robust.convert", str(recipe), "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not list(out.glob(".small.partial/build/*")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert [p.name for p in out.iterdir()] == [".small.partial"]
    assert not (out / "small").exists()
    assert main([str(recipe), "--out", str(out)]) == 0
    assert [p.name for p in out.iterdir()] == ["small"]
    assert read_manifest(out / "small").passed


@pytest.mark.slow
def test_a_missed_tolerance_ends_with_1_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = '[artifacts]\ntflite = ["int8"]\ncoreml = []\n[tolerances.int8]\nsnr_db = 200\n'
    arguments = [str(write_recipe(tmp_path, more=more)), "--out", str(tmp_path / "out")]
    assert main(arguments) == 1
    said = " ".join(capsys.readouterr().out.split())
    sentence = (
        r"small_int8\.tflite on litert_cpu: output repaired: worst at index \[\d+, \d+, \d+, \d+\]: expected \S+, got "
        r"\S+, SNR (\S+) dB, allowed at least 200 dB; snr_db = (\S+) would have passed"
    )
    found = re.search(sentence, said)
    assert found is not None and float(found[2]) <= float(found[1]) < 200
    assert "checks failed" in said and f"mobile-robust parity {tmp_path / 'out' / 'small'} --layers" in said
    folder = tmp_path / "out" / "small"
    (artifact,) = read_manifest(folder).artifacts
    assert artifact.verdict == "fail" and (folder / artifact.file).is_file()
    assert main(arguments) == 1
    assert "nothing rebuilt" in capsys.readouterr().out


@pytest.mark.slow
def test_an_int8_file_that_computes_in_float_is_refused(
    module_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reuse(network: object, inputs: object, output: str, path: Path) -> None:
        shutil.copy(module_build / "small_fp32.tflite", path)

    monkeypatch.setattr(tflite, "static_wi8_ai8", lambda float_file, samples, keep: float_file.read_bytes())
    monkeypatch.setattr(tflite, "convert_tflite", reuse)
    more = '[artifacts]\ntflite = ["int8"]\ncoreml = []\n'
    recipe = write_recipe(tmp_path, more=more)
    out = tmp_path / "out"
    arguments = [str(recipe), "--out", str(out), "--weights", str(module_build.parent / "random.safetensors")]
    said = refusal(*arguments)
    assert re.search(r"still computes in float: (\d+ \w+, )+\d+ \w+; the first is \w+ -> \S+; allow them with", said)
    assert list(out.iterdir()) == []
    allowed = "[quantization]\n" + re.search(r"allow_float_ops = \[.*?\]", said)[0]
    recipe.write_text(recipe.read_text().replace("[quantization]", allowed))
    assert main(arguments) == 0


def test_the_list_names_every_recipe(command: Command) -> None:
    done = command("convert", "--list")
    assert (done.returncode, done.stderr) == (0, "")
    for name in (
        "film_afd_mobilenetv2_mixed_pipeline *",
        "afd_resnet50",
        "sympie_224",
        "deepcorrect_alexnet_bottleneck",
    ):
        assert name in done.stdout
    assert "int8" in done.stdout and "pal6" in done.stdout


def test_the_list_fits_a_narrow_terminal_and_says_what_is_trained(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["--list"]) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert max(map(len, lines)) <= 80
    end = next(i for i, line in enumerate(lines) if line.startswith("pipelines, from image to class scores"))
    table = lines[:end]
    said = {line.split()[0]: line.replace(" *", "").split()[1:] for line in table if line and line.split()[0] != "of"}
    assert set(built_in_recipes()) <= set(said)  # a line each
    assert said["film_mobilenetv1_pipeline"][0] == said["dir_mobilenetv2_pipeline"][0] == "yes"
    assert said["sympie_224"][:2] == ["(module)", "no"] and said["sympie_nem"][:2] == ["(component)", "no"]
    assert said["alexnet"][0] == "no"
    *cost, latency = said["afd_mobilenetv2"]
    assert " ".join(cost) == "(module) yes +36.3 M +27.5 k" and re.fullmatch(r"\+\d+%", latency)
    assert any(line.split() == ["of", "mobilenetv2_100", "301", "M", "3.49", "M"] for line in table)


def test_a_random_backbone_is_for_the_recipes_that_have_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr("mobile_robust.export.build.convert", lambda recipe, *a, **o: seen.append(recipe) or 1 / 0)
    small = write_recipe(tmp_path, more=ONE_FILE)
    with pytest.raises(InputError, match=r"--random-backbone 3: recipe sympie_224 has no backbone"):
        main(["sympie_224", "--random-backbone", "3"])
    with pytest.raises(ZeroDivisionError):
        main([str(small), "sympie_224", "--random-backbone", "3"])
    assert seen[0].backbone.seed == 3 and seen[0].backbone.weights is None


def refusal(*arguments: object) -> str:
    with pytest.raises(InputError) as error:
        main([*map(str, arguments)])
    return str(error.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["afd_resnet"], "unknown recipe 'afd_resnet'; close matches: afd_resnet50, "),
        (["{small}", "--target", "tflite", "--precision", "pal6"], "leave nothing of recipe small, which has coreml"),
        (["{small}", "{small}"], "two recipes have the same name"),
        (["{small}", "--weights", "{tmp}/gone.safetensors"], "gone.safetensors: no such file"),
        (["{small}", "--weights", "{small}"], "small.toml: allowed are .safetensors"),
        (["{small}", "--backbone-weights", "{tmp}/pickle.safetensors"], "it is a pickle, not safetensors"),
        (["{small}", "--random-backbone", "-1"], "--random-backbone -1: must be 0 or more"),
        (["{small}", "--random-backbone", str(10**30)], f"--random-backbone {10**30}: must be {2**63 - 1} or less"),
        (["{small}", "--holdout", "0.4"], "--holdout 0.4: of the photos in --calibration DIR, which is missing"),
        (["{small}", "--holdout", "1"], "--holdout 1: allowed are fractions"),
        (["{small}", "--calibration", "{tmp}/gone"], "gone: no such folder; give a folder of images"),
        (["{small}", "--calibration", "{tmp}/empty"], "empty: no image in this folder"),
        (["{small}", "--calibration", "{tmp}/broken"], "none of 2 images can be read; the first, "),
        (["{small}", "--calibration", "{tmp}/black"], "no photo to calibrate with: 39 copies of others, 1 of one"),
        (["{int8}", "--calibration", "{tmp}/dark"], "of the range that ordinary photos give it, and an int8 file"),
        (["{small}", "--out", "{small}/below"], "small.toml/below: cannot be written"),
        (["{unknown_backbone}"], "unknown backbone 'resnet5O'; close matches: "),
        (["{unknown_layer}"], "unknown layer of mobilenetv2_100 'bn'; "),
        (
            ["{no_stem}"],
            "behind layer patch_embed.proj are (192, 4, 4), which method afd cannot take: the stem must divide",
        ),
    ],
)
def test_bad_input_is_answered(tmp_path: Path, arguments: list[str], said: str) -> None:
    small = write_recipe(tmp_path, more=ONE_FILE)
    backbones = {
        "unknown_backbone": 'name = "resnet5O"',
        "unknown_layer": 'name = "mobilenetv2_100"\nlayer = "bn"',
        "no_stem": 'name = "vit_tiny_patch16_224"\noptions = { img_size = 64 }',
    }
    paths = {name: write_recipe(tmp_path, name, backbone=backbone) for name, backbone in backbones.items()}
    paths["int8"] = write_recipe(tmp_path, "int8", more='[artifacts]\ntflite = ["int8"]\ncoreml = []\n')
    write(tmp_path / "black", [EMPTY["black"](np.random.default_rng(0))] * 40)
    write(tmp_path / "dark", [photo(np.random.default_rng(seed), 20) for seed in range(12)])
    (tmp_path / "empty").mkdir()
    (tmp_path / "pickle.safetensors").write_bytes(b"\x80\x04.")
    for name in ("a.png", "b.jpg"):
        (tmp_path / "broken").mkdir(exist_ok=True)
        (tmp_path / "broken" / name).write_text("no photo")
    filled = [argument.format(small=small, tmp=tmp_path, **paths) for argument in arguments]
    if "--out" not in filled:
        filled += ["--out", str(tmp_path / "out")]
    assert said in refusal(*filled)
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--precision", "fp8"], "argument --precision: invalid choice: 'fp8'"),
        (["--random-backbone", "1", "--backbone-weights", "x"], "not allowed with argument"),
        (["--random-backbone", "x"], "argument --random-backbone: invalid int value: 'x'"),
    ],
)
def test_wrong_options_are_answered(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2 and said in capsys.readouterr().err


def test_options_change_the_recipe_and_without_one_the_default_ones_are_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipes: list[Recipe] = []

    def stop(recipe: Recipe, *rest: object, **options: object) -> None:
        recipes.append(recipe)
        raise InputError("stopped")

    monkeypatch.setattr(building, "convert", stop)
    options = ["--target", "tflite", "--precision", "int8", "fp32", "--random-backbone", "7", "--weights"]
    assert refusal(write_recipe(tmp_path), "--out", tmp_path, *options, "w.safetensors") == "stopped"
    assert refusal("--out", tmp_path) == "stopped"
    changed, default = recipes
    assert changed.artifacts.pairs() == [("tflite", "fp32"), ("tflite", "int8")]
    assert changed.backbone.seed == 7 and changed.weights.file.endswith("w.safetensors")
    assert default.name == "film_afd_mobilenetv2_mixed_pipeline"


def test_bad_input_as_a_user_sees_it(command: Command, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    recipe.write_text(recipe.read_text().replace("size", "siez"))
    done = command("convert", recipe, "--out", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (f"error: {recipe}, line 9: input.siez: unknown key 'siez'; known: mean, range, size, std\n")


@pytest.mark.slow
def test_the_app_kit_is_written_beside_a_build_that_is_there(
    pipeline_build: Path, module_build: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for built, said in ((pipeline_build, "code for apps: "), (module_build, "small gives no class scores")):
        folder = shutil.copytree(built, tmp_path / built.name)
        assert main([str(built.parent / f"{built.name}.toml"), "--out", str(tmp_path), "--app-kit"]) == 0
        captured = capsys.readouterr()
        assert said in captured.err and "nothing rebuilt" in captured.out
        assert (folder / "app_kit").is_dir() == (built is pipeline_build)
    assert "class 9" in (tmp_path / "pipeline" / "app_kit" / "labels.txt").read_text().splitlines()
