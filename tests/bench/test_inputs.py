"""The test set: the photos of a folder, and a word on those that are not in it."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from mobile_robust.bench.inputs import open_photos


def test_photos_that_are_left_out_are_named(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "good.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    (tmp_path / "clip.svg").write_text("<svg/>")
    said: list[str] = []
    assert len(open_photos(tmp_path, said.append)) == 1
    (sentence,) = said
    assert "broken.png" in sentence and "skipped 1 of 2 images" in sentence


def test_nothing_is_said_where_nothing_is_left_out(photos: Path) -> None:
    said: list[str] = []
    assert len(open_photos(photos, said.append)) == 6 and said == []
