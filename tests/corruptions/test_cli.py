"""The command: one readable sheet, single photos, bad input."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mobile_robust.corruptions import CORRUPTIONS, corrupt, select
from mobile_robust.corruptions.cli import main
from mobile_robust.data.images import built_in_photos, centre_crop, read_image
from mobile_robust.errors import InputError
from tests.conftest import Command


@pytest.mark.slow
def test_all_of_them_on_the_built_in_photo(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    done = command("corrupt", "--out", out, "--size", "48", "--cell", "48")
    assert (done.returncode, done.stdout) == (0, f"{out / 'sheet.png'}\n")
    with Image.open(out / "sheet.png") as sheet:
        assert sheet.width > 1000 and sheet.height > 1000 and len(sheet.getcolors(10**6) or []) > 1000
    assert [path.name for path in out.iterdir()] == ["sheet.png"]


def test_single_photos_are_those_of_the_registry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "wide.png"
    Image.fromarray(built_in_photos((90, 160), 1)[0]).save(file)
    options = ["--names", "fog:3", "light:5", "jpeg", "--size", "48x80", "--seed", "4", "--each", "--sheet", "a.jpg"]
    assert main([str(file), "--out", str(tmp_path / "out"), *options]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out' / 'a.jpg'}\n"
    photo = centre_crop(read_image(file), (48, 80))
    names = {f"{entry.name}_{level:g}.png": (entry.name, level)
             for entry, levels in select(["fog:3", "light:5", "jpeg"]).items() for level in levels}  # fmt: skip
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.jpg", *names} and len(names) == 10
    for name, (corruption, level) in names.items():
        assert np.array_equal(read_image(tmp_path / "out" / name), corrupt(photo, corruption, level, 4, 0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "31"], "--size 31: give N or HxW, sides of 32 to 4096 pixels"),
        (["--size", "64x"], "--size 64x: give N or HxW"),
        (["--size", "64x9999"], "--size 64x9999: give"),
        (["--cell", "8"], "--cell 8: allowed are 32 to 512 pixels"),
        (["--seed", "-1"], "--seed -1: must be 0 or more"),
        (["--sheet", "a.gif"], "--sheet a.gif: give a file name that ends with .png or .jpg"),
        (["--sheet", "b/a.png"], "--sheet b/a.png: give a file name"),
        (["--names", "fogg"], "unknown corruption or family 'fogg'; close matches: fog"),
        (["--names", "fog:9"], "corruption fog: severity 9: allowed are whole numbers from 1 to 5"),
    ],
)
def test_bad_options_are_named(tmp_path: Path, options: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        main(["--out", str(tmp_path / "out"), *options])
    assert not (tmp_path / "out").exists()


def test_failures_end_with_one_message(command: Command, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    done = command("corrupt", tmp_path / "text.png", "--out", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"error: {tmp_path / 'text.png'}: not an image")
    for arguments, message in (
        ([tmp_path / "gone.jpg", "--out", tmp_path / "out"], f"{tmp_path / 'gone.jpg'}: cannot be read"),
        (["--out", tmp_path / "text.png"], f"--out {tmp_path / 'text.png'}: cannot be made: "),
    ):
        with pytest.raises(InputError, match=message):
            main([*map(str, arguments)])


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mobile_robust.files.write_atomically", full)
    with pytest.raises(InputError, match=r"sheet.png: cannot be written: No space left"):
        main(["--out", str(tmp_path), "--names", "fog:1", "--size", "32"])


def test_without_the_built_in_photo_one_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobile_robust.data.images.find_spec", lambda package: None)
    with pytest.raises(InputError, match="IMAGE: scikit-learn is installed without its sample photos"):
        main(["--out", str(tmp_path)])


def test_help_lists_every_corruption(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0 and "examples:" in text and all(f"    {name} " in text for name in CORRUPTIONS)
