"""The contact sheet: every photo in a cell of its own."""

from __future__ import annotations

import numpy as np
import pytest

from mobile_robust.corruptions import CORRUPTIONS, by_family, corrupt, select
from mobile_robust.corruptions.contact_sheet import Sheet, contact_sheet
from mobile_robust.data.images import Photo


@pytest.mark.parametrize("shape", [(64, 64, 3), (60, 33, 3), (40, 200, 3)])
def test_every_photo_has_a_cell_of_its_own(shape: tuple[int, ...]) -> None:
    rows = select(by_family())
    sheet = Sheet(np.zeros(shape, np.uint8), rows, 32)
    random, boxes = np.random.default_rng(0), 0
    before = np.asarray(sheet.image).copy()
    for entry, levels in rows.items():
        for level in levels:
            sheet.paste(entry, level, random.integers(20, 30, shape, dtype=np.uint8))
            boxes += 1
    changed = (np.asarray(sheet.image) < 40).all(-1) & ~(before < 40).all(-1)
    width = max(1, round(shape[1] * 32 / shape[0]))
    assert changed.sum() == boxes * 32 * width and boxes == sum(len(entry.levels) for entry in CORRUPTIONS.values())


def test_the_sheet_shows_the_registrys_photos(photo: Photo) -> None:
    shown = []
    sheet = contact_sheet(photo, select(["fog", "jpeg:10"]), cell=80, seed=4, on_photo=lambda *cell: shown.append(cell))
    assert [(entry.name, level) for entry, level, _ in shown] == [*(("fog", i) for i in range(1, 6)), ("jpeg", 10)]
    strips = np.lib.stride_tricks.sliding_window_view(np.asarray(sheet), (1, photo.shape[1], 3))[:, :, 0, 0]
    for entry, level, corrupted in shown:
        assert np.array_equal(corrupted, corrupt(photo, entry.name, level, 4, 0))
        assert (strips == corrupted[0]).all((-1, -2)).sum() == 1
