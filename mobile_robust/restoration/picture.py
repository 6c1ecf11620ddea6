"""Photos side by side: degraded, repaired by every module, clean; a row a corruption."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from mobile_robust.data.images import Photo
from mobile_robust.terminal import printable

#: Highest photo in pixels; larger ones are made smaller.
_MOST = 256
_GAP, _CAPTION, _MARGIN = 8, 20, 16
_PAPER, _INK = "white", "#1a1a1a"


def picture(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Photo]]]) -> bytes:
    """PNG: titled rows of photos of one size, uint8 (H, W, 3), one for each column."""
    height, width = rows[0][1][0].shape[:2]
    scale = min(1, _MOST / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    across, down = max(size[0], 96) + _GAP, size[1] + _CAPTION + _GAP
    sheet = Image.new("RGB", (2 * _MARGIN + len(columns) * across, 2 * _MARGIN + _CAPTION + len(rows) * down), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for column, title in enumerate(columns):
        left = _MARGIN + column * across
        draw.text((left, _MARGIN), _fitting(title, across - _GAP, font), _INK, font)
        for row, (name, photos) in enumerate(rows):
            top = _MARGIN + _CAPTION + row * down
            if not column:
                draw.text((left, top), printable(name), _INK, font)
            sheet.paste(Image.fromarray(photos[column]).resize(size, Image.Resampling.LANCZOS), (left, top + _CAPTION))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _fitting(text: str, width: int, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """The text, or its end, so that it is no wider."""
    text = printable(text)
    while len(text) > 1 and font.getlength(text) > width:
        text = "…" + text.removeprefix("…")[1:]
    return text
