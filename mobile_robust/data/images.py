"""One image: found, decoded, cropped, compressed; and the photos that ship with the dependencies.

Every image is uint8, height x width x 3, RGB, values 0..255.
"""

from __future__ import annotations

import io
import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from mobile_robust.errors import InputError

Photo = NDArray[np.uint8]
#: (height, width) in pixels.
Size = tuple[int, int]

#: JPEG qualities of the built-in photos: those AFD-Module is evaluated on.
JPEG_QUALITIES = (25, 18, 15, 10, 7)

#: Provenance of :func:`built_in_photos`, for the manifest.
BUILT_IN_DESCRIPTION = (
    "crops of three photos that ship with scikit-learn (china.jpg, flower.jpg) and matplotlib (grace_hopper.jpg), "
    f"every second one JPEG-compressed at quality {', '.join(map(str, JPEG_QUALITIES))} in turn"
)

_BUILT_IN = (
    ("sklearn", "datasets/images/china.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
    ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
)
_COMMON_SUFFIXES = {".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}


def find_images(folder: Path) -> list[Path]:
    """All images in a folder and its sub-folders, sorted by path.

    Raises:
        InputError: The folder is missing, is a file, or holds no image.
    """
    allowed = sorted(_COMMON_SUFFIXES & Image.registered_extensions().keys())
    if not folder.is_dir():
        wrong = "is a file" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {wrong}; give a folder of images ({', '.join(allowed)})")
    images = sorted(path for path in folder.rglob("*") if path.suffix.lower() in allowed and path.is_file())
    if not images:
        raise InputError(f"{folder}: no image in this folder or below it; looked for {', '.join(allowed)}")
    return images


def read_image(path: Path) -> Photo:
    """Reads an image of any common kind: turned upright, transparency over white, 16 bits scaled to 8.

    Raises:
        InputError: The file cannot be read or decoded.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.array(_as_rgb(ImageOps.exif_transpose(image)))
    except UnidentifiedImageError:
        raise InputError(f"{path}: not an image: its content is of no format known here") from None
    except Exception as error:  # a broken file makes Pillow's decoders raise nearly every built-in exception
        raise InputError(f"{path}: broken image: {error}") from error


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # Pillow's own conversion would clip 16-bit grey at 255
        grey = np.clip(np.asarray(image, dtype=np.float64) / 257, 0, 255)
        return Image.fromarray(grey.round().astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ValueError("floating-point pixels have no agreed range; save it with 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def centre_crop(image: Photo, size: Size) -> Photo:
    """A square ``size`` as for ImageNet: the short side scaled to side x 256 / 224, then the middle. Any other size: a
    camera frame, scaled until it covers ``size``, then the middle. An image of that very size is taken as it is.
    """
    height, width = size
    if image.shape[:2] == size:
        return image
    margin = 256 / 224 if height == width else 1.0
    scale = max(round(height * margin) / image.shape[0], round(width * margin) / image.shape[1])
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


def built_in_photos(size: Size, count: int) -> list[Photo]:
    """Photos for calibration and parity where the user gives none; they lie in installed wheels, nothing is downloaded.

    Crops at many scales and places, some mirrored, all different; every second one is JPEG-compressed because
    compressed photos are what the module will meet. The first n are the same for every ``count``.

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
            crop = jpeg(crop, JPEG_QUALITIES[index // 2 % len(JPEG_QUALITIES)])
        crops.append(crop)
    return crops


def _built_in_file(package: str, file: str) -> Path:
    spec = find_spec(package)
    path = Path(spec.origin).parent / file if spec and spec.origin else None
    if path is None or not path.is_file():
        raise InputError(
            f"{package} is installed without its sample photo {file}: give your own with --calibration DIR"
        )
    return path
