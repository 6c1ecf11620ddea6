"""Command line of ``mobile-robust corrupt``."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from PIL import Image

from mobile_robust.corruptions import by_family, corrupt, select
from mobile_robust.corruptions.contact_sheet import ContactSheet
from mobile_robust.data.images import Photo, Size, built_in_photos, centre_crop, read_image
from mobile_robust.errors import InputError
from mobile_robust.files import write_output
from mobile_robust.options import checked, image_size, make_folder, seed
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.progress import progress_bar

_EXAMPLES = """examples:
  mobile-robust corrupt --out sheets
  mobile-robust corrupt photo.jpg --out sheets --names weather jpeg:10 fidelity_awgn
  mobile-robust corrupt photo.jpg --out sheets --size 720x1280 --names fog snow --each
"""

#: Of the built-in photo.
_CREDIT = "photo: danielbuechele (Flickr), CC BY 2.0, as it comes with scikit-learn; cropped"

#: Allowed heights in pixels of the photos on the sheet.
_CELLS = (32, 512)


def main(argv: list[str]) -> int:
    """Corrupts a photo in every way and writes a contact sheet.

    Raises:
        InputError: Bad option, unreadable photo, or a folder that cannot be written.
    """
    options = _parser().parse_args(argv)
    rows = select(options.names or by_family())
    photo = _photo(options.image, options.size)
    make_folder(options.out)
    sheet = ContactSheet(photo, rows, options.cell, "" if options.image else _CREDIT)
    with progress_bar(make_console(stderr=True), "corrupting", sum(map(len, rows.values()))) as step:
        for corruption, levels in rows.items():
            for level in levels:
                step(corruption.name)
                corrupted = corrupt(photo, corruption.name, level, options.seed, 0)
                sheet.paste(corruption, level, corrupted)
                if options.each:
                    _write(options.out / f"{corruption.name}_{level:g}.png", Image.fromarray(corrupted))
    _write(options.out / options.sheet, sheet.image)
    print(options.out / options.sheet)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mobile-robust corrupt",
        usage="%(prog)s [IMAGE] --out DIR [options]",
        description="Corrupt a photo in every way this project knows, at every level, and write one labelled picture.",
        epilog=_EXAMPLES + _listing(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("image", nargs="?", type=Path, metavar="IMAGE", help="default: a built-in photo")
    add("--out", required=True, type=Path, metavar="DIR", help="folder of the sheet; made if missing")
    sheet_help = "its name, .png or .jpg (default: sheet.png)"
    add("--sheet", default="sheet.png", action=checked(_wrong_sheet), metavar="FILE", help=sheet_help)
    add("--each", action="store_true", help="also write every corrupted photo, NAME_LEVEL.png")
    names_help = "corruptions or families; without LEVEL all levels of the source (default: all)"
    add("--names", nargs="+", metavar="NAME[:LEVEL]", help=names_help)
    size_help = "the photo's middle at this size is corrupted, as networks see it (default: 224)"
    add("--size", default="224", type=image_size, metavar="N|HxW", help=size_help)
    cell_help = "height of a photo on the sheet (default: 160)"
    add("--cell", type=int, default=160, action=checked(_wrong_cell), metavar="N", help=cell_help)
    add("--seed", type=int, default=0, action=seed(), metavar="N", help="of everything random (default: 0)")
    return parser


def _listing() -> str:
    lines = ["", "corruptions by family (levels from mild to strong):"]
    for family, members in by_family().items():
        lines.append(f"  {family}")
        for entry in members:
            levels = "1-5" if entry.unit == "severity" else " ".join(f"{level:g}" for level in entry.levels)
            lines.append(f"    {entry.name:25} {entry.unit} {levels}: {entry.description}")
    return "\n".join(lines)


def _wrong_cell(cell: int) -> str | None:
    return None if _CELLS[0] <= cell <= _CELLS[1] else f"allowed are {_CELLS[0]} to {_CELLS[1]} pixels"


def _wrong_sheet(name: str) -> str | None:
    good = Path(name).name == name and Path(name).suffix in (".png", ".jpg")
    return None if good else "give a file name that ends with .png or .jpg; its folder is --out"


def _photo(path: Path | None, size: Size) -> Photo:
    if path:
        return centre_crop(read_image(path), size)
    try:
        return built_in_photos(size, 1)[0]
    except InputError:
        raise InputError(
            "IMAGE: scikit-learn is installed without its sample photos, so give a photo of your own"
        ) from None


def _write(path: Path, image: Image.Image) -> None:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG" if path.suffix == ".jpg" else "PNG", quality=75)
    write_output(path, buffer.getvalue())
