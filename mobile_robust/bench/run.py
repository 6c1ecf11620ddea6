"""Measures the TFLite files of builds on this host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mobile_robust.contracts.result import RESULT_NAME, Result
from mobile_robust.errors import InputError
from mobile_robust.files import alone_in

if TYPE_CHECKING:
    from mobile_robust.bench.models import Model


def benchmark(
    builds: Sequence[Path],
    out: Path,
    *,
    runtimes: Sequence[str] = ("litert_cpu",),
    precisions: Sequence[str] = (),
    images: Path | None = None,
    repetitions: int = 10,
    threads: int = 1,
    pin: Sequence[int] | None = None,
    cool_down: float = 1.0,
    on_progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Result:
    """Latency of files: models take turns, each in a process of its own, warmed up before every repetition.

    An earlier result in ``out`` is resumed: only the repetitions that it lacks are measured. A model that could not be
    measured has records in ``errors`` of its run.

    Args:
        builds: Folders of finished builds, or TFLite files in such folders.
        out: Folder that gets result.json, written anew after every repetition.
        runtimes: "litert_cpu", "litert_gpu".
        precisions: Only these of "fp32", "fp16", "int8"; none: all.
        images: Folder of the test set; None: photos from installed packages.
        repetitions: Of the test set.
        threads: Of "litert_cpu".
        pin: CPU cores that "litert_cpu" has to stay on; none: on any; None: the fastest, one a thread.
        cool_down: Idle seconds before every repetition.
        on_progress: Called with what is done now, how many repetitions of all models are done, and how many there are.

    Raises:
        InputError: A value that is not allowed, no finished build, a runtime that cannot run here, or an earlier result
            in ``out`` that was measured in another way.
    """
    check_protocol(threads, repetitions, cool_down)
    models = find_models(builds, precisions, runtimes)
    from mobile_robust.bench.host.session import measure
    from mobile_robust.bench.inputs import Photos
    from mobile_robust.bench.protocol import make_protocol

    make_folder(out)
    photos = Photos(images)
    protocol = make_protocol(photos.described(), repetitions, threads, pin, cool_down)
    total = repetitions * len(models)
    with alone_in(out):
        return measure(models, protocol, photos, out / RESULT_NAME, lambda what, done: on_progress(what, done, total))


def find_models(builds: Sequence[Path], precisions: Sequence[str], runtimes: Sequence[str]) -> list[Model]:
    """The files of builds, each on every runtime.

    Raises:
        InputError: No build, or see :func:`mobile_robust.bench.models.resolve`.
    """
    if not builds:
        raise InputError("nothing to measure: give the folder of a finished build, or --baselines")
    from mobile_robust.bench.models import resolve  # imports the runtimes: too slow for mistyped options

    return resolve(builds, precisions, runtimes)


def check_protocol(threads: int, repetitions: int, cool_down: float) -> None:
    """Refuses numbers that no protocol can have.

    Raises:
        InputError: A number out of its range.
    """
    for name, value in (("threads", threads), ("repetitions", repetitions)):
        if value < 1:
            raise InputError(f"--{name} {value}: must be 1 or more")
    if not 0 <= cool_down < float("inf"):
        raise InputError(f"--cool-down {cool_down:g}: must be 0 or more seconds")


def make_folder(path: Path) -> None:
    """Makes an output folder.

    Raises:
        InputError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {path}: cannot be made: {error.strerror}") from None
