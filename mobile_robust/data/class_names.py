"""What a classifier's classes are called."""

from __future__ import annotations

from pathlib import Path

from mobile_robust.documents import read
from mobile_robust.errors import InputError

#: timm's names of ImageNet's 1000 classes; anything else is a text file.
IMAGENET = "imagenet-1k"
#: Characters of a name.
MOST_CHARACTERS = 500


def class_names(source: str) -> tuple[str, ...]:
    """The names in the order of the classes: timm's for ``imagenet-1k``, or the lines of a text file.

    Raises:
        InputError: A file that is no UTF-8 text, or that holds an empty line, a long one or the same one twice.
    """
    if source == IMAGENET:
        from timm.data.imagenet_info import ImageNetInfo

        info = ImageNetInfo(IMAGENET)
        return tuple(info.index_to_description(index) for index in range(info.num_classes()))
    try:
        text = read(Path(source)).decode("utf-8-sig")
    except InputError as error:
        raise InputError(f"class names {error}") from None
    except UnicodeDecodeError:
        raise InputError(f"class names {source}: is no UTF-8 text") from None
    names: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        name = line.strip()
        if not 0 < len(name) <= MOST_CHARACTERS or not name.isprintable():
            raise InputError(f"class names {source}, line {number}: a name has 1 to {MOST_CHARACTERS} characters")
        if name in names:
            raise InputError(f"class names {source}, line {number}: {name!r} is in line {names[name]} already")
        names[name] = number
    return tuple(names)
