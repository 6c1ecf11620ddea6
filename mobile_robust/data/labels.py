"""Which class each image shows."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from mobile_robust.errors import InputError


def label_images(paths: Sequence[Path], folder: Path, labels: str) -> dict[Path, int]:
    """The class index of every image in ``folder`` or below it, by ``labels``: "names" (the file name is the index, as
    in 0123.webp), "folders" (sub-folders are the classes, in alphabetical order), or a CSV file with the header
    ``file,label``, files relative to ``folder``.

    Raises:
        InputError: An image without a label, or a label without its image.
    """
    if labels == "names":
        return _by_name(paths)
    if labels == "folders":
        return _by_folder(paths, folder)
    return _by_table(paths, folder, Path(labels))


def _by_name(paths: Sequence[Path]) -> dict[Path, int]:
    # isdecimal alone would take digits of other scripts
    wrong = [path for path in paths if not (path.stem.isascii() and path.stem.isdecimal())]
    if wrong:
        raise InputError(
            f"--labels names: {_some(wrong)}: the file name must be the class index, such as 0123.webp; "
            "or give --labels folders or --labels FILE.csv"
        )
    return {path: int(path.stem) for path in paths}


def _by_folder(paths: Sequence[Path], folder: Path) -> dict[Path, int]:
    wrong = [path for path in paths if path.parent == folder]
    if wrong:
        raise InputError(
            f"--labels folders: {_some(wrong)}: not in a sub-folder of {folder}; every class needs its own, "
            "or give --labels names or --labels FILE.csv"
        )
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
    return {path: classes.index(path.relative_to(folder).parts[0]) for path in paths}


def _by_table(paths: Sequence[Path], folder: Path, table: Path) -> dict[Path, int]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {"file", "label"} <= set(reader.fieldnames or ()):
                raise InputError(
                    f"{table}: the first line must be file,label; it is {','.join(reader.fieldnames or ())!r}"
                )
            named = {row["file"]: _index(row["label"], f"{table}, line {reader.line_num}") for row in reader}
    except FileNotFoundError:
        raise InputError(f"--labels {table}: no such file; allowed: names, folders, or a CSV file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"--labels {table}: cannot be read as CSV: {error}") from None
    files = {path.relative_to(folder).as_posix(): path for path in paths}
    if missing := sorted(named.keys() - files.keys()):
        raise InputError(f"{table}: names images that are not in {folder}: {_some(missing)}")
    if unlabelled := sorted(files.keys() - named.keys()):
        raise InputError(f"{table}: has no label for {_some(unlabelled)} in {folder}")
    return {path: named[name] for name, path in files.items()}


def _index(text: str | None, where: str) -> int:
    if text is None or not (text.strip().isascii() and text.strip().isdecimal()):
        raise InputError(f"{where}: label must be a class index (0, 1, …), got {text!r}")
    return int(text)


def _some(names: Sequence[object]) -> str:
    """The first three of some names, and how many more there are."""
    return ", ".join(map(str, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
