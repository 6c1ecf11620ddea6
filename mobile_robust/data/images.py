"""One image: found, decoded, cropped, compressed; and the photos that ship with the dependencies.

Every image is uint8, height x width x 3, RGB, values 0..255.
"""

from __future__ import annotations

import io
import math
import struct
import warnings
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from mobile_robust.data.folder import HEIC_HINT, MOST_FILE_BYTES, photo_formats
from mobile_robust.data.storage import PhotoPath, StoredPath
from mobile_robust.documents import read
from mobile_robust.errors import InputError

Photo = NDArray[np.uint8]
#: (height, width) in pixels.
Size = tuple[int, int]
#: Photo and its number -> what the world has made of it.
Degrade = Callable[[Photo, int], Photo]

#: JPEG qualities of the built-in photos: those AFD-Module is evaluated on.
JPEG_QUALITIES = (25, 18, 15, 10, 7)

#: Provenance of :func:`built_in_photos`, for the manifest.
BUILT_IN_DESCRIPTION = (
    "crops of three photos that ship with scikit-learn (china.jpg, flower.jpg) and matplotlib (grace_hopper.jpg)"
)

_BUILT_IN = (
    ("sklearn", "datasets/images/china.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
    ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
)
#: EXIF orientation -> what turns the image upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
#: Larger images are decoded at a half, a quarter or an eighth of their sides where their format can do that (JPEG). The
#: limit is Pillow's own, above which it takes an image for an attack on the memory.
_MOST_PIXELS = 178_956_970
#: The TIFF tag that says which value is white, and its value where that is 0.
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0


def read_image(path: PhotoPath) -> Photo:
    """Reads an image of any common kind: turned upright, transparency over white, 16 bits scaled to 8.

    Raises:
        InputError: The file cannot be read or decoded; StorageError: a storage did not give it.
    """
    data = _file(path)
    try:
        try:
            return _decoded(data)
        except Exception:
            bare = _bare_png(data)
            if bare == data:
                raise
            return _decoded(bare)
    except UnidentifiedImageError:
        kind = HEIC_HINT if data[4:8] == b"ftyp" else "its content is of no format known here"
        raise InputError(f"{path}: not an image: {kind}") from None
    except Exception as error:  # a broken file makes Pillow's decoders raise nearly every built-in exception
        raise InputError(f"{path}: broken image: {error}") from error


def _file(path: PhotoPath) -> bytes:
    if isinstance(path, StoredPath):
        return path.read_bytes()
    try:
        size = path.stat().st_size if path.is_file() else 0
        if size <= MOST_FILE_BYTES:
            return path.read_bytes() if size else read(path)  # a pipe or a device may never end
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    raise InputError(f"{path}: cannot be read: larger than the {MOST_FILE_BYTES >> 20} MiB that are allowed")


def _decoded(data: bytes) -> Photo:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of half of its limit and of damaged tags: with lines of its code
        return _pixels(data)


def _pixels(data: bytes) -> Photo:
    with _open(data) as image:
        deep = any(";16" in str(tile.args) for tile in getattr(image, "tile", ()))  # emptied by the next line
        image.load()  # which turns a TIFF upright, and takes the tag that says so away
        if deep:
            _check_depth(image)
        white_is_zero = getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO
        return np.array(_as_rgb(_upright(image), white_is_zero))


def _bare_png(data: bytes) -> bytes:
    """A PNG file without what Pillow need not know of it: it refuses files whose texts or colour profile are long or
    damaged. Any other file as it is."""
    if not data.startswith(b"\x89PNG"):
        return data
    kept, at = [data[:8]], 8
    while at + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        chunk = data[at : at + 12 + length]
        whole = zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")
        if kind[:1].isupper() or kind == b"tRNS" or (kind == b"eXIf" and whole):
            kept.append(chunk)
        at += len(chunk)
    return b"".join(kept) + data[at:]


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=photo_formats())
    except Image.DecompressionBombError:
        if data[:2] != b"\xff\xd8":
            raise
    photo = JpegImageFile(io.BytesIO(data))
    shrink = math.sqrt(_MOST_PIXELS / (photo.width * photo.height))
    photo.draft(None, (int(photo.width * shrink / 2), int(photo.height * shrink / 2)))  # it stays above what is asked
    if photo.width * photo.height > _MOST_PIXELS:
        raise ValueError(f"{photo.width} x {photo.height} pixels even at an eighth of its sides")
    return photo


