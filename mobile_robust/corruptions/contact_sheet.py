"""The contact sheet: a row for each corruption, grouped by family, its levels from left to right."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from itertools import groupby

from PIL import Image, ImageDraw, ImageFont

from mobile_robust.corruptions import Corruption
from mobile_robust.data.images import Photo

_LABEL, _GAP, _CAPTION, _HEADING, _MARGIN = 190, 6, 18, 34, 20
_PAPER, _INK, _FAINT, _BAR = "white", "#1a1a1a", "#666666", "#e8edf2"
#: Sheets of at least this many rows have two panels side by side.
_TWO_PANELS = 12


class ContactSheet:
    """A photo (H, W, 3), corrupted in every way asked for, as one labelled picture: ``image``, filled cell by cell.

    Args:
        photo: The clean one.
        rows: Corruption -> its levels, families together, as :func:`~mobile_robust.corruptions.select` returns them.
        cell: Height of a photo on the sheet in pixels; smaller photos are not enlarged.
        credit: Whose photo it is; may be empty.
    """

    def __init__(self, photo: Photo, rows: Mapping[Corruption, tuple[float, ...]], cell: int, credit: str = "") -> None:
        height, width = photo.shape[:2]
        self._size = (max(1, round(width * min(1, cell / height))), min(cell, height))
        self._row = max(self._size[1] + _CAPTION, 84) + _GAP
        columns = max(map(len, rows.values()))
        self._panel = max(_LABEL + columns * (max(self._size[0], 64) + _GAP), 560)  # room for the headings
        panels = self._split(rows)
        self._top = _MARGIN + max(self._size[1], 96) + _MARGIN
        height = self._top + max(map(self._height, panels)) + _MARGIN
        self.image = Image.new("RGB", (_MARGIN + len(panels) * (self._panel + _MARGIN), height), _PAPER)
        self._draw = ImageDraw.Draw(self.image)
        self._corners: dict[Corruption, tuple[int, int]] = {}
        self._levels = dict(rows)
        self._head(photo, credit)
        for i, panel in enumerate(panels):
            self._lay_out(panel, _MARGIN + i * (self._panel + _MARGIN))

    def paste(self, corruption: Corruption, level: float, photo: Photo) -> None:
        """Pastes a corrupted photo into its cell."""
        left, top = self._corners[corruption]
        left += _LABEL + self._levels[corruption].index(level) * (max(self._size[0], 64) + _GAP)
        self.image.paste(self._small(photo), (left, top))
        self._text((left, top + self._size[1] + 2), f"{corruption.unit} {level:g}", 11, _FAINT)

    def _small(self, photo: Photo) -> Image.Image:
        return Image.fromarray(photo).resize(self._size, Image.Resampling.LANCZOS)

    def _height(self, panel: list[list[Corruption]]) -> int:
        return sum(_HEADING + len(family) * self._row for family in panel)

    def _split(self, rows: Mapping[Corruption, tuple[float, ...]]) -> list[list[list[Corruption]]]:
        """One panel of families, or two of heights as equal as whole families allow."""
        families = [list(members) for _, members in groupby(rows, lambda corruption: corruption.family)]
        if len(rows) < _TWO_PANELS or len(families) < 2:
            return [families]
        cuts = [(families[:i], families[i:]) for i in range(1, len(families))]
        return list(min(cuts, key=lambda cut: max(map(self._height, cut))))

    def _head(self, photo: Photo, credit: str) -> None:
        self.image.paste(self._small(photo), (_MARGIN, _MARGIN))
        left = _MARGIN + self._size[0] + 16
        self._text((left, _MARGIN + 4), "clean", 20, _INK)
        lines = [f"{photo.shape[1]} x {photo.shape[0]} pixels; the photos below are corrupted at this size", credit]
        wrapped = [part for line in lines for part in textwrap.wrap(line, max(24, (self._panel - left) // 8))]
        self._text((left, _MARGIN + 30), "\n".join(wrapped), 13, _FAINT)

    def _lay_out(self, panel: list[list[Corruption]], left: int) -> None:
        top = self._top
        for family in panel:
            self._draw.rectangle((left, top, left + self._panel - _GAP, top + _HEADING - 8), _BAR)
            self._text((left + 8, top + 4), family[0].family, 15, _INK)
            source = textwrap.shorten(family[0].source, (self._panel - 140) // 7, placeholder=" …")
            self._text((left + 130, top + 6), source, 12, _FAINT)
            top += _HEADING
            for corruption in family:
                self._corners[corruption] = (left, top)
                self._text((left, top + 2), corruption.name, 14, _INK)
                self._text((left, top + 22), "\n".join(textwrap.wrap(corruption.description, 28)), 12, _FAINT)
                top += self._row

    def _text(self, at: tuple[int, int], text: str, size: int, colour: str) -> None:
        self._draw.multiline_text(at, text, colour, ImageFont.load_default(size))
