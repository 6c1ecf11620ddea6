"""From an sRGB photo back to what a camera's sensor saw: Brooks et al., *Unprocessing Images for Learned Raw Denoising*
(CVPR 2019), section 3, whose constants are published.

Images are planes of floats in [0, 1]: (3, H, W), and the Bayer mosaic (H, W) whose cells are RG over GB.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mobile_robust.corruptions.pixels import Floats
from mobile_robust.data.images import Photo

#: Exponent of the display's transfer curve.
GAMMA = 2.2
#: Above this grey the inverse gains fade to 1, so that white stays white.
_HIGHLIGHT = 0.9

_RGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
#: XYZ -> camera RGB of four cameras.
_XYZ_TO_CAMERA = np.array(
    [
        [[1.0234, -0.2969, -0.2266], [-0.5625, 1.6328, -0.0469], [-0.0703, 0.2188, 0.6406]],
        [[0.4913, -0.0541, -0.0202], [-0.613, 1.3513, 0.2906], [-0.1564, 0.2151, 0.7183]],
        [[0.838, -0.263, -0.0639], [-0.2887, 1.0725, 0.2496], [-0.0627, 0.1427, 0.5438]],
        [[0.6596, -0.2079, -0.0562], [-0.4782, 1.3016, 0.1933], [-0.097, 0.1581, 0.5181]],
    ]
)


@dataclass(frozen=True)
class Camera:
    """A sensor and the light of the scene."""

    matrix: Floats  # (3, 3), linear sRGB -> camera RGB; rows have the sum 1
    gains: tuple[float, float, float]  # that make grey of red, green and blue as the sensor sees them
    exposure: float  # factor from the sensor's white to the photo's

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Camera:
        """A random mixture of four cameras in random light."""
        mixture = rng.uniform(1e-3, 1, len(_XYZ_TO_CAMERA))
        matrix = np.tensordot(mixture, _XYZ_TO_CAMERA, 1) @ _RGB_TO_XYZ  # the rows' sums take out the mixture's
        gains = rng.uniform(1.9, 2.4), 1.0, rng.uniform(1.5, 1.9)
        exposure = 1 / max(0.5, rng.normal(0.8, 0.1))
        return cls((matrix / matrix.sum(1, keepdims=True)).astype(np.float32), gains, exposure)


def tone(values: Floats) -> Floats:
    """The tone curve 3 v² - 2 v³ of values in [0, 1]."""
    return values * values * (3 - 2 * values)


def inverse_tone(values: Floats) -> Floats:
    """Undoes :func:`tone`."""
    return 0.5 - np.sin(np.arcsin(1 - 2 * values) / 3)


#: Byte of a photo -> linear sRGB.
_LINEAR = (np.maximum(inverse_tone(np.arange(256) / 255), 1e-8) ** GAMMA).astype(np.float32)


def unprocess(photo: Photo, camera: Camera) -> Floats:
    """(H, W, 3) RGB uint8 -> (3, H, W), what the sensor would see at every pixel in all three colours."""
    linear = _LINEAR[photo.transpose(2, 0, 1)]
    seen = (camera.matrix @ linear.reshape(3, -1)).reshape(linear.shape)
    highlight = (np.maximum(seen.mean(0) - _HIGHLIGHT, 0) / (1 - _HIGHLIGHT)) ** 2
    for plane, gain in zip(seen, camera.gains, strict=True):
        inverse = np.float32(1 / (gain * camera.exposure))
        plane *= np.maximum(inverse + highlight * (1 - inverse), inverse)
    return np.clip(seen, 0, 1)


def mosaic(image: Floats) -> Floats:
    """(3, H, W) -> (H, W): of every pixel the colour that the sensor's filter lets through."""
    bayer = image[1].copy()
    bayer[0::2, 0::2], bayer[1::2, 1::2] = image[0, 0::2, 0::2], image[2, 1::2, 1::2]
    return bayer
