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
        images=generator.integers(0, 256, (2, 3, 8, 16), dtype=np.uint8),
        image_scale=1 / 255,
        others={"features": generator.random((2, 5, 4, 8), dtype=np.float32)},
        output="repaired",
        expected=generator.random((2, 5, 4, 8), dtype=np.float32),
    )


def test_what_is_saved_is_loaded(reference: Reference, tmp_path: Path) -> None:
    loaded = load_reference(reference.save(tmp_path), 1 / 255)
    assert (loaded.output, list(loaded.others), len(loaded)) == ("repaired", ["features"], 2)
    for a, b in (
        (loaded.images, reference.images),
        (loaded.others["features"], reference.others["features"]),
        (loaded.expected, reference.expected),
    ):
        np.testing.assert_array_equal(a, b, strict=True)


def test_inputs_are_of_batch_1_scaled_and_laid_out(reference: Reference) -> None:
    first, last = reference.inputs(1, "NCHW"), reference.inputs(1, "NHWC")
    assert {name: x.shape for name, x in first.items()} == {"image": (1, 3, 8, 16), "features": (1, 5, 4, 8)}
    assert {name: x.shape for name, x in last.items()} == {"image": (1, 8, 16, 3), "features": (1, 4, 8, 5)}
    np.testing.assert_allclose(first["image"][0], reference.images[1] / 255, rtol=1e-6)
    for name, x in last.items():
        assert x.dtype == np.float32 and x.flags.c_contiguous
        np.testing.assert_array_equal(channels_first(x), first[name])


def test_class_scores_have_no_layout() -> None:
    scores = np.ones((1, 10), np.float32)
    assert channels_first(scores) is scores


@pytest.mark.parametrize(
    "arrays",
    [
        {"input.image": np.zeros((1, 3, 8, 8), np.uint8)},
        {"output.logits": np.zeros((1, 10), np.float32)},
        {"input.image": np.zeros(1), "output.a": np.zeros(1), "output.b": np.zeros(1)},
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
