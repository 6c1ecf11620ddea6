"""The stored PyTorch side of a parity check."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mobile_robust.contracts.manifest import Manifest, Tensor, read_manifest
from mobile_robust.contracts.tensors import Role, TensorSpec
from mobile_robust.errors import InputError
from mobile_robust.parity.reference import Reference, channels_first, load_reference


def tensor(name: str, role: Role, layout: str = "NC", repairs: str | None = None) -> Tensor:
    return Tensor(name=name, shape=(1,), dtype="float32", layout=layout, role=role, description="", repairs=repairs)


INPUTS = (
    TensorSpec("image", Role.IMAGE, ""),
    TensorSpec("features", Role.FEATURES, ""),
    TensorSpec("a", Role.PARAMETERS, ""),
)


@pytest.fixture
def reference() -> Reference:
    generator = np.random.default_rng(0)
    return Reference(
        inputs=INPUTS,
        arrays={
            "image": generator.integers(0, 256, (2, 3, 8, 16), dtype=np.uint8),
            "features": generator.random((2, 5, 4, 8), dtype=np.float32),
            "a": generator.random((2, 37), dtype=np.float32),
        },
        image_scale=1 / 255,
        output=TensorSpec("repaired", Role.FEATURES, "", repairs="features"),
        expected=generator.random((2, 5, 4, 8), dtype=np.float32),
    )


@pytest.fixture(scope="module")
def manifest(module_build: Path) -> Manifest:
    """Of a build whose artifacts have the tensors of the reference, and images in [0, 1]."""
    found = read_manifest(module_build)
    inputs = tuple(tensor(spec.name, spec.role) for spec in INPUTS)
    artifact = found.artifacts[0].model_copy(
        update={"inputs": inputs, "outputs": (tensor("repaired", Role.FEATURES, repairs="features"),)}
    )
    recipe = found.recipe.model_copy(update={"input": found.recipe.input.model_copy(update={"range": 1})})
    return found.model_copy(update={"artifacts": (artifact,), "recipe": recipe})


def test_what_is_saved_is_loaded(reference: Reference, manifest: Manifest, tmp_path: Path) -> None:
    reference.save(tmp_path)
    loaded = load_reference(tmp_path, manifest)
    assert [(spec.name, spec.role) for spec in loaded.inputs] == [(spec.name, spec.role) for spec in INPUTS]
    assert (loaded.output.name, loaded.output.repairs) == ("repaired", "features")
    assert (loaded.image_scale, len(loaded), loaded.of_classifier) == (1 / 255, 2, False)
    np.testing.assert_array_equal(loaded.expected, reference.expected, strict=True)
    for name, array in reference.arrays.items():
        np.testing.assert_array_equal(loaded.arrays[name], array, strict=True)


def test_inputs_are_of_batch_1_scaled_and_laid_out(reference: Reference) -> None:
    first = dict(zip(reference.arrays, reference.arguments(1), strict=True))
    layouts = {"image": "NHWC", "features": "NHWC", "a": "NC"}
    last = reference.inputs_of([tensor(s.name, s.role, layouts[s.name]) for s in INPUTS], 1)
    shapes = {"image": (1, 3, 8, 16), "features": (1, 5, 4, 8), "a": (1, 37)}
    assert {name: x.shape for name, x in first.items()} == shapes
    assert {name: x.shape for name, x in last.items()} == {**shapes, "image": (1, 8, 16, 3), "features": (1, 4, 8, 5)}
    np.testing.assert_allclose(first["image"][0], reference.arrays["image"][1] / 255, rtol=1e-6)
    for name, x in last.items():
        assert x.dtype == np.float32 and x.flags.c_contiguous
        np.testing.assert_array_equal(channels_first(x, layouts[name]), first[name])
    with pytest.raises(KeyError, match="other"):
        reference.inputs_of([tensor("other", Role.IMAGE)], 0)


def test_what_is_unrepaired_is_the_input_that_the_output_repairs(reference: Reference) -> None:
    got = reference.unrepaired(1)
    assert got is not None
    np.testing.assert_array_equal(got, reference.arrays["features"][:1])
    image = replace(reference, output=TensorSpec("repaired", Role.IMAGE, "", repairs="image")).unrepaired(2)
    assert image is not None
    np.testing.assert_allclose(image, reference.arrays["image"] / 255, rtol=1e-6)
    logits = replace(reference, output=TensorSpec("features", Role.LOGITS, ""))
    assert logits.unrepaired(1) is None and logits.of_classifier


def test_the_first_of_them(reference: Reference) -> None:
    one = reference.first(1)
    assert len(one) == 1 and len(reference) > 1
    for got, expected in zip(one.arguments(0), reference.arguments(0), strict=True):
        np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(one.expected, reference.expected[:1])


@pytest.mark.parametrize(
    "arrays",
    [
        {"input.0.image": np.zeros((1, 3, 8, 8), np.uint8)},
        {"output.logits": np.zeros((1, 10), np.float32)},
        {"input.0.image": np.zeros(1), "output.repaired": np.zeros(1), "output.a": np.zeros(1)},
        {"input.image": np.zeros(1), "output.repaired": np.zeros(1)},
        {"input.0.other": np.zeros(1), "output.repaired": np.zeros(1)},
        {"output.repaired": np.zeros(1)},
        {"input.0.image": np.zeros((0, 3, 8, 8), np.uint8), "output.repaired": np.zeros((0, 5), np.float32)},
        {"input.0.image": np.zeros((2, 3, 8, 8), np.uint8), "output.repaired": np.zeros((1, 5), np.float32)},
        {"input.0.image": np.zeros((), np.uint8), "output.repaired": np.zeros((), np.float32)},
    ],
)
def test_another_safetensors_file_is_refused(manifest: Manifest, tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    save_file(arrays, tmp_path / "reference.safetensors")
    with pytest.raises(InputError, match=r"reference\.safetensors: not a stored reference"):
        load_reference(tmp_path, manifest)


@pytest.mark.parametrize(
    ("name", "stored"),
    [(n, t) for n in ("input.0.image", "output.repaired") for t in ("BOOL", "I64", "F16", "BF16", "F8_E4M3", "F4")],
)
def test_other_types_than_those_that_are_saved_are_refused(
    manifest: Manifest, tmp_path: Path, name: str, stored: str
) -> None:
    bits = {"BOOL": 8, "I64": 64, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F4": 4}
    header, end = {}, 0
    for key, kind in {"input.0.image": "U8", "output.repaired": "F32", name: stored}.items():
        start, end = end, end + 4 * {"U8": 8, "F32": 32, **bits}[kind] // 8
        header[key] = {"dtype": kind, "shape": [2, 2], "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    (tmp_path / "reference.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(end))
    with pytest.raises(InputError, match=r"reference\.safetensors: not a stored reference: "):
        load_reference(tmp_path, manifest)


def test_a_truncated_or_missing_file_is_refused(reference: Reference, manifest: Manifest, tmp_path: Path) -> None:
    path = reference.save(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(InputError, match="not a stored reference"):
            load_reference(folder, manifest)
