"""The stored PyTorch side of a proof."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mobile_robust.errors import InputError
from mobile_robust.parity.reference import Reference, channels_first, load_reference


@pytest.fixture
def reference() -> Reference:
    generator = np.random.default_rng(0)
    return Reference(
        arrays={
            "image": generator.integers(0, 256, (2, 3, 8, 16), dtype=np.uint8),
            "features": generator.random((2, 5, 4, 8), dtype=np.float32),
            "a": generator.random((2, 37), dtype=np.float32),
        },
        image_scale=1 / 255,
        output="repaired",
        expected=generator.random((2, 5, 4, 8), dtype=np.float32),
    )


def test_what_is_saved_is_loaded(reference: Reference, tmp_path: Path) -> None:
    loaded = load_reference(reference.save(tmp_path), 1 / 255)
    assert (loaded.output, list(loaded.arrays), len(loaded)) == ("repaired", ["image", "features", "a"], 2)
    np.testing.assert_array_equal(loaded.expected, reference.expected, strict=True)
    for name, array in reference.arrays.items():
        np.testing.assert_array_equal(loaded.arrays[name], array, strict=True)


def test_inputs_are_of_batch_1_scaled_and_laid_out(reference: Reference) -> None:
    first, last = reference.inputs(1, "NCHW"), reference.inputs(1, "NHWC")
    shapes = {"image": (1, 3, 8, 16), "features": (1, 5, 4, 8), "a": (1, 37)}
    assert {name: x.shape for name, x in first.items()} == shapes
    assert {name: x.shape for name, x in last.items()} == {**shapes, "image": (1, 8, 16, 3), "features": (1, 4, 8, 5)}
    np.testing.assert_allclose(first["image"][0], reference.arrays["image"][1] / 255, rtol=1e-6)
    for name, x in last.items():
        assert x.dtype == np.float32 and x.flags.c_contiguous
        np.testing.assert_array_equal(channels_first(x), first[name])


def test_what_came_in_is_the_input_that_is_repaired(reference: Reference) -> None:
    got = reference.unrepaired(1)
    assert got is not None
    np.testing.assert_array_equal(got, reference.arrays["features"][:1])
    assert Reference(reference.arrays, 1.0, "logits", reference.expected).unrepaired(1) is None
    numbers = Reference({"image": reference.arrays["image"]}, 1.0, "repaired", reference.expected)
    assert numbers.unrepaired(1) is None


def test_the_first_of_them(reference: Reference) -> None:
    one = reference.first(1)
    assert len(one) == 1 and len(reference) > 1
    for got, expected in zip(one.inputs(0, "NCHW").values(), reference.inputs(0, "NCHW").values(), strict=True):
        np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(one.expected, reference.expected[:1])


def test_class_scores_have_no_layout() -> None:
    scores = np.ones((1, 10), np.float32)
    assert channels_first(scores) is scores


@pytest.mark.parametrize(
    "arrays",
    [
        {"input.0.image": np.zeros((1, 3, 8, 8), np.uint8)},
        {"output.logits": np.zeros((1, 10), np.float32)},
        {"input.0.image": np.zeros(1), "output.a": np.zeros(1), "output.b": np.zeros(1)},
        {"input.image": np.zeros(1), "output.a": np.zeros(1)},
    ],
)
def test_another_safetensors_file_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    save_file(arrays, tmp_path / "r.safetensors")
    with pytest.raises(InputError, match=r"r\.safetensors: not a stored reference"):
        load_reference(tmp_path / "r.safetensors", 1)


def test_a_truncated_or_missing_file_is_refused(reference: Reference, tmp_path: Path) -> None:
    path = reference.save(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="not a stored reference"):
        load_reference(path, 1)
    with pytest.raises(InputError, match="gone: not a stored reference"):
        load_reference(tmp_path / "gone", 1)