def _check_depth(image: Image.Image) -> None:
    """Of 16-bit colours Pillow keeps the upper byte: next to nothing of a camera's 12 bits, stored as they are."""
    if image.mode not in ("RGB", "RGBA", "LA"):
        return  # grey: all 16 bits are there
    pixels = np.asarray(image)
    if (largest := pixels[..., : 1 if image.mode == "LA" else 3].max(initial=0)) < 64:
        dark, bits = ("nearly black", 12) if largest < 16 else ("dark", 14)
        raise ValueError(f"{dark}: its 16-bit colours use at most {bits} bits; save it with 8 bits")


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its orientation tag says. Pillow's own function writes the other tags anew, and may fail."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # no EXIF data, whatever the file calls it
        return image
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _as_rgb(image: Image.Image, white_is_zero: bool) -> Image.Image:
    if image.mode.startswith("I"):  # Pillow's own conversion would clip at 255
        values = np.asarray(image)
        most = 2 ** _bits(values) - 1
        table = (np.arange(most + 1) * (255 / most)).round().astype(np.uint8)
        table = table[::-1] if white_is_zero else table
        return Image.fromarray(np.array([table[row] for row in values])).convert("RGB")  # by rows: photos are large
    if image.mode == "F":
        raise ValueError("floating-point pixels have no agreed range; save it with 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _bits(values: NDArray[Any]) -> int:
    """The depth of grey values that are stored with more bits: cameras store 8, 10, 12 or 14 bits as they are."""
    depths = (8, 10, 12, 14, 16)
    bits = next((bits for bits in depths if values.max(initial=0) < 2**bits), None)
    if bits is None or values.min(initial=0) < 0:
        raise ValueError("its pixels are negative or of more than 16 bits; save it with 8 or 16 bits")
    return bits


def margin(size: Size) -> float:
    """How many times the sides of ``size`` :func:`centre_crop` has a photo cover before it cuts the middle out."""
    height, width = size
    return 256 / 224 if height == width else 1.0


def centre_crop(image: Photo, size: Size) -> Photo:
    """A square ``size`` as for ImageNet: the short side scaled to side x 256 / 224, then the middle. Any other size: a
    camera frame, scaled until it covers ``size``, then the middle. An image of that very size is taken as it is.
    """
    height, width = size
    if image.shape[:2] == size:
        return image
    more = margin(size)
    scale = max(round(height * more) / image.shape[0], round(width * more) / image.shape[1])
    if scale != 1:
        # Of a very long image only the middle is enlarged: the rest is cropped away anyway.
        image = _middle(image, math.ceil(2 * height / scale), math.ceil(2 * width / scale))
        tall, wide = max(height, round(image.shape[0] * scale)), max(width, round(image.shape[1] * scale))
        image = np.array(Image.fromarray(image).resize((wide, tall), Image.Resampling.BICUBIC))
    return np.ascontiguousarray(_middle(image, height, width))


def _middle(image: Photo, height: int, width: int) -> Photo:
    """At most so many pixels around the centre."""
    height, width = min(height, image.shape[0]), min(width, image.shape[1])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def jpeg(image: Photo, quality: int) -> Photo:
    """An image after JPEG compression as in ImageNet-C: Pillow, 4:2:0, ``quality`` 1 (worst) to 95."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


def jpeg_in_turn(image: Photo, index: int) -> Photo:
    """An image after JPEG compression at the next quality."""
    return jpeg(image, JPEG_QUALITIES[index % len(JPEG_QUALITIES)])


def built_in_photos(size: Size, count: int, degrade: Degrade = jpeg_in_turn) -> list[Photo]:
    """Photos for calibration and parity where the user gives none; they lie in installed wheels, nothing is downloaded.

    Crops at many scales and places, some mirrored, all different; every second one is degraded because degraded photos
    are what the module will meet. The first n are the same for every ``count``.

    Raises:
        InputError: The wheels were installed without their sample photos.
    """
    photos = [Image.fromarray(read_image(_built_in_file(package, file))) for package, file in _BUILT_IN]
    height, width = size
    random = np.random.default_rng(0)
    crops = []
    for index in range(count):
        photo = photos[index % len(photos)]
        scale = min(photo.width / width, photo.height / height) * random.uniform(0.3, 1.0)
        left, top = random.uniform(0, photo.width - scale * width), random.uniform(0, photo.height - scale * height)
        box = (left, top, left + scale * width, top + scale * height)
        crop = np.array(photo.resize((width, height), Image.Resampling.BICUBIC, box=box))
        if random.random() < 0.5:
            crop = np.ascontiguousarray(crop[:, ::-1])
        if index % 2:
            crop = degrade(crop, index // 2)
        crops.append(crop)
    return crops


def whole_built_in_photos(size: Size) -> list[Photo]:
    """The middle of each of the photos that :func:`built_in_photos` cuts, as networks are evaluated."""
    return [centre_crop(read_image(_built_in_file(package, file)), size) for package, file in _BUILT_IN]


def _built_in_file(package: str, file: str) -> Path:
    spec = find_spec(package)
    path = Path(spec.origin).parent / file if spec and spec.origin else None
    if path is None or not path.is_file():
        raise InputError(
            f"{package} is installed without its sample photo {file}: give your own with --calibration DIR"
        )
    return path
