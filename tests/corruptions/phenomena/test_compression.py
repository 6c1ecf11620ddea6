"""JPEG once and repeated, AVIF, WebP."""

import numpy as np
import pytest
from PIL import features

from mobile_robust.corruptions import corrupt
from mobile_robust.corruptions.phenomena import compression
from mobile_robust.data.images import JPEG_QUALITIES, Photo, jpeg
from mobile_robust.errors import InputError


@pytest.mark.parametrize(("severity", "quality"), enumerate((25, 18, 15, 10, 7), 1))
def test_jpeg_is_pillows(severity: int, quality: int, photo: Photo) -> None:
    expected = jpeg(photo, quality)
    assert np.array_equal(corrupt(photo, "jpeg_compression", severity, 0, 0), expected)
    assert np.array_equal(corrupt(photo, "jpeg", quality, 0, 0), expected)


def test_jpeg_is_repeated(photo: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def note(image: Photo, quality: int) -> Photo:
        drawn.append(quality)
        return jpeg(image, quality)

    monkeypatch.setattr(compression, "jpeg", note)
    for times in range(1, 6):
        for index in range(8):
            drawn.clear()
            out, expected = corrupt(photo, "jpeg_repeated", times, 0, index), photo
            assert len(drawn) == times and set(drawn) <= {*JPEG_QUALITIES}
            for quality in drawn:
                expected = jpeg(expected, quality)
            assert np.array_equal(out, expected)


@pytest.mark.parametrize("name", ["avif", "webp"])
def test_less_quality_is_worse(name: str, photo: Photo) -> None:
    damage = [np.abs(corrupt(photo, name, quality, 0, 0).astype(float) - photo).mean() for quality in (90, 25, 7)]
    assert damage[0] < 0.6 * damage[1] and damage[1] < damage[2]


@pytest.mark.parametrize(("name", "kind"), [("avif", "AVIF"), ("webp", "WebP")])
def test_a_pillow_that_cannot_is_named(name: str, kind: str, photo: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(InputError, match=f"corruption {name}: the installed Pillow cannot write {kind}"):
        corrupt(photo, name, 25, 0, 0)
