"""The demo app: its code from the camera's frame to the classes on this machine, and the whole APK."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mobile_robust import __version__
from mobile_robust.bench.android.apk import toolchain, verify
from mobile_robust.bench.android.apk.coordinates import sources
from mobile_robust.bench.android.apk.steps import version_code
from mobile_robust.bench.models import Model
from mobile_robust.data.image_spec import ImageSpec
from mobile_robust.data.images import centre_crop, whole_built_in_photos
from mobile_robust.demo import networks
from mobile_robust.demo.build import DEMO, RECORD
from mobile_robust.demo.cli import main
from mobile_robust.demo.networks import choose
from mobile_robust.errors import InputError
from mobile_robust.export.app_kit.kit import FOLDER, write_app_kit
from mobile_robust.export.cli import main as convert
from mobile_robust.files import sha256
from mobile_robust.runtimes.litert_cpu import LitertCpu
from tests.android_bench.java_tools import IS_X86_64, SOURCES, Java
from tests.bench.android.harness import skip
from tests.recipes import RESNET, write_recipe
from tests.shared import built_once

pytestmark = pytest.mark.slow
device = pytest.mark.device
#: Of a camera whose chroma planes share their bytes, as on most phones.
WIDTH, HEIGHT, PIXEL_STRIDE = 120, 90, 2


@pytest.fixture(scope="module")
def bare_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The backbone of ``pipeline_build`` without its module."""

    def build(out: Path) -> None:
        some = '[artifacts]\ntflite = ["int8"]\ncoreml = []\n'
        recipe = write_recipe(out, "bare", "pipeline", RESNET, some, method="none", options="")
        assert convert([str(recipe), "--out", str(out)]) == 0

    return built_once(tmp_path_factory, "bare", build) / "bare"


@pytest.fixture(scope="module")
def models(pipeline_build: Path, bare_build: Path) -> tuple[Model, Model]:
    return choose(pipeline_build, bare_build, "int8")


def test_the_files_are_those_of_the_precision(models: tuple[Model, Model], pipeline_build: Path) -> None:
    assert [model.path.name for model in models] == ["pipeline_int8.tflite", "bare_int8.tflite"]
    assert choose(pipeline_build / "pipeline_int8.tflite", models[1].path, "fp32") == models


