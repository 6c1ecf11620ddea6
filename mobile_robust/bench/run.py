"""Measures the files of builds on this host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mobile_robust.contracts.result import RESULT_NAME, Result
from mobile_robust.errors import InputError, unknown
from mobile_robust.files import output_lock
from mobile_robust.options import make_folder
from mobile_robust.runtimes import registry


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
    pairs: int = 60,
    base: str | None = None,
    on_progress: Callable[[str, int, int], None] = lambda what, done, total: None,
    on_warning: Callable[[str], None] = lambda sentence: None,
) -> Result:
    """Latency of files: models take turns, each in a process of its own, warmed up before every repetition.

    An earlier result in ``out`` is resumed: only the repetitions that it lacks are measured. A model that could not be
    measured has records in ``errors`` of its run.

    Args:
        builds: Folders of finished builds, or files in such folders.
        out: Folder that gets result.json, written anew after every repetition.
        runtimes: Timed ones, such as "litert_cpu", or "coreml_npu" on a Mac; each measures the files it takes.
        precisions: Only these, such as "fp16"; none: all.
        images: Folder of the test set; None: photos from installed packages.
        repetitions: Of the test set.
        threads: Of "litert_cpu".
        pin: CPU cores that "litert_cpu" has to stay on; none: on any; None: the fastest, one a thread.
        cool_down: Idle seconds before every repetition.
        pairs: Then every model takes turns with the base, inference by inference, so many times; 0: not at all.
        base: The recipe that it is compared with; None: resnet50 where it is measured, else the first.
        on_progress: Called with what is done now, how many repetitions of all models are done, and how many there are.
        on_warning: Called with a sentence on images that are left out of the test set.

    Raises:
        InputError: A value that is not allowed, no finished build, a runtime that cannot run here, or an earlier result
            in ``out`` that was measured in another way.
    """
    if not builds:
        raise InputError("nothing to measure: give the folder of a finished build, or --baselines")
    from mobile_robust.bench.host.session import measure
    from mobile_robust.bench.inputs import describe, open_photos
    from mobile_robust.bench.models import resolve  # imports runtimes: too slow for mistyped options
    from mobile_robust.bench.protocol import make_protocol
    from mobile_robust.bench.table import default_base

    registry.require(runtimes)
    models = resolve(builds, precisions, [registry.runtimes()[name] for name in runtimes])
    names = list(dict.fromkeys(model.manifest.recipe.name for model in models))
    if base is not None and base not in names:
        raise unknown("recipe for --base", base, names)
    make_folder(out)
    photos = open_photos(images, on_warning)
    protocol = make_protocol(describe(photos), repetitions, threads, pin, cool_down)
    total = repetitions * len(models)
    with output_lock(out):
        return measure(
            models,
            protocol,
            photos,
            out / RESULT_NAME,
            lambda what, done: on_progress(what, done, total),
            pairs,
            base or default_base(names),
        )
