"""Every image gets a class index or the user hears which one does not."""

from pathlib import Path

import pytest

from mobile_robust.data.labels import label_images
from mobile_robust.errors import InputError

FOLDER = Path("photos")


def test_names_are_class_indices() -> None:
    paths = [FOLDER / "0000.webp", FOLDER / "sub" / "0123.jpg"]
    assert label_images(paths, FOLDER, "names") == {paths[0]: 0, paths[1]: 123}


@pytest.mark.parametrize("name", ["cat", "12a", "-3", "１２"])
def test_names_that_are_no_index_are_named(name: str) -> None:
    paths = [FOLDER / f"{name}.webp"] + [FOLDER / f"x{i}.webp" for i in range(4)]
    with pytest.raises(
        InputError, match=rf"--labels names: .*{name}\.webp.* and 2 more: .*0123\.webp.*--labels folders"
    ):
        label_images([*paths, FOLDER / "7.webp"], FOLDER, "names")


def test_folders_are_classes_in_alphabetical_order(tmp_path: Path) -> None:
    for name in ("zebra", "apple", "mango/ripe"):  # mango has no image on its own level and still counts
        (tmp_path / name).mkdir(parents=True)
    paths = [tmp_path / "zebra" / "1.png", tmp_path / "mango" / "ripe" / "2.png", tmp_path / "apple" / "3.png"]
    assert list(label_images(paths, tmp_path, "folders").values()) == [2, 1, 0]


def test_an_image_outside_the_class_folders_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--labels folders: .*stray\.png: not in a sub-folder"):
        label_images([tmp_path / "stray.png"], tmp_path, "folders")


def write(folder: Path, text: str) -> str:
    table = folder / "labels.csv"
    table.write_text(text, encoding="utf-8")
    return str(table)


def test_csv_names_files_relative_to_the_folder(tmp_path: Path) -> None:
    table = write(tmp_path, "\ufefffile,label,note\na/cat.png,281,x\ndog.png,207,y\n")
    paths = [FOLDER / "a" / "cat.png", FOLDER / "dog.png"]
    assert list(label_images(paths, FOLDER, table).values()) == [281, 207]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,class\ncat.png,1\n", r"the first line must be file,label; it is 'name,class'"),
        ("", "the first line must be file,label"),
        ("file,label\ncat.png,tabby\n", r"line 2: label must be a class index .* got 'tabby'"),
        ("file,label\ncat.png\n", "line 2: label must be a class index"),
        ("file,label\ncat.png,1\nlost.png,2\n", r"names images that are not in photos: lost\.png"),
        ("file,label\n", r"has no label for cat\.png in photos"),
    ],
)
def test_csv_that_does_not_fit_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=rf"labels\.csv.*{message}"):
        label_images([FOLDER / "cat.png"], FOLDER, write(tmp_path, text))


def test_unknown_way_of_labelling_lists_the_allowed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--labels nmes: no such file; allowed: names, folders, or a CSV file"):
        label_images([FOLDER / "1.png"], FOLDER, "nmes")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read as CSV"):
        label_images([FOLDER / "1.png"], FOLDER, str(tmp_path / "binary.csv"))
