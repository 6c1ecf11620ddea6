"""A built folder gives the PyTorch model, the backbone alone and every artifact, each fed as its manifest says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mobile_robust.contracts.manifest import (
    Artifact,
    Layout,
    Manifest,
    Provenance,
    StoredFile,
    Tensor,
    write_manifest,
)
from mobile_robust.contracts.recipe import BackboneSection, InputSection, Recipe, Scope, Target
from mobile_robust.errors import InputError
from mobile_robust.evaluate import classifiers
from mobile_robust.files import sha256
from mobile_robust.parity.runtimes.base import Arrays, Runtime, Session

PHOTO = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


class Model(torch.nn.Module):
    """Logits: mean of each channel, then the module's own contribution."""

    def alone(self, image: torch.Tensor) -> torch.Tensor:
        return 2 * image.mean((2, 3))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.alone(image) + 2


class Echo(Session):
    """Gives back what it was fed, as logits."""

    def run(self, inputs: Arrays) -> Arrays:
        assert inputs["image"].dtype == np.float32 and inputs["image"].flags.c_contiguous
        return {"logits": inputs["image"].reshape(1, -1)}


class EchoRuntime(Runtime):
    def __init__(self, name: str, target: Target, reason: str | None = None) -> None:
        self.name, self.target, self.reason = name, target, reason

    def unavailable(self) -> str | None:
        return self.reason

    def open(self, artifact: Path) -> Session:
        assert artifact.is_file()
        return Echo()


def artifact(folder: Path, target: Target, top: float) -> Artifact:
    path = folder / f"a.{target}"
    path.write_text(target)
    shape, layout = ((1, 32, 32, 3), "NHWC") if target == "tflite" else ((1, 3, 32, 32), "NCHW")

    def tensor(name: str, shape: tuple[int, ...], layout: Layout) -> Tensor:
        return Tensor(name=name, shape=shape, dtype="float32", layout=layout, description=name, value_range=(0, top))

    return Artifact(
        file=path.name,
        target=target,
        precision="fp32",
        sha256=sha256(path),
        bytes=6,
        macs=1,
        parameters=1,
        operations={},
        inputs=(tensor("image", shape, "NHWC" if layout == "NHWC" else "NCHW"),),
        outputs=(tensor("logits", (1, 3072), "NC"),),
    )


def build(folder: Path, scope: Scope = "pipeline", top: int = 255) -> Path:
    stored = folder / "stored.safetensors"
    stored.write_text("x")
    kept = StoredFile(file=stored.name, sha256=sha256(stored))
    recipe = Recipe(
        name="small",
        method="afd",
        scope=scope,
        backbone=BackboneSection(name="resnet18"),
        input=InputSection(size=32, range=1 if top == 1 else 255),
    )
    manifest = Manifest(
        created="2025-01-01T00:00:00Z",
        fingerprint="f",
        recipe=recipe,
        provenance=Provenance(weights="w", backbone="b", calibration="c", parity_images="p"),
        tools={},
        machine="m",
        seconds={},
        reference=kept,
        weights=kept,
        artifacts=(artifact(folder, "tflite", top), artifact(folder, "coreml", top)),
    )
    write_manifest(manifest, folder)
    return folder


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifiers, "load_built", lambda folder, manifest: Model())
    runtimes = [
        EchoRuntime("cpu", "tflite"),
        EchoRuntime("device", "coreml", "needs macOS"),
        EchoRuntime("mil", "coreml"),
    ]
    monkeypatch.setattr(classifiers, "RUNTIMES", [lambda runtime=runtime: runtime for runtime in runtimes])


@pytest.mark.parametrize("top", [1, 255])
def test_everything_in_a_build_is_fed_as_the_manifest_says(tmp_path: Path, top: int) -> None:
    alone, reference, tflite, coreml = classifiers.open_build(build(tmp_path, top=top))
    scaled = PHOTO.astype(np.float32) * (top / 255)
    assert [(c.name, c.runtime, c.size) for c in (alone, reference, tflite, coreml)] == [
        ("backbone alone", "pytorch", (32, 32)),
        ("reference", "pytorch", (32, 32)),
        ("a.tflite", "cpu", (32, 32)),
        ("a.coreml", "mil", (32, 32)),
    ]
    mean = scaled.mean((0, 1))
    np.testing.assert_allclose(alone.predict(PHOTO), 2 * mean, rtol=1e-5)
    np.testing.assert_allclose(reference.predict(PHOTO), 2 * (mean + 1), rtol=1e-5)
    np.testing.assert_allclose(tflite.predict(PHOTO), scaled.ravel(), rtol=1e-6)
    np.testing.assert_allclose(coreml.predict(PHOTO), scaled.transpose(2, 0, 1).ravel(), rtol=1e-6)


def test_a_module_build_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="recipe small has scope 'module'.*scope \"pipeline\""):
        classifiers.open_build(build(tmp_path, scope="module"))


def test_a_changed_artifact_is_refused(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "a.tflite").write_text("other")
    with pytest.raises(InputError, match=r"a\.tflite: SHA-256"):
        classifiers.open_build(tmp_path)


def test_an_artifact_without_a_runtime_here_tells_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifiers, "RUNTIMES", [lambda: EchoRuntime("cpu", "tflite", "does not load")])
    with pytest.raises(InputError, match=r"a\.tflite: no runtime for it on this machine: cpu: does not load"):
        classifiers.open_build(build(tmp_path))
