"""Real Core ML prediction: what can be tested anywhere, with a model that only remembers what it was given."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mobile_robust.errors import InputError
from mobile_robust.runtimes.coreml_device import CoremlDevice, CoremlSession
from mobile_robust.runtimes.coreml_mil.package import Package


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
