"""The plug-in that counts, built from ``plugin.c`` once and kept beside the sandbox."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from mobile_robust.errors import InputError
from mobile_robust.files import replacing, sha256
from mobile_robust.runtimes.emulator import sandbox

_SOURCE = Path(__file__).with_name("plugin.c")


def options(out: Path) -> tuple[str, str]:
    """QEMU's options that load the plug-in, which will write to ``out``.

    Raises:
        InputError: There is no C compiler, or it fails.
    """
    path = f"{_built()},out={out}"
    if path.count(",") > 1:
        raise InputError(f"{path}: QEMU's options cannot have a comma in a path; set XDG_CACHE_HOME or TMPDIR")
    return "-plugin", path


def compiler() -> str | None:
    """Of C, on this machine."""
    return shutil.which("gcc") or shutil.which("cc")


def _built() -> Path:
    library = sandbox.base() / f"plugin-{sha256(_SOURCE)[:16]}.so"
    if library.is_file():
        return library
    found = compiler()
    if found is None:
        raise InputError("bench arm64 builds its counter with a C compiler, and there is none: install gcc")
    flags = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-shared", "-fPIC")
    with replacing(library) as temporary:
        done = subprocess.run([found, *flags, _SOURCE, "-o", temporary], capture_output=True, text=True, check=False)
        if done.returncode:
            raise InputError(f"{_SOURCE}: {found} fails: {done.stderr.strip()}")
    return library
