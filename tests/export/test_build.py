"""A folder is a whole build or none: interrupted, foreign, changed and unchanged ones."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mobile_robust.contracts.manifest import FailedFile, read_manifest, verify_hashes
from mobile_robust.contracts.recipe import Recipe
from mobile_robust.errors import InputError
from mobile_robust.export import build as building
from mobile_robust.export.build import convert, count_steps
from mobile_robust.export.cli import main
from mobile_robust.export.fingerprint import reusable
from mobile_robust.export.targets.coreml import CoremlConverter
from mobile_robust.export.targets.tflite import TfliteConverter
from mobile_robust.parity.verify import verify
from mobile_robust.recipes import load_recipe
from mobile_robust.tflite import file as tflite_file
from tests.recipes import ONE_FILE, write_recipe


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return load_recipe(str(write_recipe(tmp_path, more=ONE_FILE)))


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that ends before it has begun to work."""

    def stop(recipe: Recipe) -> None:
        raise InputError("stopped")

    monkeypatch.setattr(building, "build_model", stop)


def start(recipe: Recipe, out: Path, force: bool = True) -> None:
    with pytest.raises(InputError, match="stopped"):
        convert(recipe, out, force=force)


def macs(path: Path) -> int:
    """Of the convolutions and matrix products that are in the file."""
    total = 0
    for op in tflite_file.read(path).operations:
        if op.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            output = op.outputs[0].shape
            total += math.prod(op.inputs[1].shape) * (math.prod(output[1:3]) if len(output) == 4 else 1)
    return total


@pytest.mark.parametrize("build", ["module_build", "pipeline_build"])
def test_the_files_compute_what_was_counted(request: pytest.FixtureRequest, build: str) -> None:
    folder = request.getfixturevalue(build)
    for artifact in read_manifest(folder).artifacts:
        if artifact.target == "tflite":
            # 2 %: the normalization may be merged into its neighbour
            assert macs(folder / artifact.file) == pytest.approx(artifact.macs, rel=0.02)


@pytest.mark.slow
def test_every_step_is_counted(recipe: Recipe, tmp_path: Path) -> None:
    steps: list[str] = []
    convert(recipe, tmp_path / "out", on_step=steps.append)
    assert len(steps) == count_steps(recipe)
    assert steps[0] == "backbone and module" and steps[-1] == "report"
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["small"]


@pytest.mark.slow
def test_what_was_built_stays_and_what_failed_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    more = '[artifacts]\ntflite = ["fp32", "int8"]\ncoreml = ["fp16"]\n'
    path, folder = write_recipe(tmp_path, more=more), tmp_path / "out" / "small"
    arguments = [str(path), "--out", str(tmp_path / "out")]
    whole = CoremlConverter.convert

    def refuse(self: CoremlConverter, network: object, precision: object, path: Path) -> None:
        path.mkdir()
        raise InputError("coremltools has no alias")

    monkeypatch.setattr(CoremlConverter, "convert", refuse)
    assert main(arguments) == 1
    said, manifest = capsys.readouterr().out, read_manifest(folder)
    assert "Core ML fp16 could not be made: coremltools has no alias" in said
    assert "the same command again tries only what could not be made" in said and "--layers" not in said
    assert [artifact.precision for artifact in manifest.artifacts] == ["fp32", "int8"]
    assert all(artifact.verdict == "pass" for artifact in manifest.artifacts)
    assert manifest.failed == (FailedFile(target="coreml", precision="fp16", reason="coremltools has no alias"),)
    assert not list(folder.glob("*.mlpackage")) and "coremltools has no alias" in (folder / "report.html").read_text()

    def never(*arguments: object) -> None:
        raise AssertionError("built again")

    monkeypatch.setattr(TfliteConverter, "convert", never)
    monkeypatch.setattr(CoremlConverter, "convert", whole)
    steps: list[str] = []
    again = convert(load_recipe(str(path)), tmp_path / "out", on_step=steps.append)
    assert again.manifest.passed and not again.reused and not [step for step in steps if "tflite" in step.casefold()]
    assert again.manifest.artifacts[:2] == manifest.artifacts and again.manifest.artifacts[2].precision == "fp16"
    verify_hashes(again.manifest, folder)
    assert convert(load_recipe(str(path)), tmp_path / "out").reused


@pytest.mark.slow
def test_a_recipe_that_cannot_be_built_keeps_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write_recipe(tmp_path, more=ONE_FILE)
    bad = write_recipe(tmp_path, "bad", backbone='name = "resnet5O"', more=ONE_FILE)
    out = tmp_path / "out"
    assert main([str(bad), str(good), "--out", str(out)]) == 1
    said = capsys.readouterr()
    assert "error: recipe bad is not built: unknown backbone 'resnet5O'" in said.err
    assert read_manifest(out / "small").passed and [path.name for path in out.iterdir()] == ["small"]
    worse = write_recipe(tmp_path, "worse", backbone='name = "resnet5O"', more=ONE_FILE)
    with pytest.raises(InputError, match="none of the 2 recipes can be built"):
        main([str(bad), str(worse), "--out", str(out)])


