"""What a folder of photos means, for every command: which files are photos, and which are left out and why."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

from mobile_robust.data.storage import PhotoPath, StoredPath, relative
from mobile_robust.errors import InputError

#: Suffixes of photos that are read only with another package, or not at all.
_HEIC = {".heic", ".heif", ".hif"}
_RAW = {".arw", ".cr2", ".cr3", ".dng", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".srw"}
#: Of photos, as cameras, phones and data sets write them; those that the installed Pillow can read are taken.
_PHOTOS = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"),
    *(".tga", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".j2c", ".jpc", ".jpx", ".jpf", ".avif", ".avifs"),
    *_HEIC,
}
HEIC_HINT = "HEIC is read where pillow-heif is installed: pip install pillow-heif"
#: Other pictures, which no camera writes.
_PICTURES = {".ai", ".dcm", ".eps", ".exr", ".hdr", ".ico", ".jxl", ".jxr", ".pcx", ".psd", ".qoi", ".svg", ".xcf"}
#: Folders that operating systems, network disks and programs make beside those that begin with a dot; lower case.
_SYSTEM = {
    *("__macosx", "@eadir", "@recycle", "#recycle", "#snapshot", "$recycle.bin", "recycler", "lost+found"),
    *("system volume information", "__pycache__"),
}
#: No photo is larger: one of as many pixels as Pillow takes has 1 GiB with 16 bits a channel.
MOST_FILE_BYTES = 2**30


@dataclass(frozen=True)
class PhotoFolder:
    """The photos in a folder and its sub-folders, linked ones too, in order of path."""

    root: PhotoPath
    photos: tuple[PhotoPath, ...]
    left_out: dict[PhotoPath, str]  # file or folder that might be taken for photos -> why it is not

    @classmethod
    def scan(cls, root: PhotoPath) -> PhotoFolder:
        """Looks at names, and on this machine into files without a suffix. InputError: no such folder, a file, or no
        photo in it."""
        allowed = ", ".join(sorted(photo_suffixes()))
        if isinstance(root, Path) and not root.is_dir():
            wrong = "is a file" if root.exists() else "no such folder"
            raise InputError(f"{root}: {wrong}; give a folder of images ({allowed})")
        left_out: dict[PhotoPath, str] = {}
        photos = sorted(_walk(root, left_out)) if isinstance(root, Path) else list(_stored(root, left_out))
        found = cls(root, tuple(photos), left_out)
        if not photos:
            reasons = f"; {found.message()}" if left_out else ""
            raise InputError(f"{root}: no image in this folder or below it{reasons}; looked for {allowed}")
        return found

    def message(self) -> str | None:
        """One line that says for every reason how much is left out, and names the first; None where nothing is."""
        if not self.left_out:
            return None
        counts, first = Counter(self.left_out.values()), {why: path for path, why in reversed(self.left_out.items())}
        reasons = [
            f"{relative(first[why], self.root)}{f' and {count - 1} more' if count > 1 else ''} ({why})"
            for why, count in counts.items()
        ]
        return f"left out {'; '.join(reasons)}"


@cache
def photo_suffixes() -> frozenset[str]:
    """The suffixes taken for photos, lower case: those that the installed Pillow can read, HEIC with pillow-heif."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        pass
    else:
        register_heif_opener()
    Image.init()
    readable = {*Image.OPEN, "MPO"}  # which Pillow opens as JPEG
    return frozenset(suffix for suffix, kind in Image.EXTENSION.items() if kind in readable) & _PHOTOS


@cache
def photo_formats() -> tuple[str, ...]:
    """What files may be whatever they are called, for Pillow: all that it reads but EPS, which are programs."""
    photo_suffixes()
    return tuple(name for name in Image.ID if name != "EPS")


def hidden(name: str) -> bool:
    """Whether a file or folder of this name is the system's or a program's, not the user's."""
    return name.startswith(".") or name.casefold() in _SYSTEM


def _is_photo(path: Path) -> bool:
    """Whether a file's first bytes are those of a JPEG, PNG or WebP file."""
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError:
        return False
    return start.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or start[8:] == b"WEBP"


def _no_photo(name: str) -> str | None:
    """Why a file that might be taken for a photo is none, whatever is in it; None: it is no picture, or a photo."""
    suffix = Path(name).suffix.lower()
    if suffix in photo_suffixes():
        return "hidden or made by the system" if hidden(name) else None
    if suffix in _HEIC:
        return HEIC_HINT
    if suffix in _RAW:
        return "a camera's raw data; export it as JPEG"
    if suffix in _PHOTOS:
        return f"the installed Pillow cannot read {suffix}"
    return "no format of photos; export it as JPEG or PNG" if suffix in _PICTURES else None


def _too_large(size: int) -> str | None:
    return f"larger than {MOST_FILE_BYTES >> 20} MiB" if size > MOST_FILE_BYTES else None


def _stored(root: StoredPath, left_out: dict[PhotoPath, str]) -> Iterator[StoredPath]:
    for path in root.files():
        *folders, name = path.inside.parts
        system = next((number for number, folder in enumerate(folders, 1) if hidden(folder)), None)
        if system:
            left_out[root / "/".join(folders[:system])] = "hidden or made by the system"
        elif reason := _no_photo(name) or _too_large(path.size or 0):
            left_out[path] = reason
        elif path.inside.suffix.lower() in photo_suffixes():
            yield path


def _walk(root: Path, left_out: dict[PhotoPath, str]) -> Iterator[Path]:
    seen = {root.resolve()}

    def unreadable(error: OSError) -> None:
        left_out[Path(error.filename)] = f"cannot be read: {error.strerror}"

    for folder, folders, files in os.walk(root, onerror=unreadable, followlinks=True):
        here = Path(folder)
        for name in sorted(folders, key=lambda name: ((here / name).is_symlink(), name)):
            real = (here / name).resolve()
            if hidden(name):
                left_out[here / name] = "hidden or made by the system"
            elif real in seen:
                left_out[here / name] = "links to a folder that is taken already"
            else:
                seen.add(real)
        folders[:] = [name for name in sorted(folders) if here / name not in left_out]
        for name in sorted(files):
            path, suffix = here / name, Path(name).suffix.lower()
            if reason := _no_photo(name):
                left_out[path] = reason
            elif suffix in photo_suffixes():
                if not path.is_file():
                    left_out[path] = "no file, or a link to none"
                elif reason := _too_large(path.stat().st_size):
                    left_out[path] = reason
                else:
                    yield path
            elif not suffix and not hidden(name) and path.is_file() and _is_photo(path):
                left_out[path] = "a photo whose name has no suffix; add .jpg, .png or .webp"
            elif path.is_symlink() and not path.exists():
                left_out[path] = "no file, or a link to none"  # perhaps of a class
