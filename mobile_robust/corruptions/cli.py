"""Command line of ``python -m mobile_robust.corrupt``."""

from __future__ import annotations

import argparse
import io
import re
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mobile_robust.corruptions import Corruption, by_family, select
from mobile_robust.corruptions.contact_sheet import contact_sheet
from mobile_robust.data.images import Photo, Size, built_in_photos, centre_crop, read_image
from mobile_robust.errors import InputError
from mobile_robust.files import write_output

_EXAMPLES = """examples:
  python -m mobile_robust.corrupt --out sheets
  python -m mobile_robust.corrupt photo.jpg --out sheets --names weather jpeg:10 fidelity_awgn
  python -m mobile_robust.corrupt photo.jpg --out sheets --size 720x1280 --names fog snow --each
"""

#: Of the built-in photo.
_CREDIT = "photo: danielbuechele (Flickr), CC BY 2.0, as it comes with scikit-learn; cropped"

#: Allowed sides in pixels, of the photo and of its small copies on the sheet.
_SIDES, _CELLS = (32, 4096), (32, 512)


def main(argv: list[str]) -> int:
    """Corrupts a photo in every way and writes a contact sheet.

    Raises:
        InputError: Bad option, unreadable photo, or a folder that cannot be written.
    """
    options = _parser().parse_args(argv)
    size = _checked(options)
    rows = select(options.names or by_family())
    photo = _photo(options.image, size)
    _make_folder(options.out)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("corrupting", total=sum(map(len, rows.values())))

        def on_photo(corruption: Corruption, level: float, corrupted: Photo) -> None:
            progress.update(bar, advance=1, description=corruption.name)
            if options.each:
                _write(options.out / f"{corruption.name}_{level:g}.png", Image.fromarray(corrupted))

        credit = "" if options.image else _CREDIT
        sheet = contact_sheet(photo, rows, cell=options.cell, seed=options.seed, credit=credit, on_photo=on_photo)
    _write(options.out / options.sheet, sheet)
    print(options.out / options.sheet)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mobile_robust.corrupt",
        usage="%(prog)s [IMAGE] --out DIR [options]",
        description="Corrupt a photo in every way this project knows, at every level, and write one labelled picture.",
        epilog=_EXAMPLES + _listing(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("image", nargs="?", type=Path, metavar="IMAGE", help="default: a built-in photo")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the sheet; made if missing")
    parser.add_argument(
        "--sheet", default="sheet.png", metavar="FILE", help="its name, .png or .jpg (default: sheet.png)"
    )
    parser.add_argument("--each", action="store_true", help="also write every corrupted photo, NAME_LEVEL.png")
    parser.add_argument(
        "--names",
        nargs="+",
        metavar="NAME[:LEVEL]",
        help="corruptions or families; without LEVEL all levels of the source (default: all)",
    )
    parser.add_argument(
        "--size",
        default="224",
        metavar="N|HxW",
        help="the photo's middle at this size is corrupted, as networks see it (default: 224)",
    )
    parser.add_argument(
        "--cell", type=int, default=160, metavar="N", help="height of a photo on the sheet (default: 160)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of everything random (default: 0)")
    return parser


def _listing() -> str:
    lines = ["", "corruptions by family (levels from mild to strong):"]
    for family, members in by_family().items():
        lines.append(f"  {family}")
        for entry in members:
            levels = "1-5" if entry.unit == "severity" else " ".join(f"{level:g}" for level in entry.levels)
            lines.append(f"    {entry.name:25} {entry.unit} {levels}: {entry.description}")
    return "\n".join(lines)


def _checked(options: argparse.Namespace) -> Size:
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", options.size)
    if not match or not all(_SIDES[0] <= int(side) <= _SIDES[1] for side in match.groups(match[1])):
        raise InputError(f"--size {options.size}: give N or HxW, sides of {_SIDES[0]} to {_SIDES[1]} pixels")
    if not _CELLS[0] <= options.cell <= _CELLS[1]:
        raise InputError(f"--cell {options.cell}: allowed are {_CELLS[0]} to {_CELLS[1]} pixels")
    if options.seed < 0:
        raise InputError(f"--seed {options.seed}: must be 0 or more")
    if Path(options.sheet).name != options.sheet or Path(options.sheet).suffix not in (".png", ".jpg"):
        raise InputError(f"--sheet {options.sheet}: give a file name that ends with .png or .jpg; its folder is --out")
    return int(match[1]), int(match[2] or match[1])


def _photo(path: Path | None, size: Size) -> Photo:
    if path:
        return centre_crop(read_image(path), size)
    try:
        return built_in_photos(size, 1)[0]
    except InputError:
        raise InputError(
            "IMAGE: scikit-learn is installed without its sample photos, so give a photo of your own"
        ) from None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {folder}: cannot be made: {error.strerror or error}") from None


def _write(path: Path, image: Image.Image) -> None:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG" if path.suffix == ".jpg" else "PNG", quality=75)
    write_output(path, buffer.getvalue())
