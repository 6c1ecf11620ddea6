"""A uint8 photo as the numbers a network takes: the same bits in NumPy and in PyTorch."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from mobile_robust.contracts.recipe import InputSection
from mobile_robust.data.image_spec import ImageSpec, scaled

EVERY_VALUE = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)


def test_it_is_that_of_the_recipe() -> None:
    assert ImageSpec.of(InputSection(size=(32, 64), range=1)) == ImageSpec((32, 64), 0, 1)


@pytest.mark.parametrize("high", [1.0, 255.0])
def test_every_value_is_one_rounded_product(high: float) -> None:
    spec = ImageSpec((16, 16), high=high)
    values = spec.array(EVERY_VALUE, "NHWC")
    assert values.dtype == np.float32 and values.shape == (1, 16, 16, 3)
    products = [np.float32(x) * np.float32(high / 255) for x in range(256)]
    assert values[0, ..., 0].ravel().tolist() == [float(x) for x in products]
    assert (values.min(), values.max()) == (0, high)


@pytest.mark.parametrize("spec", [ImageSpec((16, 16), high=1), ImageSpec((16, 16)), ImageSpec((16, 16), -1, 1)])
def test_numpy_and_pytorch_agree_bit_for_bit(spec: ImageSpec) -> None:
    photos = [EVERY_VALUE[0], EVERY_VALUE[0, ::-1]]
    array, tensor = spec.array(photos), spec.tensor(torch.from_numpy(np.stack(photos)))
    assert array.shape == (2, 3, 16, 16) and array.flags.c_contiguous
    assert np.array_equal(array, tensor.numpy())
    assert np.array_equal(array.transpose(0, 2, 3, 1), spec.array(photos, "NHWC"))
    assert tensor.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("spec", [ImageSpec((16, 16), high=1), ImageSpec((16, 16)), ImageSpec((16, 16), -1, 1)])
def test_a_photo_comes_back_whole_and_other_values_are_clamped(spec: ImageSpec) -> None:
    for layout in ("NCHW", "NHWC"):
        assert np.array_equal(spec.photo(spec.array(EVERY_VALUE, layout)[0], layout), EVERY_VALUE[0])
    beyond = np.array([spec.low - 1, spec.high + 9, spec.low + 100.4 * spec.scale], np.float32)
    assert spec.photo(beyond[None, None], "NHWC").tolist() == [[[0, 255, 100]]]


def test_photos_stay_as_they_are() -> None:
    before = EVERY_VALUE.copy()
    ImageSpec((16, 16), -1, 1).array(EVERY_VALUE, "NHWC")
    values = np.ones(2, np.float32)
    assert scaled(values, 0.5).tolist() == [0.5, 0.5]
    assert np.array_equal(EVERY_VALUE, before) and values.tolist() == [1, 1]


def test_importing_it_does_not_import_pytorch() -> None:
    modules = ", ".join(f"mobile_robust.{name}" for name in ("data.image_spec", "data.dataset", "options", "files"))
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
