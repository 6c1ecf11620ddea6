"""Whatever MODEL is, it is opened, fed as its manifest says, and has its baseline beside it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mobile_robust.backbones.create import create_network
from mobile_robust.contracts.manifest import read_manifest
from mobile_robust.errors import InputError
from mobile_robust.evaluation import predictors
from mobile_robust.evaluation.models import resolve
from mobile_robust.evaluation.predictors import Predict, open_file
from mobile_robust.pipelines import load_built
from mobile_robust.runtimes.base import Arrays, PlacementError, Session
from mobile_robust.runtimes.litert_cpu import LitertCpu
from mobile_robust.runtimes.litert_gpu.runtime import LitertGpu
from mobile_robust.runtimes.snapdragon_npu.runtime import SnapdragonNpu
from tests.recipes import RESNET, write_recipe

PHOTOS = list(np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8))


def test_a_build_is_all_that_is_in_it(pipeline_build: Path) -> None:
    models = resolve([str(pipeline_build)], None, [])
    assert [(m.name, m.runtime) for m in models] == [
        ("baseline", "pytorch"),
        ("reference", "pytorch"),
        ("fp32.tflite", "litert_cpu"),
        ("int8.tflite", "litert_cpu"),
        ("fp16.mlpackage", "coreml_mil"),
    ]
    assert {m.baseline for m in models} == {models[0].fingerprint} and {m.classes for m in models} == {10}
    assert len({m.fingerprint for m in models}) == 5 and {m.size for m in models} == {(64, 64)}
    pipeline = load_built(pipeline_build, read_manifest(pipeline_build))
    image = torch.from_numpy(np.stack(PHOTOS)).permute(0, 3, 1, 2).float()
    for model, expected in zip(models, [pipeline.baseline(image), *[pipeline(image)] * 4], strict=True):
        logits = model.open()(PHOTOS)
        tolerance = 0.1 if "int8" in model.name else 2e-3
        assert logits.shape == (3, 10) and np.ptp(expected.numpy()) > 0
        assert np.abs(logits - expected.numpy()).max() < tolerance * max(1.0, np.ptp(expected.numpy())), model.name


def test_single_artifacts_share_one_backbone(pipeline_build: Path) -> None:
    files = [str(pipeline_build / f"pipeline_{form}") for form in ("int8.tflite", "fp16.mlpackage")]
    models = resolve([*files, files[0]], None, [])
    assert [m.name for m in models] == ["baseline", "int8.tflite", "fp16.mlpackage"]
    whole = {m.fingerprint for m in resolve([str(pipeline_build)], None, [])}
    assert {m.fingerprint for m in models} <= whole


def test_a_recipe_and_its_build_share_their_backbone(pipeline_build: Path, tmp_path: Path) -> None:
    recipe, none = write_recipe(tmp_path, "pipeline", "pipeline", RESNET), tmp_path / "none.toml"
    text = recipe.read_text().replace('method = "afd"', 'method = "none"')
    none.write_text(text.replace('options = { variant = "afd_nano" }', "").replace('layer = "act1"', ""))
    models = resolve([str(none), str(recipe), str(pipeline_build)], None, [])
    assert [(m.group, m.name) for m in models[:3]] == [
        (str(none), "baseline"),
        (str(recipe), "with module"),
        (str(pipeline_build), "fp32.tflite"),  # its baseline and its reference are those of the recipe
    ]
    assert {m.baseline for m in models} == {models[0].fingerprint} and models[1].label == "untrained: latency only"


def test_other_backbone_weights_are_another_backbone(tmp_path: Path) -> None:
    recipe = str(write_recipe(tmp_path, "pipeline", "pipeline", RESNET))
    network = create_network("test_resnet", {"num_classes": 10}, None, 5)
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    random, given = resolve([recipe], None, []), resolve([recipe], str(tmp_path / "w.safetensors"), [])
    assert not {m.fingerprint for m in random} & {m.fingerprint for m in given}
    assert given[1].label == "module untrained: initial weights"


def test_a_backbone_of_timm_has_its_own_normalization(monkeypatch: pytest.MonkeyPatch) -> None:
    network = create_network("test_vit", {}, None, 3)
    monkeypatch.setattr(predictors, "create_network", lambda name, options, pretrained, seed: network)
    predictors.classifier.cache_clear()
    (model,) = resolve(["timm:test_vit.r160_in1k"], None, [])
    config: dict[str, Any] = network.pretrained_cfg  # type: ignore[assignment]  # timm leaves it untyped
    assert (model.name, model.size, model.classes) == ("baseline", tuple(config["input_size"][1:]), 1000)
    photo = np.random.default_rng(1).integers(0, 256, (*model.size, 3), dtype=np.uint8)
    normalized = (photo / 255 - config["mean"]) / config["std"]
    with torch.no_grad():
        expected = network(torch.from_numpy(normalized).permute(2, 0, 1)[None].float())
    np.testing.assert_allclose(model.open()([photo]), expected, atol=1e-4)
    predictors.classifier.cache_clear()


class Echo(Session):
    """Outputs its input, as logits."""

    def write(self, inputs: Arrays) -> None:
        assert inputs["image"].dtype == np.float32 and inputs["image"].flags.c_contiguous
        self.image = inputs["image"]

    def run(self) -> None:
        if self.image.max() > 250:
            raise RuntimeError("the engine failed")

    def read(self) -> Arrays:
        return {"logits": self.image.reshape(1, -1)}


def open_echo(self: LitertCpu, artifact: Path, threads: int = 1) -> Session:
    if artifact.name == "refused.tflite":
        raise PlacementError("refused.tflite: the GPU engine refuses XOR")
    return Echo()


def test_a_file_is_fed_as_its_manifest_says(
    pipeline_build: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(LitertCpu, "open", open_echo)
    photo = np.random.default_rng(0).integers(0, 200, (4, 6, 3), dtype=np.uint8)
    image = read_manifest(pipeline_build).artifacts[0].inputs[0]

    def opened(layout: str, low: int, high: int, name: str = "x") -> Predict:
        described = image.model_copy(update={"layout": layout, "value_range": (low, high)})
        return open_file(tmp_path / f"{name}.tflite", "litert_cpu", described, "logits")

    nhwc = opened("NHWC", 0, 1)([photo, photo + 1])
    np.testing.assert_allclose(nhwc, np.stack([photo, photo + 1]).reshape(2, -1) / 255, rtol=1e-6)
    nchw = opened("NCHW", -1, 1)([photo])
    np.testing.assert_allclose(nchw[0], photo.transpose(2, 0, 1).ravel() / 127.5 - 1, rtol=1e-5, atol=1e-6)
    with pytest.raises(InputError, match=r"x\.tflite: litert_cpu failed: the engine failed"):
        opened("NHWC", 0, 255)([np.full_like(photo, 255)])
    with pytest.raises(InputError, match="--runtime litert_cpu: refused.tflite: the GPU engine refuses XOR"):
        opened("NHWC", 0, 1, "refused")


def test_no_runtime_tells_why(pipeline_build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = str(pipeline_build / "pipeline_int8.tflite")
    with pytest.raises(InputError, match="--runtime coreml_device: not available on this machine: .*needs macOS"):
        resolve([str(pipeline_build)], None, ["coreml_device"])
    with pytest.raises(InputError, match="--runtime coreml_mil: runs none of the files given"):
        resolve([file], None, ["coreml_mil"])
    for runtime in (LitertCpu, LitertGpu):
        monkeypatch.setattr(runtime, "unavailable", lambda self: "does not load")
    with pytest.raises(InputError, match=r"pipeline_int8\.tflite: no runtime for it on this machine: litert_cpu: does"):
        resolve([file], None, [])


def test_the_gpu_engine_runs_the_file(pipeline_build: Path) -> None:
    if reason := LitertGpu().unavailable():
        pytest.skip(reason)
    file = str(pipeline_build / "pipeline_fp32.tflite")
    (_, cpu), (baseline, gpu) = resolve([file], None, []), resolve([file], None, ["litert_gpu"])
    assert gpu.runtime == "litert_gpu" and gpu.fingerprint != cpu.fingerprint and baseline.fingerprint == cpu.baseline
    np.testing.assert_allclose(gpu.open()(PHOTOS[:1]), cpu.open()(PHOTOS[:1]), atol=1e-3)


def test_the_npu_runs_the_file_for_a_chip(pipeline_build: Path) -> None:
    if reason := SnapdragonNpu().unavailable():
        pytest.skip(reason)
    file = str(pipeline_build / "pipeline_fp32.tflite")
    (_, cpu), (_, npu) = resolve([file], None, []), resolve([file], None, ["snapdragon_npu:SM8750"])
    assert npu.runtime == "snapdragon_npu:SM8750" and npu.fingerprint != cpu.fingerprint
    expected = cpu.open()(PHOTOS[:1])
    np.testing.assert_allclose(npu.open()(PHOTOS[:1]), expected, atol=5e-3 * np.ptp(expected))


def test_what_gives_no_classes_is_refused(pipeline_build: Path, tmp_path: Path) -> None:
    document = json.loads((pipeline_build / "manifest.json").read_text())
    document["recipe"]["scope"] = "module"
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    for argument in (str(tmp_path), "afd_mobilenetv2"):
        with pytest.raises(InputError, match="has scope 'module', which gives no classes"):
            resolve([argument], None, [])


def test_a_file_of_two_images_is_refused(pipeline_build: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(pipeline_build, tmp_path / "copy"))
    document = json.loads((folder / "manifest.json").read_text())
    document["artifacts"][0]["inputs"] *= 2
    (folder / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"manifest\.json: pipeline_.* has 2 tensors of the role image; must be 1"):
        resolve([str(folder)], None, [])


def test_changed_files_and_files_of_no_manifest_are_refused(pipeline_build: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(pipeline_build, tmp_path / "copy"))
    with pytest.raises(InputError, match=r"copy/other\.tflite: not in manifest.json beside it, which names pipeline_"):
        resolve([str(folder / "other.tflite")], None, [])
    with (folder / "pipeline_int8.tflite").open("ab") as file:
        file.write(b"x")
    with pytest.raises(InputError, match=r"pipeline_int8\.tflite: SHA-256 .* changed after the build"):
        resolve([str(folder / "pipeline_int8.tflite")], None, [])
    (folder / "pipeline_int8.tflite").unlink()
    with pytest.raises(InputError, match=r"pipeline_int8\.tflite: missing"):
        resolve([str(folder)], None, [])


@pytest.mark.parametrize(
    ("arguments", "weights", "message"),
    [
        (["gone"], None, "MODEL gone: no such folder .*recipe .*afd_resnet50.* or backbone timm:NAME"),
        (["gone/x.tflite"], None, "gone: no such folder; give the folder of a finished build"),
        (["gone.toml"], None, "recipe gone.toml: cannot be read"),
        (["timm:resnet5o"], None, "unknown backbone 'resnet5o'; close matches: .*resnet50"),
        ([], "w.safetensors", "--backbone-weights w.safetensors: only a recipe takes them"),
    ],
)
def test_what_a_model_cannot_be(arguments: list[str], weights: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve(arguments, weights, [])
