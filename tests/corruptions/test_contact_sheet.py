"""The contact sheet: every photo in a cell of its own."""

import numpy as np
import pytest

from mobile_robust.corruptions import CORRUPTIONS, by_family, select
from mobile_robust.corruptions.contact_sheet import ContactSheet


@pytest.mark.parametrize("shape", [(64, 64), (60, 33), (40, 200), (20, 20)])
def test_every_photo_has_a_cell_of_its_own(shape: tuple[int, int]) -> None:
    rows = select(by_family())
    cells = [(entry, level) for entry, levels in rows.items() for level in levels]
    assert len(cells) == sum(len(entry.levels) for entry in CORRUPTIONS.values())
    colours = [(i, 255 - i, 7) for i in range(len(cells))]  # none of them is one of the sheet's own
    sheet = ContactSheet(np.zeros((*shape, 3), np.uint8), rows, 32)
    for (entry, level), colour in zip(cells, colours, strict=True):
        sheet.paste(entry, level, np.full((*shape, 3), colour, np.uint8))
    height = min(32, shape[0])  # smaller photos are not enlarged
    pixels = np.asarray(sheet.image) @ np.array([1 << 16, 1 << 8, 1])
    counts = dict(zip(*np.unique(pixels, return_counts=True), strict=True))
    size = height * round(shape[1] * height / shape[0])
    assert [counts[(red << 16) + (green << 8) + blue] for red, green, blue in colours] == [size] * len(cells)