@pytest.mark.slow
def test_a_recipe_for_the_cpu_skips_the_checks_of_the_gpu(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, more='[artifacts]\ntflite = ["fp32"]\ncoreml = []\n')
    path.write_text('accelerators = ["cpu"]\n' + path.read_text())
    (artifact,) = convert(load_recipe(str(path)), tmp_path / "out").manifest.artifacts
    found = {result.runtime: (result.verdict, result.reason) for result in artifact.parity}
    skipped = ("skipped", "the recipe is for cpu only")
    assert found == {"litert_cpu": ("pass", None), "litert_gpu": skipped, "gpu_delegate_ops": skipped}
    asked = verify(tmp_path / "out" / "small", ["gpu_delegate_ops"]).manifest.artifacts[0]
    assert [result.verdict for result in asked.parity] == ["pass"]
    again = verify(tmp_path / "out" / "small").manifest.artifacts[0]
    assert [result.verdict for result in again.parity] == [result.verdict for result in artifact.parity]


@pytest.mark.parametrize("force", [True, False])
def test_leftovers_go_also_where_nothing_is_built(recipe: Recipe, copied: Path, force: bool, stopped: None) -> None:
    out, kept = copied.parent, [".other.partial", "small"]
    if not force:
        recipe = read_manifest(copied).recipe
    for name in (".small.partial", ".other.partial"):
        for folder in ("build", "tmp/tmpx.mlpackage"):
            (out / name / folder).mkdir(parents=True)
    if force:
        start(recipe, out)
    else:
        assert convert(recipe, out).reused
    assert sorted(p.name for p in out.iterdir() if p.suffix != ".toml") == kept


@pytest.mark.parametrize("name", ["small/notes.txt", "small/manifest.json", "small"])
def test_files_of_others_are_not_touched(recipe: Recipe, tmp_path: Path, stopped: None, name: str) -> None:
    foreign = tmp_path / "out" / name
    foreign.parent.mkdir(parents=True)
    foreign.write_text('{"name": "a web app"}')
    with pytest.raises(InputError, match="small exists and is not a build of this tool: choose another --out"):
        convert(recipe, tmp_path / "out", force=True)
    assert foreign.read_text() == '{"name": "a web app"}'


def test_a_build_that_stops_leaves_the_old_one(recipe: Recipe, copied: Path, stopped: None) -> None:
    before = read_manifest(copied)
    start(recipe, copied.parent)
    assert read_manifest(copied) == before
    assert not list(copied.parent.glob(".small*"))


def test_an_empty_folder_may_be_there(recipe: Recipe, tmp_path: Path, stopped: None) -> None:
    (tmp_path / "out" / "small").mkdir(parents=True)
    start(recipe, tmp_path / "out")


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_folder_that_cannot_be_written_is_named(recipe: Recipe, tmp_path: Path, stopped: None, where: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=f"--out {tmp_path / where}: cannot be written: "):
        convert(recipe, tmp_path / where)


def test_a_full_disk_is_no_traceback(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(recipe: Recipe) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(building, "build_model", full)
    with pytest.raises(InputError, match=r"out: cannot be written: No space left on device"):
        convert(recipe, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def damage_weights(folder: Path) -> None:
    (weights,) = (folder / "small_fp16.mlpackage").rglob("weight.bin")
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")


def edit_manifest(change: Callable[[dict], object]) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        path = folder / "manifest.json"
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    return edit


@pytest.mark.parametrize(
    "harm",
    [
        damage_weights,
        edit_manifest(lambda document: [a.update(parity=[]) for a in document["artifacts"]]),
        edit_manifest(lambda document: document["artifacts"][0]["parity"][0].update(verdict="fail")),
        edit_manifest(lambda document: document["provenance"].update(label=None)),
        edit_manifest(lambda document: document.pop("body_sha256")),
        lambda folder: (folder / "report.html").write_text("<p>all checks passed</p>"),
        lambda folder: (folder / "small_int8.tflite").unlink(),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "report.html").unlink(),
        lambda folder: shutil.rmtree(folder),
    ],
)
def test_only_an_undamaged_build_is_reused(copied: Path, harm) -> None:
    built = read_manifest(copied).fingerprint
    assert reusable(copied, built) is not None
    assert reusable(copied, "other") is None
    harm(copied)
    assert reusable(copied, built) is None
