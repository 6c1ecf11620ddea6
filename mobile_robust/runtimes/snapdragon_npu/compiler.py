"""LiteRT's compiler for Qualcomm's NPUs: a TFLite file in, a TFLite file with one operation out, made for one chip."""

from __future__ import annotations

import os
import re
import subprocess
from importlib.metadata import version
from importlib.resources import files
from os import PathLike
from pathlib import Path

from mobile_robust.errors import InputError
from mobile_robust.runtimes.base import PlacementError
from mobile_robust.runtimes.snapdragon_npu import libraries
from mobile_robust.tflite import file as tflite_file
from mobile_robust.tflite.file import TfliteFile

#: The operation that stands for what was compiled; its payload is a context binary of Qualcomm's.
DISPATCH = "DISPATCH_OP"
#: Metadata of a compiled file: the manufacturer and the chip, each followed by zeros.
_STAMP = "LiteRtStamp"
#: Many times what the largest network here takes.
_MOST_SECONDS = 600
_LITERT = "ai_edge_litert"
#: Lines of the compiler's log that say why; where none does, its other errors.
_WHY = (re.compile(r"not supported|Unsupported"), re.compile(r"\[\s*ERROR \]|^ERROR"))


def compile_for(chip: str, artifact: PathLike[str], out: Path) -> TfliteFile:
    """Compiles a file and requires that every operation of it went to the NPU.

    Args:
        chip: One of ``CHIPS``.
        artifact: The file, or the ``TfliteFile`` read from it.
        out: Where the compiled file is written.

    Raises:
        InputError: The artifact is truncated, not a TFLite file, or was compiled already.
        PlacementError: An operation is left over, or the compiler failed; names it.
        RuntimeError: The compiler cannot run here.
    """
    file = tflite_file.read(artifact)
    if (made_for := chip_of(file)) is not None:
        raise InputError(f"{file.path}: was compiled already, for {made_for}; needed is the file it was compiled from")
    log = _run(chip, file, out)
    compiled = tflite_file.read(out)
    left = [op for op in compiled.operations if op.name != DISPATCH]
    if left:
        names = "; ".join(map(str, left))
        raise PlacementError(f"{file.path}: the NPU ({chip}) leaves {names}. {_reasons(log)}".rstrip())
    if len(compiled.operations) != 1:
        raise PlacementError(f"{file.path}: compiled for {chip} into {len(compiled.operations)} pieces; must be one")
    return compiled


def chip_of(file: TfliteFile) -> str | None:
    """The chip that a file was compiled for; None of a file that was not compiled.

    Raises:
        InputError: It holds compiled operations, and does not say for what.
    """
    if DISPATCH not in file.op_counts:
        return None
    match file.metadata.get(_STAMP, b"").replace(b"\0", b" ").split():
        case [b"Qualcomm", chip]:
            return chip.decode(errors="replace")
    raise InputError(f"{file.path}: holds {DISPATCH}, but does not say which chip of Qualcomm's it was compiled for")


def versions() -> dict[str, str]:
    """What compiles: LiteRT, and QAIRT, Qualcomm's libraries, as the wheel names its version."""
    from onnxruntime_qnn.build_and_package_info import qnn_version

    return {"litert": version("ai-edge-litert"), "qairt": qnn_version}


def _run(chip: str, file: TfliteFile, out: Path) -> str:
    """The compiler's log."""
    folder, reason = libraries.find()
    if folder is None:
        raise RuntimeError(reason)
    litert = Path(str(files(_LITERT)))
    arguments = [
        str(litert / "tools/apply_plugin_main"),
        "--cmd=apply",
        f"--model={file.path}",
        f"--o={out}",
        "--soc_manufacturer=Qualcomm",
        f"--soc_model={chip}",
        f"--libs={litert / 'vendors/qualcomm/compiler'}",
        "--err=--",
    ]
    search = os.pathsep.join(filter(None, [str(folder), str(litert), os.environ.get("LD_LIBRARY_PATH")]))
    try:
        done = subprocess.run(
            arguments,
            env={**os.environ, "LD_LIBRARY_PATH": search},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PlacementError(f"{file.path}: not compiled for {chip} in {_MOST_SECONDS} s") from None
    except OSError as error:
        raise RuntimeError(f"LiteRT's compiler does not start: {error}") from None
    if done.returncode or not out.is_file():
        why = _reasons(done.stdout) or f"exit code {done.returncode}"
        raise PlacementError(f"{file.path}: cannot be compiled for {chip}: {why}")
    return done.stdout


def _reasons(log: str, most: int = 3) -> str:
    """What the log says of operations that it refuses, or of errors, each once."""
    lines = [re.sub(r"^.*\[\s*ERROR \]\s*(<E>)?", "", line).strip() for line in log.splitlines()]
    found = next(filter(None, ([line for line in lines if pattern.search(line)] for pattern in _WHY)), [])
    return " | ".join(list(dict.fromkeys(found))[:most])
