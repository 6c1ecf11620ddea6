"""The app kit's Kotlin: compiled against Android and the app's runtime, and run on this machine with that runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mobile_robust.contracts.manifest import read_manifest
from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.data.images import centre_crop, whole_built_in_photos
from mobile_robust.export.app_kit.kit import FOLDER, write_app_kit
from mobile_robust.export.targets.tflite_uint8 import with_uint8_ends
from mobile_robust.runtimes.litert_cpu import LitertCpu
from tests.android_bench.java_tools import IS_X86_64, Java
from tests.bench.android.harness import skip

pytestmark = [pytest.mark.slow, pytest.mark.device]


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> Java:
    return Java(tmp_path_factory)


@pytest.fixture(scope="module")
def kit(pipeline_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kit")
    assert write_app_kit(read_manifest(pipeline_build), folder)
    return folder / FOLDER


@pytest.fixture(scope="module")
def classes(java: Java, kit: Path) -> Path:
    """Everything of the kit, and a program that uses it; a warning is an error."""
    return java.kotlin([*(kit / "android").glob("*.kt"), Path(__file__).with_name("ClassifyHere.kt")])


def test_it_compiles_against_the_runtimes_own_classes(classes: Path) -> None:
    assert (classes / "com/example/classifier/Classifier.class").is_file()


@pytest.mark.parametrize("shape", [(64, 64), (90, 120), (427, 331)])
def test_it_finds_what_python_finds(
    java: Java, classes: Path, kit: Path, pipeline_build: Path, tmp_path: Path, shape: tuple[int, int]
) -> None:
    if not IS_X86_64:
        skip("the runtime's library for x86_64 cannot be run on this machine")
    photo = np.array(Image.fromarray(whole_built_in_photos((64, 64))[0]).resize(shape[::-1]))
    red, green, blue = photo.astype(np.int64).transpose(2, 0, 1)
    pixels = (0xFF << 24 | red << 16 | green << 8 | blue).astype("<u4")
    (tmp_path / "photo.bin").write_bytes(np.array(shape[::-1], "<u4").tobytes() + pixels.tobytes())
    runtime, environment = java.runtime()
    uint8 = tmp_path / "uint8.tflite"
    uint8.write_bytes(with_uint8_ends((pipeline_build / "pipeline_int8.tflite").read_bytes()))
    for model in (*pipeline_build.glob("*.tflite"), uint8):
        said = java.run(
            "com.example.classifier.ClassifyHereKt",
            [classes, *java.jars("app", "compile", "kotlin")],
            f"-Djava.library.path={runtime}",
            *(model, kit / "labels.txt", tmp_path / "photo.bin", tmp_path),
            env=environment,
        )
        spec = ImageSpec.of(read_manifest(pipeline_build).recipe.input)
        expected = spec.array([centre_crop(photo, spec.size)], "NHWC")
        tensor = np.fromfile(tmp_path / "tensor.bin", "<f4").reshape(expected.shape)
        assert np.abs(tensor - expected).max() <= 1  # grey levels: Pillow counts in fixed-point numbers
        assert np.mean(tensor != expected) < 0.01
        with LitertCpu().open(model) as session:
            (logits,) = session.predict({"image": tensor}).values()
        probabilities = np.exp(logits[0] - logits.max())
        probabilities /= probabilities.sum()
        order = [int(index) for index in np.argsort(-probabilities, kind="stable")[:3]]
        rows = [line.split("\t") for line in said.splitlines() if line.count("\t") == 2]
        assert [int(index) for index, _, _ in rows] == order * 2, said
        assert [label for _, label, _ in rows[:3]] == [f"class {index}" for index in order]
        found = [float(value) for *_, value in rows[:3]]
        assert found == pytest.approx(probabilities[order], abs=0.01)
