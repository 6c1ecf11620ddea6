"""What a card says of its weights file; anything else beside a file says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobile_robust.contracts.card import MOST_BYTES, card_of, hashes
from mobile_robust.files import sha256

A, B = "a" * 64, "b" * 64


def weights(folder: Path, card: str | bytes | None) -> Path:
    path = folder / "w.safetensors"
    path.write_bytes(b"tensors")
    if card is not None:
        card_of(path).write_bytes(card if isinstance(card, bytes) else card.encode())
    return path


def table(**rows: str) -> str:
    return "# w\n\n| | |\n|---|---|\n" + "".join(f"| {name} | {text} |\n" for name, text in rows.items())


def test_only_the_first_table_counts(tmp_path: Path) -> None:
    card = (
        table(backbone=f"net from x, SHA-256 {A}, of its tensors {B}, behind y")
        + "\n"
        + table(other=A, backbone="c" * 64)
    )
    path = weights(tmp_path, card)
    assert hashes(path, "backbone") == {A, B} and not hashes(path, "other")


def test_a_card_of_another_file_says_nothing(tmp_path: Path) -> None:
    path = weights(tmp_path, table(backbone=A, **{"SHA-256": B}))
    assert not hashes(path, "backbone")
    path = weights(tmp_path, table(backbone=A, **{"SHA-256": sha256(path)}))
    assert hashes(path, "backbone") == {A}


@pytest.mark.parametrize("card", [None, b"", b"\xff" * 99, "x" * MOST_BYTES + table(backbone=A), "| backbone |"])
def test_without_a_readable_row_nothing_is_known(tmp_path: Path, card: str | bytes | None) -> None:
    assert not hashes(weights(tmp_path, card), "backbone")


def test_a_folder_of_the_cards_name_is_no_card(tmp_path: Path) -> None:
    card_of(path := weights(tmp_path, None)).mkdir()
    assert not hashes(path, "backbone")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="| \n-#backbone\x00\x1b", max_size=200))
def test_no_text_is_an_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    assert hashes(weights(folder, text + "\n| backbone | " + text), "backbone") == frozenset()
