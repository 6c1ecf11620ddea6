"""The names of a classifier's classes: timm's, or a text file."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobile_robust.data.class_names import IMAGENET, class_names
from mobile_robust.errors import InputError


def test_imagenets_names_are_in_the_usual_order() -> None:
    names = class_names(IMAGENET)
    assert len(names) == 1000
    assert names[0].startswith("tench") and names[281].startswith("tabby") and names[999].startswith("toilet tissue")


def test_a_files_lines_are_names(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes("\ufeffcat\r\nTür, Tor\r\n dog \n".encode())
    assert class_names(str(path)) == ("cat", "Tür, Tor", "dog")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"cat\n\ndog\n", "line 2: a name has 1 to 500 characters"),
        (b"cat\n" + b"x" * 501, "line 2: a name has 1 to 500 characters"),
        (b"cat\nd\0g\n", "line 2: a name has 1 to 500 characters"),
        (b"cat\ndog\ncat\n", "line 3: 'cat' is in line 1 already"),
        (b"c\xe4t\n", "is no UTF-8 text"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_holds_no_names_is_refused(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=f"class names .*names.txt.*{message}"):
        class_names(str(path))
