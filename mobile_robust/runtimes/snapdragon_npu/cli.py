"""Command line of ``mobile-robust npu``."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mobile_robust.errors import InputError
from mobile_robust.runtimes.base import EngineError, PlacementError
from mobile_robust.runtimes.snapdragon_npu import libraries
from mobile_robust.runtimes.snapdragon_npu.compiler import versions
from mobile_robust.runtimes.snapdragon_npu.runtime import SnapdragonNpu
from mobile_robust.tflite.flatbuffer import one_relu

_EXAMPLES = """examples:
  pip install 'mobile-robust[npu]'        Qualcomm's libraries, under Qualcomm's licence, which lies in the wheel
  mobile-robust npu setup
  mobile-robust parity build/afd_mobilenetv2 --runtime snapdragon_npu snapdragon_npu:SM8750
  mobile-robust npu remove

LiteRT's plug-in compiles TFLite files for a Snapdragon's NPU with these libraries, and their emulator of the NPU
executes what was compiled. setup links them into a folder of the user's cache (XDG_CACHE_HOME), copies nothing, needs
no root and no network, and compiles and executes a file of one operation. Needs Linux x86_64 with glibc 2.35 or later.
Exit code: 0 done, 2 something is missing.
"""


def main(arguments: list[str]) -> int:
    """Runs the command. Raises InputError where something is missing or does not work."""
    parser = argparse.ArgumentParser(
        prog="mobile-robust npu",
        description="What compiles for a Snapdragon's NPU and emulates it on this machine.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=("setup", "remove"), help="link the libraries, or delete the links")
    parser.add_argument("--check", action="store_true", help="with setup: only say what is missing")
    options = parser.parse_args(arguments)
    if options.action == "remove":
        if options.check:
            raise InputError("--check: belongs to setup")
        print(f"removed {libraries.folder()}" if libraries.remove() else "nothing to remove")
        return 0
    made = False if options.check else libraries.set_up()
    found, reason = libraries.find()
    if found is None:
        raise InputError(reason)
    _try()
    for name in libraries.PACKAGES:
        print(f"{name} {libraries.installed(name)}")
    print(f"QAIRT {versions()['qairt']}")
    print(f"{'ready' if made else 'up to date, nothing done'}: {found}")
    return 0


def _try() -> None:
    """Compiles and executes the smallest file; raises InputError where that fails or is wrong."""
    values = np.array([-1, 0, 1, 2], np.float32).reshape(1, 1, 1, 4)
    try:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "relu.tflite"
            path.write_bytes(one_relu())
            with SnapdragonNpu().open(path) as session:
                (got,) = session.predict({"x": values}).values()
    except (EngineError, PlacementError, RuntimeError) as error:
        raise InputError(f"a file of one operation does not run: {error}") from None
    if not np.allclose(got, values.clip(min=0), atol=1e-3):
        raise InputError(f"a file of one operation gives {got.ravel().tolist()} of {values.ravel().tolist()}")
