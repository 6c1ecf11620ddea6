"""Which class each image shows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mobile_robust.data.folder import hidden
from mobile_robust.data.storage import PhotoPath, relative
from mobile_robust.documents import read_csv
from mobile_robust.errors import InputError

#: ImageNet's classes are named by their WordNet synset in the data set itself.
_SYNSET = re.compile(r"n\d{8}")
#: What data sets call their parts. A class may have such a name, but not two of them.
_PARTS = {"train", "training", "val", "valid", "validation", "test", "testing", "eval", "dev", "holdout"}
#: A class index has no more digits.
_DIGITS = 9


@dataclass(frozen=True)
class Labels:
    """The class index of every image."""

    indices: dict[PhotoPath, int]
    classes: int | None = None  # how many there are; None: not known
    left_out: str | None = None  # names folders that are no classes


def label_images(paths: Sequence[PhotoPath], folder: PhotoPath, labels: str) -> Labels:
    """The class of every image in ``folder`` or below it, by ``labels``: "names" (the file name is the index, as in
    0123.webp), "folders" (the sub-folders that hold images are the classes: ImageNet's synsets by their index there,
    numbers in their order, other names in alphabetical order), or a CSV file with the header ``file,label``, files
    relative to ``folder``.

    Raises:
        InputError: An image without a label or with two, a label without its image, classes that are a level deeper.
    """
    if labels == "names":
        return Labels(_by_name(paths))
    if labels == "folders":
        return _by_folder(paths, folder)
    return Labels(_by_table(paths, folder, Path(labels)))


def _by_name(paths: Sequence[PhotoPath]) -> dict[PhotoPath, int]:
    wrong = [path for path in paths if not _is_index(path.stem)]
    if wrong:
        raise InputError(
            f"--labels names: {_some(wrong)}: the file name must be the class index, such as 0123.webp; or give "
            "--labels folders where every class has its folder, --labels FILE.csv with the header file,label, or where "
            "there are no labels --labels none (evaluate), or no --labels (train)"
        )
    return {path: int(path.stem) for path in paths}


def _by_folder(paths: Sequence[PhotoPath], folder: PhotoPath) -> Labels:
    parts = [relative(path, folder).parts for path in paths]
    wrong = [path for path, own in zip(paths, parts, strict=True) if len(own) == 1]
    if wrong:
        raise InputError(
            f"--labels folders: {_some(wrong)}: not in a sub-folder of {folder}; every class needs its own, "
            "or give --labels names or --labels FILE.csv"
        )
    names = sorted({own[0] for own in parts}, key=_composed)
    _refuse_deeper_classes(folder, names, parts)
    _refuse_one_class_twice(folder, names)
    if all(_is_index(name) for name in names):
        names.sort(key=int)
    order = {name: index for index, name in enumerate(names)}
    if all(_SYNSET.fullmatch(name) for name in names):
        from timm.data.imagenet_info import ImageNetInfo  # PyTorch

        known = ImageNetInfo().label_names()
        if unknown := [name for name in names if name not in known]:
            raise InputError(f"--labels folders: {_some(unknown)}: no synset of ImageNet's 1000 classes")
        order, names = {name: known.index(name) for name in names}, known
    inner = folder.iterdir() if isinstance(folder, Path) else ()  # storages have no empty folders
    empty = sorted({path.name for path in inner if path.is_dir() and not hidden(path.name)} - order.keys())
    left_out = f"no classes, as no image is in them: {_some(empty)}" if empty else None
    return Labels({path: order[own[0]] for path, own in zip(paths, parts, strict=True)}, len(names), left_out)


def _refuse_one_class_twice(folder: PhotoPath, names: list[str]) -> None:
    """Folders such as 1 and 01, or of one name with its accents in two forms."""
    numbers = all(_is_index(name) for name in names)
    first: dict[str | int, str] = {}
    for name in names:
        same = first.setdefault(int(name) if numbers else _composed(name), name)
        if same != name:
            raise InputError(f"--labels folders: {folder} holds {same!a} and {name!a}, which are one class; join them")


def _refuse_deeper_classes(folder: PhotoPath, names: list[str], parts: list[tuple[str, ...]]) -> None:
    """Folders such as train and val, or severities, of which each holds the same classes; not classes that keep their
    images in a folder of the same name each."""
    inner = {own[:2] for own in parts}
    kinds = len({own[1] for own in inner})
    deeper = all(len(own) > 2 for own in parts) and (len(names) == 1 or 1 < kinds < len(inner))
    if not any(map(_SYNSET.fullmatch, names)):
        deeper = deeper or any(_SYNSET.fullmatch(name) for own in parts for name in own[1:-1])
    if deeper or sum(name.lower() in _PARTS for name in names) > 1:
        raise InputError(
            f"--labels folders: {folder} holds {_some(names)}, whose sub-folders look like the classes; "
            f"give one of them, such as {folder / names[0]}"
        )


def _by_table(paths: Sequence[PhotoPath], folder: PhotoPath, table: Path) -> dict[PhotoPath, int]:
    if not table.exists():
        raise InputError(f"--labels {table}: no such file; allowed: names, folders, or a CSV file")
    named: dict[str, int] = {}
    for line, (file, text) in read_csv(table, "file", "label"):
        label = _index(text, where := f"{table}, line {line}")
        if named.setdefault(_composed(file), label) != label:
            raise InputError(f"{where}: {file} has another label than in a line before")
    files = {_composed(relative(path, folder).as_posix()): path for path in paths}
    if missing := sorted(named.keys() - files.keys()):
        raise InputError(f"{table}: names images that are not in {folder}: {_some(missing)}")
    if unlabelled := sorted(files.keys() - named.keys()):
        raise InputError(f"{table}: has no label for {_some(unlabelled)} in {folder}")
    return {path: named[_composed(relative(path, folder).as_posix())] for path in paths}


def _composed(name: str) -> str:
    """A file's name in the one form of its accents (NFC) that tables have; some disks have the other."""
    return unicodedata.normalize("NFC", name)


def _is_index(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS  # isdecimal alone takes other scripts' digits


def _index(text: str, where: str) -> int:
    if not _is_index(text.strip()):
        raise InputError(f"{where}: label must be a class index (0, 1, …), got {text[:20]!r}")
    return int(text)


def _some(names: Sequence[object]) -> str:
    """The first three of some names, and how many more there are."""
    return ", ".join(map(str, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
