"""Real Core ML prediction: what can be tested anywhere, with a model that only remembers what it was given."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mobile_robust.errors import InputError
from mobile_robust.runtimes.base import EngineError, PlacementError
from mobile_robust.runtimes.coreml_device import CoremlCpu, CoremlDevice, CoremlGpu, CoremlNpu, CoremlSession
from mobile_robust.runtimes.coreml_mil.package import Package
from mobile_robust.runtimes.coreml_mil.runtime import CoremlMil
from tests.coreml_stand_in import PLAN


class Recorder:
    """Stands for coremltools' MLModel."""

    def predict(self, features: dict[str, Any]) -> dict[str, Any]:
        self.features = features
        return {"logits": np.array([[1.5, 2.5]], dtype=np.float16)}


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return Package(
        path=tmp_path / "net.mlpackage",
        spec=None,
        weights=tmp_path,
        inputs={"image": (1, 3, 4, 6), "features": (1, 2)},
        images=frozenset({"image"}),
        outputs=("logits",),
    )


def test_needs_macos(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    assert CoremlDevice().unavailable() == "real Core ML prediction needs macOS"
    with pytest.raises(InputError, match="needs macOS"):
        CoremlDevice().open(tmp_path)
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert CoremlDevice().unavailable() is None
    with pytest.raises(InputError, match=r"not an \.mlpackage"):
        CoremlDevice().open(tmp_path)


def test_images_become_pixels(package: Package) -> None:
    model = Recorder()
    array = np.linspace(-3, 300, 72, dtype=np.float32).reshape(1, 3, 4, 6)
    features = np.array([[0.25, 0.5]], dtype=np.float32)
    outputs = CoremlSession(package, model).predict({"image": array, "features": features})
    image = model.features["image"]
    assert (image.mode, image.size) == ("RGB", (6, 4))
    np.testing.assert_array_equal(np.asarray(image)[2, 5], np.rint(array[0, :, 2, 5].clip(0, 255)))
    assert model.features["features"] is features
    assert outputs["logits"].dtype == np.float32
    assert outputs["logits"].tolist() == [[1.5, 2.5]]


def test_wrong_inputs_never_reach_the_model(package: Package) -> None:
    with pytest.raises(InputError, match=r"takes the inputs image \[1, 3, 4, 6\], features \[1, 2\]; got image"):
        CoremlSession(package, Recorder()).predict({"image": np.zeros((1, 3, 4, 6), np.float32)})


def test_an_image_goes_in_and_float32_comes_out(pipeline_build: Path, core_ml: pytest.MonkeyPatch) -> None:
    path = pipeline_build / "pipeline_fp16.mlpackage"
    image = np.random.default_rng(0).integers(0, 256, (1, 3, 64, 64)).astype(np.float32)
    with CoremlDevice().open(path) as session, CoremlMil().open(path) as expected:
        logits = session.predict({"image": image})["logits"]
        np.testing.assert_array_equal(logits, expected.predict({"image": image})["logits"])
        assert session.placement is not None and session.placement.accelerator == "npu 3"


@pytest.mark.parametrize(("runtime", "unit"), [(CoremlCpu, "cpu"), (CoremlGpu, "gpu"), (CoremlNpu, "npu")])
def test_operations_are_where_they_were_asked_to_be_or_it_is_an_error(
    pipeline_build: Path, core_ml: pytest.MonkeyPatch, runtime: type[CoremlDevice], unit: str
) -> None:
    path, other = pipeline_build / "pipeline_fp16.mlpackage", "gpu" if unit == "cpu" else "cpu"
    placement = runtime().open(path).placement
    assert placement is not None
    assert (placement.accelerator, placement.total_ops, placement.placed_ops) == (unit, 3, 3)
    core_ml.setenv(PLAN, f"{unit}:conv={other}")
    with pytest.raises(PlacementError, match=f"the {unit} did not take 2 of 3 operations: 2 × conv on the {other}"):
        runtime().open(path)
    core_ml.setenv(PLAN, "")
    if unit == "cpu":
        assert runtime().open(path).placement is None  # nothing else is possible
    else:
        with pytest.raises(PlacementError, match=r"does not say where operations run \(macOS 14.4 and later do\)"):
            runtime().open(path)


def test_a_package_that_core_ml_does_not_load(pipeline_build: Path, core_ml: pytest.MonkeyPatch) -> None:
    def fails(*arguments: Any, **more: Any) -> None:
        raise RuntimeError("Error compiling model")

    core_ml.setattr("tests.coreml_stand_in.MLModel.__init__", fails)
    with pytest.raises(EngineError, match=r"pipeline_fp16.mlpackage: Core ML cannot load it: Error compiling model"):
        CoremlDevice().open(pipeline_build / "pipeline_fp16.mlpackage")
