"""Images: every kind of file becomes an upright RGB crop, and broken ones are named."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mobile_robust.data import images as data
from mobile_robust.errors import InputError


def photo(height: int = 40, width: int = 60) -> np.ndarray:
    """A smooth colour image whose four corners differ."""
    y, x = np.mgrid[0:height, 0:width] / np.array([max(height - 1, 1), max(width - 1, 1)])[:, None, None]
    return (np.stack([x, y, np.full_like(x, 0.2)], axis=-1) * 255).astype(np.uint8)


def save(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


def test_find_images_is_recursive_sorted_and_knows_upper_case(tmp_path: Path) -> None:
    for name in ("b.png", "a/c.JPG", "a/a.webp"):
        save(tmp_path / name, photo())
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "folder.png").mkdir()
    assert [p.relative_to(tmp_path).as_posix() for p in data.find_images(tmp_path)] == ["a/a.webp", "a/c.JPG", "b.png"]


def test_find_images_says_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("x")
    for folder, wrong in ((tmp_path / "gone", "no such folder"), (file, "is a file"), (tmp_path, "no image")):
        with pytest.raises(InputError, match=rf"{folder.name}: {wrong}.*\.jpg"):
            data.find_images(folder)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "RGB"])
def test_every_opaque_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "image.tif"
    Image.fromarray(photo()).convert(mode).save(path)
    image = data.read_image(path)
    assert image.shape == (40, 60, 3) and image.dtype == np.uint8
    assert image[:, -1].mean() > image[:, 0].mean() + 30  # brighter to the right in every mode


def test_cmyk_jpeg_keeps_its_colours(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.fromarray(photo()).convert("CMYK").save(path, quality=95)
    assert np.abs(data.read_image(path).astype(int) - photo()).mean() < 4


def test_transparency_shows_white(tmp_path: Path) -> None:
    rgba = np.dstack([photo(), np.full((40, 60), 255, np.uint8)])
    rgba[:20, :, 3] = 0
    image = data.read_image(save(tmp_path / "logo.png", rgba))
    assert (image[:20] == 255).all() and (image[20:] == photo()[20:]).all()


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 60).astype(np.uint16)[None].repeat(40, 0)
    image = data.read_image(save(tmp_path / "grey.png", ramp))
    assert image[0, 0, 0] == 0 and image[0, -1, 2] == 255 and abs(int(image[0, 30, 1]) - 130) <= 1


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "depth.tif", np.zeros((4, 4), np.float32))
    with pytest.raises(InputError, match=r"depth\.tif: broken image: floating-point"):
        data.read_image(path)


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    upright = photo()
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn 90 degrees clockwise to view"
    path = tmp_path / "phone.png"
    Image.fromarray(np.rot90(upright)).save(path, exif=exif)
    assert np.array_equal(data.read_image(path), upright)


def test_a_square_crop_is_the_middle_of_the_resized_photo() -> None:
    image = photo(300, 500)
    resized = np.array(Image.fromarray(image).resize((427, 256), Image.Resampling.BICUBIC))
    assert np.array_equal(data.centre_crop(image, (224, 224)), resized[16:240, 101:325])
    assert np.array_equal(data.centre_crop(resized, (224, 224)), resized[16:240, 101:325])  # not resampled
    assert np.array_equal(data.centre_crop(resized, (256, 427)), resized)  # taken as it is


@pytest.mark.parametrize("shape", [(108, 192), (300, 500), (90, 1000), (700, 60), (54, 96)])
def test_a_frame_is_covered_whole(shape: tuple[int, int]) -> None:
    crop = data.centre_crop(photo(*shape), (108, 192))
    assert crop.shape == (108, 192, 3)
    scale = max(108 / shape[0], 192 / shape[1])
    tall, wide = round(shape[0] * scale), round(shape[1] * scale)
    whole = np.array(Image.fromarray(photo(*shape)).resize((wide, tall), Image.Resampling.BICUBIC)).astype(int)
    top, left = (tall - 108) // 2, (wide - 192) // 2
    assert np.abs(whole[top : top + 108, left : left + 192] - crop).mean() < 2


@settings(deadline=None, max_examples=60)
@given(height=st.integers(1, 300), width=st.integers(1, 300), size=st.integers(8, 96))
def test_any_shape_gives_the_asked_size(height: int, width: int, size: int) -> None:
    crop = data.centre_crop(photo(height, width), (size, size))
    assert crop.shape == (size, size, 3) and crop.dtype == np.uint8 and crop.flags.c_contiguous


def test_extreme_images_fill_the_crop() -> None:
    pixel = np.array([[[10, 20, 30]]], np.uint8)
    assert (data.centre_crop(pixel, (32, 32)) == pixel).all()
    needle = np.zeros((1, 100_000, 3), np.uint8)  # enlarged as a whole it would not fit into memory
    assert data.centre_crop(needle, (224, 224)).shape == (224, 224, 3)


def test_jpeg_keeps_shape_and_loses_more_at_lower_quality() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 41, 3), dtype=np.uint8)
    losses = [np.abs(data.jpeg(noise, quality).astype(int) - noise).mean() for quality in (95, 25, 7)]
    assert data.jpeg(noise, 10).shape == noise.shape and losses == sorted(losses)


def test_built_in_photos_are_all_different_and_repeatable() -> None:
    crops = data.built_in_photos((32, 48), 256)
    assert all(crop.shape == (32, 48, 3) and crop.dtype == np.uint8 for crop in crops)
    assert len({crop.tobytes() for crop in crops}) == 256
    assert np.array_equal(crops[:8], data.built_in_photos((32, 48), 8))


def test_missing_built_in_photos_ask_for_calibration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "find_spec", lambda package: None)
    with pytest.raises(InputError, match="sklearn is installed without its sample photo .* --calibration DIR"):
        data.built_in_photos((32, 32), 1)
