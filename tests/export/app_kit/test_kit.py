"""The code for apps has what the manifest says, for files that classify, and goes into the report."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mobile_robust.contracts.manifest import Manifest, Quantization
from mobile_robust.contracts.recipe import BackboneSection, InputSection
from mobile_robust.contracts.tensors import Role
from mobile_robust.data.class_names import class_names
from mobile_robust.export.app_kit.kit import FOLDER, app_code, resizing, write_app_kit
from mobile_robust.export.report import write_report
from tests.export.test_report import manifest

CLASSES = 1000


def classifier(size: int | tuple[int, int] = 224, value_range: int = 255, pixel_buffer: bool = True) -> Manifest:
    """A build whose files take a photo and give class scores."""
    built = manifest("pipeline", label=None)
    height, width = (size, size) if isinstance(size, int) else size
    artifacts = []
    for artifact in built.artifacts:
        tflite = artifact.target == "tflite"
        image, output = artifact.inputs[0], artifact.outputs[0]
        shape = (1, height, width, 3) if tflite else (1, 3, height, width)
        dtype = "float32" if tflite or not pixel_buffer else "image (RGB)"
        image = image.model_copy(update={"shape": shape, "dtype": dtype})
        changes = {"name": "logits", "role": Role.LOGITS, "shape": (1, CLASSES), "layout": "NC", "repairs": None}
        file = f"small_{artifact.precision}{'.tflite' if tflite else '.mlpackage'}"
        logits = output.model_copy(update=changes)
        artifacts.append(artifact.model_copy(update={"file": file, "inputs": (image,), "outputs": (logits,)}))
    backbone = BackboneSection(name="resnet50", classes="imagenet-1k")
    section = InputSection(size=size, range=value_range, mean=(0.5,) * 3, std=(0.25,) * 3)
    recipe = built.recipe.model_copy(update={"scope": "pipeline", "backbone": backbone, "input": section})
    return built.model_copy(update={"recipe": recipe, "artifacts": tuple(artifacts)})


def test_the_code_has_the_files_own_names_and_sizes() -> None:
    code = app_code(classifier((192, 256), 1))
    assert {name.partition("/")[0] for name in code} == {"android", "ios"} and len(code) == 7
    for text in code.values():
        assert not re.search(r"@[A-Z_]+@", text)
    kotlin, swift = code["android/Classifier.kt"], code["ios/Classifier.swift"]
    for said in (
        '"image" to input.bytes',
        '"logits" to output.bytes',
        "1 x 1000.",
        "1 x 192 x 256 x 3 (NHWC)",
        "from 0 to 1;",
    ):
        assert said in kotlin
    assert (
        'model: String = "small_fp16.tflite"' in kotlin and "small_fp32.tflite, small_fp16.tflite, small_int8" in kotlin
    )
    assert '["image": feature(of: photo)]' in swift and 'name: String = "small_fp16"' in swift
    for name in ("android/PhotoTensor.kt", "ios/PhotoTensor.swift"):
        assert "192" in code[name] and "256" in code[name]
    assert (
        f"SCALE = {1 / 255!r}f" in code["android/PhotoTensor.kt"] and "MARGIN = 1.0" in code["android/PhotoTensor.kt"]
    )


def test_an_int8_file_with_uint8_inputs_and_outputs_has_the_same_code() -> None:
    built = classifier()
    uint8 = {"dtype": "uint8", "quantization": Quantization(scale=1, zero_point=0)}
    changed = [
        artifact.model_copy(
            update={
                side: tuple(tensor.model_copy(update=uint8) for tensor in getattr(artifact, side))
                for side in ("inputs", "outputs")
            }
        )
        if artifact.precision == "int8"
        else artifact
        for artifact in built.artifacts
    ]
    assert app_code(built.model_copy(update={"artifacts": tuple(changed)})) == app_code(built)


@pytest.mark.parametrize(("pixel_buffer", "said"), [(True, "CVPixelBufferCreate"), (False, "MLMultiArray(")])
def test_swift_makes_what_the_model_takes(pixel_buffer: bool, said: str) -> None:
    swift = app_code(classifier(pixel_buffer=pixel_buffer))["ios/Classifier.swift"]
    assert said in swift and ("CVPixelBufferCreate" in swift) != ("MLMultiArray(" in swift)


def test_the_words_say_how_to_resize() -> None:
    assert "covers 256 x 256 pixels, cut out the middle 224 x 224, and give RGB values from 0 to 255." in resizing(
        classifier()
    )
    assert "covers 192 x 256 pixels, cut out the middle 192 x 256, and give RGB values from 0 to 1." in resizing(
        classifier((192, 256), 1)
    )


def test_the_kit_has_the_names_of_the_classes(tmp_path: Path) -> None:
    written = write_app_kit(classifier(), tmp_path)
    assert {path.relative_to(tmp_path).parts[0] for path in written} == {FOLDER} and len(written) == 8
    labels = (tmp_path / FOLDER / "labels.txt").read_text().splitlines()
    assert tuple(labels) == class_names("imagenet-1k")


def test_a_title_cannot_end_the_comment() -> None:
    built = classifier()
    titled = built.recipe.model_copy(update={"title": "x */ y /* z\nsecond"})
    assert "x y z second: photo" in app_code(built.model_copy(update={"recipe": titled}))["android/Classifier.kt"]


def test_a_module_by_itself_has_no_code(tmp_path: Path) -> None:
    assert app_code(manifest()) == {} and write_app_kit(manifest(), tmp_path) == [] and not list(tmp_path.iterdir())


def test_the_report_shows_the_code_closed(tmp_path: Path) -> None:
    page = write_report(classifier(), tmp_path).read_text()
    assert page.count("<details>") == 7 and "<details open" not in page
    assert "android/Classifier.kt" in page and "cut out the middle 224 x 224" in page
    assert "<details>" not in write_report(manifest(), tmp_path).read_text()
