"""Qualcomm's libraries as LiteRT's plug-in wants them: a folder of links to the wheel that the user installed.

The wheel ``onnxruntime-qnn`` carries them under Qualcomm's licence; nothing of it is copied.
"""

from __future__ import annotations

import platform
import shutil
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from mobile_robust.errors import InputError
from mobile_robust.files import output_lock, user_cache

SETUP = "mobile-robust npu setup"
INSTALL = "pip install 'mobile-robust[npu]'"
#: What the extra installs.
PACKAGES = ("onnxruntime-qnn", "onnxruntime", "onnx")
#: Folders of the wheel: the compiler, the emulator and what they need; the C++ runtime that they were built with.
_FOLDERS = ("onnxruntime_qnn", "onnxruntime_qnn.libs")
#: The plug-in links this library and needs nothing of it to compile for the HTP, so that any other will do.
_UNUSED, _INSTEAD = "libQnnLpai.so", "libQnnSaver.so"
#: Of the C library, which the wheel is built for.
_GLIBC = (2, 35)


def folder() -> Path:
    """The folder of the user's cache that holds the links."""
    return user_cache() / "npu"


def find() -> tuple[Path | None, str | None]:
    """The folder of the libraries, looked at once per process.

    Returns:
        (the folder, None), or (None, everything that is missing and what to do).
    """
    return _find(folder())


def forget() -> None:
    """After a change: the next :func:`find` looks again."""
    _find.cache_clear()


@lru_cache(maxsize=1)
def _find(links: Path) -> tuple[Path | None, str | None]:
    problems = missing()
    if not problems and not _complete(links):
        problems = [f"{links} does not link the libraries that are installed: {SETUP}"]
    return (None, "; ".join(problems)) if problems else (links, None)


def missing() -> list[str]:
    """What this machine lacks before the folder can be made, a clause each."""
    system, machine = platform.system(), platform.machine()
    if (system, machine) != ("Linux", "x86_64"):
        return [f"Qualcomm's compiler and emulator need Linux x86_64; this is {system} {machine}"]
    problems = []
    library, number = platform.libc_ver()
    if library != "glibc" or tuple(map(int, number.split(".")[:2])) < _GLIBC:
        needed = ".".join(map(str, _GLIBC))
        problems.append(f"the wheel needs glibc {needed} or later; this is {library or 'another C library'} {number}")
    if absent := [name for name in PACKAGES if installed(name) is None]:
        problems.append(f"not installed: {', '.join(absent)}: {INSTALL} (Python 3.11 or later)")
    elif not set(_links()) >= {"libQnnHtp.so", "libHtpPrepare.so", "libQnnSystem.so", "libQnnIr.so", _INSTEAD}:
        problems.append(f"onnxruntime-qnn {installed('onnxruntime-qnn')} lacks Qualcomm's compiler: {INSTALL}")
    return problems


def installed(name: str) -> str | None:
    """Version of a distribution; None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def set_up() -> bool:
    """Makes the folder of links; False where it was whole already.

    Raises:
        InputError: Something is missing that only the user can install, or the cache cannot be written.
    """
    if problems := missing():
        raise InputError("; ".join(problems))
    base = folder()
    try:
        base.mkdir(parents=True, exist_ok=True)
        with output_lock(base, "XDG_CACHE_HOME:"):
            if _complete(base):
                return False
            for link in base.glob("*.so*"):
                link.unlink()
            for name, target in _links().items():
                (base / name).symlink_to(target)
    except OSError as error:
        raise InputError(f"XDG_CACHE_HOME: {base}: {error}") from None
    forget()
    return True


def remove() -> bool:
    """Deletes the folder; False where there was none."""
    base = folder()
    if not base.is_dir():
        return False
    with output_lock(base, "XDG_CACHE_HOME:"):
        shutil.rmtree(base)
    forget()
    return True


def _complete(links: Path) -> bool:
    return all((links / name).is_symlink() and (links / name).readlink() == to for name, to in _links().items())


def _links() -> dict[str, Path]:
    """Name in the folder -> library of the wheel."""
    site = Path(str(distribution("onnxruntime-qnn").locate_file("")))
    found = {path.name: path for name in _FOLDERS for path in sorted((site / name).glob("*.so*"))}
    return found | ({_UNUSED: found[_INSTEAD]} if _INSTEAD in found else {})
