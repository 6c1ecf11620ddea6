"""Images: every kind of file becomes an upright RGB crop, and broken ones are named."""

import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

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


@pytest.mark.parametrize(
    ("bits", "name"), [(16, "grey.png"), (14, "grey.png"), (12, "grey.png"), (10, "grey.tif"), (8, "grey.tif")]
)
def test_deep_grey_is_scaled_by_the_bits_that_it_uses(tmp_path: Path, bits: int, name: str) -> None:
    ramp = np.linspace(0, 2**bits - 1, 60).round().astype(np.int32 if bits == 8 else np.uint16)[None].repeat(40, 0)
    image = data.read_image(save(tmp_path / name, ramp))
    assert image[0, 0, 0] == 0 and image[0, -1, 2] == 255 and abs(int(image[0, 30, 1]) - 130) <= 1


def test_grey_values_that_count_from_white_are_turned_round(tmp_path: Path) -> None:
    ramp = np.linspace(4095, 0, 60).round().astype(np.uint16)[None].repeat(40, 0)
    Image.fromarray(ramp).save(tmp_path / "scan.tif", tiffinfo={262: 0})
    image = data.read_image(tmp_path / "scan.tif")
    assert image[0, 0, 0] == 0 and image[0, -1, 2] == 255


@pytest.mark.parametrize("values", [[0, 2**16], [0, 2**31 - 1], [-1, 200]])
def test_numbers_that_are_no_grey_values_are_refused(tmp_path: Path, values: list[int]) -> None:
    path = save(tmp_path / "heights.tif", np.array([values], np.int32))
    with pytest.raises(InputError, match=r"heights\.tif: .*negative or of more than 16 bits; save it with 8 or 16"):
        data.read_image(path)


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize(("bits", "dark"), [(12, "nearly black"), (14, "dark")])
def test_deep_colours_of_which_pillow_keeps_little_are_refused(
    tmp_path: Path, channels: int, bits: int, dark: str
) -> None:
    values = np.random.default_rng(0).integers(0, 2**bits, (20, 30, channels))
    (tmp_path / "raw.png").write_bytes(png16(values))
    with pytest.raises(InputError, match=rf"raw\.png: broken image: {dark}: .* most {bits} bits; save it with 8 bits"):
        data.read_image(tmp_path / "raw.png")
    (tmp_path / "good.png").write_bytes(png16(values * 2 ** (16 - bits)))
    assert data.read_image(tmp_path / "good.png").max() > 250


def chunk(kind: bytes, content: bytes) -> bytes:
    """Of a PNG file."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png16(values: np.ndarray) -> bytes:
    """A PNG of 16 bits a channel, (H, W, 2, 3 or 4), which Pillow cannot write."""
    height, width, channels = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_photo_of_too_many_pixels_is_decoded_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smooth = photo(640, 960)
    Image.fromarray(smooth).save(tmp_path / "phone.jpg", quality=95)
    Image.fromarray(smooth).save(tmp_path / "scan.png")
    monkeypatch.setattr(data, "_MOST_PIXELS", 400_000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200_000)
    image = data.read_image(tmp_path / "phone.jpg")
    assert image.shape == (320, 480, 3) and np.abs(image.astype(int) - smooth[::2, ::2]).mean() < 3
    with pytest.raises(InputError, match=r"scan\.png: broken image: .*exceeds limit"):
        data.read_image(tmp_path / "scan.png")
    monkeypatch.setattr(data, "_MOST_PIXELS", 4_000)
    with pytest.raises(InputError, match=r"phone\.jpg: .*120 x 80 pixels even at an eighth of its sides"):
        data.read_image(tmp_path / "phone.jpg")


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "depth.tif", np.zeros((4, 4), np.float32))
    with pytest.raises(InputError, match=r"depth\.tif: broken image: floating-point"):
        data.read_image(path)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_as_pillow_does(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "phone.png"
    Image.fromarray(photo()).save(path, exif=exif)
    with Image.open(path) as image:
        assert np.array_equal(data.read_image(path), np.array(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize("tag", [(0x011A, 2), (0x0128, 2), (0x9003, 4), (0x8298, 7)])
def test_only_the_orientation_of_the_exif_data_matters(tmp_path: Path, tag: tuple[int, int]) -> None:
    """Tags of a wrong type, which Pillow reads and cannot write again."""
    entries = [(*tag, 4, b"72\0\0"), (0x0112, 3, 1, struct.pack("<HH", 6, 0))]
    packed = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in sorted(entries))
    block = b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + bytes(4)
    path = tmp_path / "phone.jpg"
    upright = photo(48, 64)
    Image.fromarray(np.ascontiguousarray(np.rot90(upright))).save(path, quality=95, exif=b"Exif\0\0" + block)
    assert np.abs(data.read_image(path).astype(int) - upright).mean() < 4


def test_damaged_tags_are_read_past_in_silence(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    Image.fromarray(photo(48, 64)).save(tmp_path / "phone.jpg", exif=exif.tobytes()[:-8])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert data.read_image(tmp_path / "phone.jpg").shape in ((64, 48, 3), (48, 64, 3))


def test_exif_data_that_are_none_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "tool.png"
    Image.fromarray(photo()).save(path, exif=b"made by a tool")
    assert np.array_equal(data.read_image(path), photo())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", [{}, {"compression": "tiff_lzw"}])
def test_a_tiff_is_turned_once(tmp_path: Path, orientation: int, form: dict) -> None:
    path, stored = tmp_path / "scan.tif", photo()
    Image.fromarray(stored).save(path, tiffinfo={0x0112: orientation}, **form)
    upright = Image.fromarray(stored)
    upright.getexif()[0x0112] = orientation
    assert np.array_equal(data.read_image(path), np.array(ImageOps.exif_transpose(upright)))


LONG = zlib.compress(b"x" * 3_000_000)


@pytest.mark.parametrize(
    "odd",
    [
        chunk(b"zTXt", b"workflow\0\0" + LONG),
        chunk(b"iTXt", b"workflow\0\1\0\0\0" + LONG),
        chunk(b"iCCP", b"profile\0\0" + LONG),
        chunk(b"iCCP", b""),
        chunk(b"gAMA", b""),
        chunk(b"zTXt", b"a\0\5b"),
        chunk(b"tEXt", b"a\0b")[:-1] + b"?",
        chunk(b"eXIf", b"a")[:-1] + b"?",
        chunk(b"acTL", b""),
    ],
)
def test_a_png_is_read_whatever_stands_beside_its_pixels(tmp_path: Path, odd: bytes) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    path = tmp_path / "tool.png"
    Image.fromarray(photo()).save(path, exif=exif)
    whole = path.read_bytes()
    path.write_bytes(whole[:33] + odd + whole[33:])
    assert np.array_equal(data.read_image(path), photo()[::-1, ::-1])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"tool\.png: "):
        data.read_image(path)


def test_pipes_devices_programs_and_huge_files_are_no_photos(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(2**40)
    (tmp_path / "phone.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (tmp_path / "program.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    for path, reason in (
        (tmp_path / "pipe.jpg", "not an image"),
        (Path("/dev/zero"), "larger than"),
        (tmp_path / "huge.jpg", "larger than the 1024 MiB that are allowed"),
        (tmp_path / "program.jpg", "not an image"),
        (tmp_path / "phone.jpg", "not an image: HEIC is read where pillow-heif is installed"),
    ):
        with pytest.raises(InputError, match=rf"{path}: .*{reason}"):
            data.read_image(path)


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
