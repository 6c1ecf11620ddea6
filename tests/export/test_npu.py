"""int8 files compiled for chips, as part of a build."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from mobile_robust.contracts.manifest import read_manifest, verify_hashes
from mobile_robust.contracts.recipe import ArtifactsSection
from mobile_robust.errors import InputError
from mobile_robust.export import npu
from mobile_robust.export.build import convert, count_steps
from mobile_robust.export.cli import main
from mobile_robust.files import sha256
from mobile_robust.parity.table import render_table
from mobile_robust.parity.verify import verify
from mobile_robust.recipes import load_recipe
from mobile_robust.runtimes.base import PlacementError
from mobile_robust.runtimes.snapdragon_npu.compiler import versions
from mobile_robust.runtimes.snapdragon_npu.runtime import SnapdragonNpu
from mobile_robust.tflite import file as tflite_file
from tests.recipes import ONE_FILE, write_recipe

INT8 = '[artifacts]\ntflite = ["int8"]\ncoreml = []\n'


def test_a_recipe_without_an_int8_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--npu SM8650: recipe small is built into no int8 TFLite file"):
        main([str(write_recipe(tmp_path, more=ONE_FILE)), "--out", str(tmp_path), "--npu", "SM8650"])
    assert not (tmp_path / "small").exists()


def test_a_machine_that_cannot_compile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SnapdragonNpu, "unavailable", lambda self: "not here")
    with pytest.raises(InputError, match=r"--npu SM8550 SM8650: not available on this machine: not here"):
        main([str(write_recipe(tmp_path)), "--out", str(tmp_path), "--npu", "SM8550", "SM8650", "SM8550"])


def test_a_compiled_file_is_a_step(tmp_path: Path) -> None:
    recipe = load_recipe(str(write_recipe(tmp_path)))
    assert recipe.artifacts == ArtifactsSection()
    assert count_steps(recipe, ["SM8550", "SM8650"]) == count_steps(recipe) + 2


@pytest.mark.slow
def test_an_operation_that_is_left_over_is_named(module_build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def leaves(*arguments: object) -> None:
        raise PlacementError("small_int8.tflite: the NPU (SM8650) leaves GATHER -> x")

    monkeypatch.setattr(npu, "compile_for", leaves)
    manifest = read_manifest(module_build)
    with pytest.raises(InputError, match=r"--npu SM8650: small_int8\.tflite: the NPU \(SM8650\) leaves GATHER -> x"):
        npu.compile_artifact(module_build, manifest.artifacts[2], manifest.recipe, None, "SM8650")


@pytest.mark.slow
@pytest.mark.usefixtures("npu")
def test_files_for_two_chips(tmp_path: Path) -> None:
    recipe, steps = load_recipe(str(write_recipe(tmp_path, more=INT8))), list[str]()
    build = convert(recipe, tmp_path, npu=["SM8550", "SM8650"], on_step=steps.append)
    folder, manifest = build.folder, read_manifest(build.folder)
    assert steps[-4:-2] == [f"small_int8.tflite on snapdragon_npu:{chip}" for chip in ("SM8550", "SM8650")]
    verify_hashes(manifest, folder)
    (source,) = manifest.artifacts
    for made, chip in zip(manifest.npu, ("SM8550", "SM8650"), strict=True):
        path = folder / f"small_int8_{chip}.tflite"
        assert (made.file, made.chip, made.source) == (path.name, chip, source.file)
        assert (made.sha256, made.bytes) == (sha256(path), path.stat().st_size)
        assert tflite_file.read(path).op_counts == {"DISPATCH_OP": 1}
        assert {"qairt": made.qairt, "litert": made.litert} == versions()
        assert made.operations == sum(source.operations.values()) > 5
        assert [(r.against, r.verdict, r.images) for r in made.parity] == [(None, "pass", 2), ("litert_cpu", "pass", 2)]
        placement = made.parity[0].placement
        assert placement.placed_ops == placement.total_ops == made.operations
    page, said = (folder / "report.html").read_text(), Console(file=io.StringIO(), width=80)
    render_table(manifest, said)
    text = said.file.getvalue()
    for phrase in ("small_int8_SM8650.tflite", "QAIRT", "dispatch library (libLiteRtDispatch_Qualcomm.so)"):
        assert phrase in page
    assert text.count("SM8650") == 1 and text.count("snapdragon_npu") == text.count("vs litert_cpu") + 2 == 4
    assert "compiled for NPUs: needs LiteRT 2 with" in text
    assert convert(recipe, tmp_path, npu=["SM8550", "SM8650"]).reused
    again = verify(folder, ["litert_cpu", "snapdragon_npu"], images=1).manifest.npu
    assert [[result.runtime for result in made.parity] for made in again] == [[], ["snapdragon_npu"] * 2]
    assert [result.placement for result in again[1].parity] == [placement] * 2
    (folder / "small_int8_SM8650.tflite").write_bytes(b"")
    with pytest.raises(InputError, match=r"small_int8_SM8650\.tflite: SHA-256 is "):
        verify_hashes(manifest, folder)
