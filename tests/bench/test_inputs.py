"""The test set: the photos of a folder, and a word on those that are not in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from mobile_robust.bench.device.transport import DeviceRuntime
from mobile_robust.bench.inputs import TestSets, open_photos
from mobile_robust.bench.models import resolve
from mobile_robust.runtimes.registry import runtimes


def test_photos_that_are_left_out_are_named(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "good.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    (tmp_path / "clip.svg").write_text("<svg/>")
    said: list[str] = []
    assert len(open_photos(tmp_path, said.append)) == 1
    (sentence,) = said
    assert "broken.png" in sentence and "skipped 1 of 2 images" in sentence


def test_nothing_is_said_where_nothing_is_left_out(photos: Path) -> None:
    said: list[str] = []
    assert len(open_photos(photos, said.append)) == 6 and said == []


def test_inputs_are_laid_out_as_each_file_takes_them(pipeline_build: Path, photos: Path, tmp_path: Path) -> None:
    core_ml = DeviceRuntime("coreml_cpu", "cpu", "system", ".mlpackage", target="coreml")
    tflite, _, package = resolve([pipeline_build], [], [runtimes()["litert_cpu"], core_ml])
    chosen = open_photos(photos)
    sets = TestSets(chosen, tmp_path)
    last, first = (sets.of(model) for model in (tflite, package))
    assert last.shapes == {"image": (1, 64, 64, 3)} and first.shapes == {"image": (1, 3, 64, 64)}
    rows = [np.fromfile(each.path, "<f4") for each in (last, first)]
    photo = next(iter(chosen.crops((64, 64)))).astype(np.float32)
    np.testing.assert_array_equal(rows[0][: photo.size].reshape(64, 64, 3), photo)
    np.testing.assert_array_equal(rows[1][: photo.size].reshape(3, 64, 64), photo.transpose(2, 0, 1))


def test_features_of_a_backbone_stay_channels_first_for_core_ml(
    module_build: Path, photos: Path, tmp_path: Path
) -> None:
    core_ml = DeviceRuntime("coreml_cpu", "cpu", "system", ".mlpackage", target="coreml")
    models = resolve([module_build], ["fp32"], [runtimes()["litert_cpu"], core_ml])
    sets = TestSets(open_photos(photos), tmp_path)
    (last, first) = (sets.of(model) for model in models)
    image, features = (tuple(shape) for shape in first.shapes.values())
    assert list(last.shapes.values()) == [(1, *shape[2:], shape[1]) for shape in (image, features)]
    size = int(np.prod(image)) + int(np.prod(features))
    rows = [np.fromfile(each.path, "<f4", size)[int(np.prod(image)) :] for each in (last, first)]
    lasts = rows[0].reshape(last.shapes[list(last.shapes)[1]])
    np.testing.assert_array_equal(lasts.transpose(0, 3, 1, 2), rows[1].reshape(features))
