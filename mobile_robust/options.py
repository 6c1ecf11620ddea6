"""Command-line options that several commands share, checked where they are parsed; every mistake is one message."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

from mobile_robust.contracts.precisions import PRECISIONS
from mobile_robust.contracts.recipe import LEAST_SIDE, MAX_SEED, MOST_NAME, MOST_SIDE
from mobile_robust.contracts.targets import TARGETS, Target
from mobile_robust.data.split import Rule, Split
from mobile_robust.errors import InputError


def checked(complain: Callable[[Any], str | None]) -> type[argparse.Action]:
    """An action that stores an option's value, or raises InputError "--NAME VALUE: ..." where ``complain`` says why a
    value is not allowed. Of several values (nargs) each is checked."""

    class Checked(argparse.Action):
        def __call__(
            self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
        ) -> None:
            for value in values if isinstance(values, list) else [values]:
                if problem := complain(value):
                    shown = f"{value:g}" if isinstance(value, float) else value
                    raise InputError(f"{self.option_strings[0]} {shown}: {problem}")
            setattr(namespace, self.dest, values)

    return Checked


#: No processor has more cores.
MOST_PROCESSES = 1024
#: Of what takes a second or more each, such as repetitions.
MOST_TIMES = 10_000
#: Of anything else; more than the training steps or photos that anybody has.
MOST_COUNT = 10**9


def at_least(least: int, unit: str = "", most: int = MOST_COUNT) -> type[argparse.Action]:
    """Action for a number from ``least`` to ``most``."""
    unit = f" {unit}" if unit else ""

    def complain(value: float) -> str | None:
        if value > most:
            return f"must be {most} or less{unit}"
        return None if value >= least else f"must be {least} or more{unit}"

    return checked(complain)


def seed() -> type[argparse.Action]:
    """Action for a seed of random numbers."""
    return at_least(0, most=MAX_SEED)


def fraction(whole: bool = False) -> type[argparse.Action]:
    """Action for a fraction greater than 0 and less than 1; 1 itself where ``whole``."""
    wrong = f"allowed are fractions greater than 0 and {'at most' if whole else 'less than'} 1"
    return checked(lambda value: None if 0 < value < 1 or (whole and value == 1) else wrong)


def wrong_length(path: Path) -> str | None:
    """Why a file cannot be written together with what is beside it while it is; None where it can."""
    fits = len(os.fsencode(path.name)) <= MOST_NAME
    return None if fits else f"the file's name may have {MOST_NAME} bytes"


def file_name(*suffixes: str) -> type[argparse.Action]:
    """Action for the path of a file to be written, in a folder that exists, with one of the suffixes."""

    def complain(path: Path) -> str | None:
        if path.suffix not in suffixes:
            return f"the file's name must end with {' or '.join(suffixes)}"
        return wrong_length(path) or (None if path.parent.is_dir() else f"no such folder: {path.parent}")

    return checked(complain)


def add_split(
    parser: argparse.ArgumentParser,
    help: str = "never touch the photos that evaluate --holdout FRACTION scores",
    required: bool = False,
    whole: bool = False,
) -> None:
    """Adds --holdout, --holdout-seed and --holdout-by, for :func:`split_of`; ``whole``: all photos may be held out."""
    parser.add_argument(
        "--holdout", type=float, action=fraction(whole), required=required, metavar="FRACTION", help=help
    )
    parser.add_argument(
        "--holdout-seed", type=int, action=seed(), default=0, metavar="SEED", help="default: %(default)s"
    )
    by = "what decides on a photo: its content (default) or, as in the first tables, its position in the folder"
    parser.add_argument("--holdout-by", choices=get_args(Rule), default="content", help=by)


def add_measurement(parser: argparse.ArgumentParser, targets: Sequence[Target], cool_down: float) -> None:
    """Adds the options of a measurement of such files, on whatever device."""
    add, kind = parser.add_argument, " or ".join(TARGETS[target].title for target in targets)
    add("builds", nargs="*", type=Path, metavar="DIR", help=f"folder of a finished build, or one {kind} file in one")
    precisions = [name for name, spec in PRECISIONS.items() if set(targets) & set(spec.targets)]
    add("--precision", nargs="+", choices=precisions, default=[], help="only these (default: all)")
    of = "of the test set (%(default)s)"
    add("--repetitions", type=int, action=at_least(1, most=MOST_TIMES), default=10, metavar="N", help=of)
    add("--images", type=Path, metavar="DIR", help="test set (default: 20 photos from installed packages)")
    idle = "idle seconds before every repetition (%(default)s)"
    add("--cool-down", type=float, action=at_least(0, "seconds", MOST_TIMES), default=cool_down, metavar="S", help=idle)


def add_threads(parser: argparse.ArgumentParser, default: int, of: str) -> None:
    """Adds --threads, of a runtime or processor that ``of`` names."""
    action, text = at_least(1, most=MOST_PROCESSES), f"of {of} (%(default)s)"
    parser.add_argument("--threads", type=int, action=action, default=default, metavar="N", help=text)


def image_size(text: str) -> tuple[int, int]:
    """Type of --size: N or HxW in pixels, as (height, width)."""
    match = re.fullmatch(r"([0-9]{1,5})(?:x([0-9]{1,5}))?", text)
    size = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not all(LEAST_SIDE <= side <= MOST_SIDE for side in size):
        raise InputError(f"--size {text}: give N or HxW, sides of {LEAST_SIDE} to {MOST_SIDE} pixels")
    return size


def split_of(options: argparse.Namespace) -> Split | None:
    """The split that the options of :func:`add_split` name; None: all photos are used."""
    return None if options.holdout is None else Split(options.holdout, options.holdout_seed, options.holdout_by)


def make_folder(path: Path, option: str = "--out") -> None:
    """Makes a folder that an option names, where it is missing; raises InputError where it cannot."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{option} {path}: cannot be made: {error.strerror or error}") from None
