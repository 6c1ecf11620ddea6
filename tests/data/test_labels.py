"""Every image gets a class index or the user hears which one does not."""

import os
import unicodedata
from pathlib import Path

import pytest

from mobile_robust.data.dataset import PhotoDataset
from mobile_robust.data.labels import Labels, label_images
from mobile_robust.errors import InputError

FOLDER = Path("photos")


def test_names_are_class_indices() -> None:
    paths = [FOLDER / "0000.webp", FOLDER / "sub" / "0123.jpg"]
    assert label_images(paths, FOLDER, "names").indices == {paths[0]: 0, paths[1]: 123}


@pytest.mark.parametrize("name", ["cat", "12a", "-3", "１２"])
def test_names_that_are_no_index_are_named(name: str) -> None:
    paths = [FOLDER / f"{name}.webp"] + [FOLDER / f"x{i}.webp" for i in range(4)]
    with pytest.raises(
        InputError, match=rf"--labels names: .*{name}\.webp.* and 2 more: .*0123\.webp.*--labels folders.*--labels none"
    ):
        label_images([*paths, FOLDER / "7.webp"], FOLDER, "names")


def by_folder(root: Path, *names: str) -> Labels:
    """The labels of one image a folder."""
    paths = [root / name / "1.png" for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return label_images(paths, root, "folders")


@pytest.mark.parametrize(
    ("names", "indices", "classes"),
    [
        (["zebra", "mango/ripe", "apple"], [2, 1, 0], 3),  # mango has no image on its own level and still counts
        ([str(number) for number in range(12)], list(range(12)), 12),  # as text, 10 comes before 2
        (["010", "9", "x"], [0, 1, 2], 3),
        (["n01484850", "n15075141", "n01440764"], [2, 999, 0], 1000),
        (["n01484850/images", "n01440764/images"], [2, 0], 1000),  # as in Tiny ImageNet
        ([unicodedata.normalize(form, name) for name, form in (("é", "NFD"), ("z", "NFC"))], [1, 0], 2),
        (["train", "bicycle"], [1, 0], 2),  # a class of CIFAR-100
    ],
)
def test_folders_are_classes(tmp_path: Path, names: list[str], indices: list[int], classes: int) -> None:
    labels = by_folder(tmp_path, *names)
    assert (list(labels.indices.values()), labels.classes, labels.left_out) == (indices, classes, None)


def test_folders_without_images_are_no_classes_and_named(tmp_path: Path) -> None:
    for name in (".ipynb_checkpoints", "__MACOSX", "banana", "cherry"):
        (tmp_path / name).mkdir()
    labels = by_folder(tmp_path, "apple", "mango")
    assert list(labels.indices.values()) == [0, 1] and labels.classes == 2
    assert labels.left_out == "no classes, as no image is in them: banana, cherry"


def test_linked_class_folders_count(tmp_path: Path) -> None:
    by_folder(tmp_path / "data", "cat", "dog")
    (tmp_path / "photos").mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).symlink_to(tmp_path / "data" / name)
    assert PhotoDataset.from_folder(tmp_path / "photos", "folders").labels == (0, 1)


@pytest.mark.parametrize(
    "names",
    [
        *(["train/cat", "train/dog", "val/cat"], ["1/cat", "2/cat", "2/dog"], ["val/a", "val/b"]),
        *(["train/cat", "train/dog", "test"], ["Train", "Valid"], ["training/cat", "validation/cat"]),
        *(["1/n01440764", "2/n01440764"], ["blur/fog/1/n01440764", "noise/shot/1/n01440764"]),  # as in ImageNet-C
    ],
)
def test_classes_one_level_deeper_are_refused(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(InputError, match=r"--labels folders: .* holds .*look like the classes; give one of"):
        by_folder(tmp_path, *names)


@pytest.mark.parametrize("names", [["01", "1", "2"], [unicodedata.normalize(form, "é") for form in ("NFC", "NFD")]])
def test_one_class_in_two_folders_is_refused(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(InputError, match=r"--labels folders: .* holds '.*' and '.*', which are one class; join them"):
        by_folder(tmp_path, *names)


def test_a_synset_of_another_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="n00000001: no synset of ImageNet's 1000 classes"):
        by_folder(tmp_path, "n01440764", "n00000001")


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
    assert list(label_images(paths, FOLDER, table).indices.values()) == [281, 207]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,class\ncat.png,1\n", r"the first line must be file,label; it is 'name,class'"),
        ("", "the first line must be file,label"),
        ("file,label\ncat.png,tabby\n", r"line 2: label must be a class index .* got 'tabby'"),
        ("file,label\ncat.png\n", "line 2: label must be a class index"),
        ("file,label\ncat.png,1\nlost.png,2\n", r"names images that are not in photos: lost\.png"),
        ("file,label\ncat.png,1\ncat.png,2\n", r"line 3: cat\.png has another label than in a line before"),
        (f"file,label\ncat.png,{'1' * 5000}\n", r"line 2: label must be a class index .* got '1{20}'$"),
        ("label,file\n1\n", "names images that are not in photos"),
        ("file,label\n", r"has no label for cat\.png in photos"),
        ("file,label,label\ncat.png,1,2\n", "the first line must be file,label; it is 'file,label,label'"),
        ("[" * 5000, r"the first line must be file,label; it is '\[{100}'"),
    ],
)
def test_csv_that_does_not_fit_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=rf"labels\.csv.*{message}"):
        label_images([FOLDER / "cat.png"], FOLDER, write(tmp_path, text))


def test_accents_are_the_same_in_either_form(tmp_path: Path) -> None:
    paths = [FOLDER / unicodedata.normalize("NFD", "café.png")]
    assert label_images(paths, FOLDER, write(tmp_path, "file,label\ncafé.png,3\ncafé.png,3\n")).indices == {paths[0]: 3}


@pytest.mark.parametrize(
    ("labels", "count", "message"),
    [
        ("folders", 1000, "holds 2 classes, but net knows 1000; give a folder with all of them, or the class indices"),
        ("names", 5, r"7\.png has label 7, but net knows the classes 0 to 4"),
    ],
)
def test_labels_that_are_not_the_networks_are_refused(tmp_path: Path, labels: str, count: int, message: str) -> None:
    for name in ("cat/3.png", "dog/7.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    photos = PhotoDataset.from_folder(tmp_path, labels)
    with pytest.raises(InputError, match=message):
        photos.check_classes(count, "net")
    photos.check_classes(2 if labels == "folders" else 8, "net")


def test_a_table_that_never_ends_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for table, message in (("/dev/zero", "larger than"), (tmp_path / "pipe.csv", "the first line must be file,label")):
        with pytest.raises(InputError, match=f"{table}: .*{message}"):
            label_images([FOLDER / "1.png"], FOLDER, str(table))


def test_unknown_way_of_labelling_lists_the_allowed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--labels nmes: no such file; allowed: names, folders, or a CSV file"):
        label_images([FOLDER / "1.png"], FOLDER, "nmes")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read as CSV"):
        label_images([FOLDER / "1.png"], FOLDER, str(tmp_path / "binary.csv"))