def test_two_that_do_not_belong_together_are_refused(
    models: tuple[Model, Model], pipeline_build: Path, bare_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for build, baseline, message in (
        (pipeline_build, pipeline_build, "--baseline .*pipeline: has the module afd in it; give a build of"),
        (bare_build, bare_build, "bare: has no module; give it as --baseline"),
        (pipeline_build, tmp_path, "not a finished build"),
    ):
        with pytest.raises(InputError, match=message):
            choose(build, baseline, "int8")
    with pytest.raises(InputError, match="no TFLite file of --precision fp32; it has: int8"):
        choose(pipeline_build, bare_build, "fp32")
    repaired, plain = models
    module = changed(repaired, inputs=repaired.artifact.inputs * 2)
    (image,) = plain.artifact.inputs
    larger = changed(plain, inputs=(image.model_copy(update={"shape": (1, 96, 96, 3)}),))
    for found, message in (
        ((module, plain), "a: is a module by itself; the app needs a pipeline"),
        (
            (repaired, larger),
            "--baseline b: takes image 1 x 96 x 96 x 3 .*, but a: takes image 1 x 64 x 64 x 3 ",
        ),
    ):
        rest = iter(found)
        monkeypatch.setattr(networks, "choose_models", lambda *_, rest=rest: [next(rest)])
        with pytest.raises(InputError, match=message):
            choose(Path("a"), Path("b"), "int8")


def changed(model: Model, **tensors: object) -> Model:
    return replace(model, artifact=model.artifact.model_copy(update=tensors))


def write_frame(path: Path, photo: np.ndarray) -> np.ndarray:
    """A camera's frame of a photo; what it becomes again, RGB (H, W, 3)."""
    y, cb, cr = (np.array(band) for band in Image.fromarray(photo).convert("YCbCr").split())
    rows = (HEIGHT // 2, WIDTH // 2, PIXEL_STRIDE)
    chroma = [np.zeros(rows, np.uint8) for _ in range(2)]
    for plane, values in zip(chroma, (cb, cr), strict=True):
        plane[..., 0] = values[::2, ::2]
    head = np.array([WIDTH, HEIGHT, PIXEL_STRIDE * WIDTH // 2, PIXEL_STRIDE], "<u4")
    path.write_bytes(head.tobytes() + y.tobytes() + b"".join(plane.tobytes() for plane in chroma))
    cb, cr = (plane[..., 0].repeat(2, 0).repeat(2, 1) for plane in chroma)
    return np.array(Image.merge("YCbCr", [Image.fromarray(band) for band in (y, cb, cr)]).convert("RGB"))


@device
def test_frames_are_turned_upright_and_classified_as_python_does(
    models: tuple[Model, Model], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if not IS_X86_64:
        skip("the runtime's library for x86_64 cannot be run on this machine")
    java = Java(tmp_path_factory)
    photo = np.array(Image.fromarray(whole_built_in_photos((64, 64))[0]).resize((WIDTH, HEIGHT)))
    seen = write_frame(tmp_path / "frame.bin", photo)
    write_app_kit(models[0].manifest, tmp_path)
    (tmp_path / FOLDER / "labels.txt").rename(tmp_path / "labels.txt")
    for name, model in zip(("repaired", "baseline"), models, strict=True):
        (tmp_path / f"{name}.tflite").write_bytes(model.path.read_bytes())
    kit = java.kotlin([*(tmp_path / FOLDER / "android").glob("*.kt")])
    libraries = [kit, *java.jars("app", "compile", "kotlin")]
    code = SOURCES / "demo/src/main/java"
    files = [*code.rglob("*.java"), Path(__file__).with_name("ClassifyFrame.java")]
    classes = java.compile(files, libraries, tmp_path / "classes", "-Werror")
    runtime, environment = java.runtime()
    path = f"-Djava.library.path={runtime}"
    said = java.run("org.mobilerobust.demo.ClassifyFrame", [classes, *libraries], path, tmp_path, env=environment)
    found = dict(zip(*[iter(re.split(r"^frame (.*)\n", said, flags=re.MULTILINE)[1:])] * 2, strict=True))
    for turns in range(4):
        words = np.fromfile(tmp_path / f"upright_{90 * turns}.bin", "<u4")
        expected = np.rot90(seen, -turns)  # clockwise
        assert tuple(words[:2]) == expected.shape[1::-1]
        upright = words[2:].reshape(expected.shape[:2])
        rgb = np.stack([upright >> shift & 255 for shift in (16, 8, 0)], -1).astype(int)
        assert np.abs(rgb - expected).max() <= 2  # grey levels: Pillow counts in fixed-point numbers
        for name, model in zip(("repaired", "baseline"), models, strict=True):
            probabilities = classify(model, rgb.astype(np.uint8))
            line, *_, time = found[f"{90 * turns} {name}"].strip().splitlines()
            match = re.fullmatch(r" *(\d+) %  class (\d+)", line)
            assert match and probabilities[int(match[2])] == pytest.approx(probabilities.max(), abs=0.01)
            assert float(match[1]) == pytest.approx(100 * probabilities.max(), abs=2)
            assert re.fullmatch(r"\d+ ms", time)


def classify(model: Model, photo: np.ndarray) -> np.ndarray:
    """The probability of each class, as Python finds it."""
    spec = ImageSpec.of(model.manifest.recipe.input)
    with LitertCpu().open(model.path) as session:
        (logits,) = session.predict({"image": spec.array([centre_crop(photo, spec.size)], "NHWC")}).values()
    scores = np.exp(logits[0] - logits.max())
    return scores / scores.sum()


@device
def test_the_app_is_what_it_must_be(
    models: tuple[Model, Model],
    pipeline_build: Path,
    bare_build: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        tools = toolchain.find(sources())
    except InputError as error:
        skip(str(error))
    line = [str(pipeline_build), "--baseline", str(bare_build), "--out", str(tmp_path)]
    assert main(line) == 0
    apk = tmp_path / "mobile-robust-demo.apk"
    said = capsys.readouterr()
    assert said.out == f"{apk}\n" and "android.permission.CAMERA, signed" in " ".join(said.err.split())
    with zipfile.ZipFile(apk) as archive:
        record = json.loads(archive.read(RECORD))
        assert record["repaired"] == {
            "recipe": "pipeline",
            "file": "pipeline_int8.tflite",
            "sha256": sha256(models[0].path),
        }
        for name, model in zip(("repaired", "baseline"), models, strict=True):
            assert archive.read(f"assets/{name}.tflite") == model.path.read_bytes()
        assert archive.read("assets/labels.txt").decode().splitlines() == [f"class {index}" for index in range(10)]
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    badging = tools.run("aapt2", "dump", "badging", apk)
    code = version_code(__version__)
    assert list(verify.badging_problems(badging, DEMO, code)) == []
    spoiled = badging.replace("launchable-activity", "activity").replace(".CAMERA'", ".RECORD_AUDIO'")
    assert list(verify.badging_problems(spoiled, DEMO, code)) == [
        "activity of the launcher is missing, must be org.mobilerobust.demo.DemoActivity",
        "it asks for android.permission.RECORD_AUDIO",
        "it does not ask for android.permission.CAMERA",
    ]
