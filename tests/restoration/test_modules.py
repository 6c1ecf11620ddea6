"""Whatever MODEL is, a photo goes in and the repaired photo comes out; what gives none is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mobile_robust.data.images import built_in_photos
from mobile_robust.errors import InputError
from mobile_robust.pipelines import build_model
from mobile_robust.recipes import load_recipe
from mobile_robust.restoration.modules import resolve
from tests.randomize import randomize
from tests.recipes import RESNET, write_recipe

(PHOTO,) = built_in_photos((64, 64), 1)


@pytest.mark.parametrize("method", ["dir", "sympie", "fidelity"])
def test_a_pipelines_module_repairs_as_the_pipeline_does(method: str, recipes: dict[str, Path]) -> None:
    (module,) = resolve([str(recipes[method])], None, [])
    assert (module.name, module.runtime, module.method, module.size) == (method, "pytorch", method, (64, 64))
    assert module.label is not None and "untrained" in module.label
    model = build_model(load_recipe(str(recipes[method])))
    image = torch.from_numpy(PHOTO[None]).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        expected = model.adapter.prepare(image)[0][0].permute(1, 2, 0).numpy()
    repaired = module.open()(PHOTO)
    assert repaired.dtype == np.uint8 and not np.array_equal(repaired, PHOTO)
    assert np.abs(repaired - expected.clip(0, 255)).max() <= 0.51  # rounded to 8 bits


def test_weights_are_those_given(recipes: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "random.safetensors"
    save_file(randomize(build_model(load_recipe(str(recipes["dir"]))).adapter).state_dict(), path)
    (without,), (given,) = (resolve([str(recipes["dir"])], weights, []) for weights in (None, str(path)))
    assert not np.array_equal(without.open()(PHOTO), given.open()(PHOTO))


def test_what_gives_no_photo_is_refused(recipes: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="recipe afd: method afd gives no repaired photo"):
        resolve([str(recipes["afd"])], None, [])
    with pytest.raises(InputError, match="component representation of method dir gives no repaired photo"):
        resolve(["dir_representation_224"], None, [])
    with pytest.raises(InputError, match="MODEL no_such: no such folder of a finished build, artifact"):
        resolve(["no_such"], None, [])
    with pytest.raises(InputError, match="--runtime litert_gpu: runs none of the files given"):
        resolve([str(recipes["dir"])], None, ["litert_gpu"])


def test_a_build_of_classes_is_refused_as_a_file(pipeline_build: Path) -> None:
    with pytest.raises(InputError, match=r'pipeline_int8.tflite: gives classes, .* scope = "module"'):
        resolve([str(pipeline_build / "pipeline_int8.tflite")], None, [])


@pytest.mark.slow
def test_a_file_repairs_as_its_reference(tmp_path: Path) -> None:
    from mobile_robust.export.cli import main

    more = '[artifacts]\ntflite = ["fp32", "int8"]\ncoreml = ["fp16"]\n'
    recipe = write_recipe(tmp_path, "arcnn", "module", RESNET, more, "baseline", 'variant = "arcnn"')
    assert main([str(recipe), "--out", str(tmp_path)]) == 0
    with pytest.raises(InputError, match="--weights x.safetensors: only a recipe takes them"):
        resolve([str(tmp_path / "arcnn")], "x.safetensors", [])
    reference, *files = resolve([str(tmp_path / "arcnn")], None, [])
    assert [(module.name, module.runtime) for module in files] == [
        ("arcnn_fp32.tflite", "litert_cpu"),
        ("arcnn_int8.tflite", "litert_cpu"),
        ("arcnn_fp16.mlpackage", "coreml_mil"),
    ]
    expected = reference.open()(PHOTO).astype(int)
    for module, most in zip(files, (1, 16, 1), strict=True):
        assert np.abs(module.open()(PHOTO) - expected).max() <= most, module.name
    (alone,) = resolve([str(tmp_path / "arcnn" / "arcnn_int8.tflite")], None, [])
    assert alone == files[1] and alone.sha256
