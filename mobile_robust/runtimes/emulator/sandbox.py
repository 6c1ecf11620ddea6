"""The sandbox in the user's cache: whether it is there and whole, and how a module of this package starts inside it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mobile_robust.documents import read_json
from mobile_robust.errors import InputError
from mobile_robust.files import sha256, user_cache, write_atomically
from mobile_robust.runtimes.emulator import packages
from mobile_robust.runtimes.emulator.profiles import Profile

SETUP = "mobile-robust arm64 setup"
#: Folders of the tree: this machine's programs, the emulated machine's, its Python packages; and one per profile.
HOST, ARM64, SITE = "host", "arm64", "site"
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class InstalledPackage:
    """A package in the sandbox: ``name`` (Debian's with the architecture), version, SHA-256 of its file."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Sandbox:
    """A folder with a tree of unpacked packages; finished when it holds a manifest."""

    folder: Path
    packages: tuple[InstalledPackage, ...]

    @property
    def tree(self) -> Path:
        """The folder of the unpacked files."""
        return self.folder / "tree"

    def version(self, name: str) -> str:
        """Of a package."""
        return next(package.version for package in self.packages if package.name == name)

    def launch(
        self, profile: Profile, arguments: Sequence[str], variables: Mapping[str, str], options: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Arguments for ``subprocess`` that start Python on an emulated phone.

        It has NumPy, LiteRT and this package, without the package's other dependencies. The environment is the same
        everywhere but for ``variables``, so that the same instructions are executed everywhere. ``options`` are QEMU's.
        """
        machine = self.tree / profile.name
        package_root = Path(__file__).resolve().parents[3]
        emulator = [str(self.tree / HOST / "usr/bin/qemu-aarch64"), *options, "-cpu", profile.cpu, "-L", str(machine)]
        return {
            # QEMU itself needs the libraries of this machine, the emulated programs must not see them.
            "args": [*emulator, "-U", "LD_LIBRARY_PATH", str(machine / f"usr/bin/python{packages.PYTHON}"), *arguments],
            "env": {
                "LD_LIBRARY_PATH": str(self.tree / HOST / "usr/lib/x86_64-linux-gnu"),
                "PYTHONHOME": str(machine / "usr"),
                # In this order: beside this package there may be a NumPy for this machine.
                "PYTHONPATH": os.pathsep.join([str(self.tree / SITE), str(package_root)]),
                "PYTHONDONTWRITEBYTECODE": "1",  # the tree stays as its hash says
                "PYTHONHASHSEED": "0",
                "OPENBLAS_NUM_THREADS": "1",
                **variables,
            },
        }

    def finish(self) -> None:
        """Writes the manifest."""
        manifest = {
            "contents": packages.fingerprint(),
            "tree_sha256": sha256(self.tree),
            "parts": [vars(package) for package in self.packages],
        }
        write_atomically(self.folder / _MANIFEST, json.dumps(manifest, indent=2) + "\n")


def base() -> Path:
    """The folder of the user's cache that holds the sandbox and everything that is needed to make it."""
    return user_cache() / "arm64"


def find() -> tuple[Sandbox | None, str | None]:
    """The finished sandbox with every file of it checked, once per process.

    Returns:
        (the sandbox, None), or (None, why there is none that can be used and what to do).
    """
    return _read(base() / "sandbox")


def forget() -> None:
    """After a change: the next :func:`find` looks again."""
    _read.cache_clear()


@lru_cache(maxsize=1)
def _read(folder: Path) -> tuple[Sandbox | None, str | None]:
    try:
        manifest = read_json(folder / _MANIFEST, "a manifest")
        if not isinstance(manifest, dict) or manifest.get("contents") != packages.fingerprint():
            return None, f"{folder} was set up by another version of this package: {SETUP}"
        found = Sandbox(folder, tuple(InstalledPackage(**entry) for entry in manifest["parts"]))
        tree = manifest["tree_sha256"]
    except (InputError, KeyError, TypeError):
        if not (folder / _MANIFEST).exists():
            return None, f"the ARM64 sandbox is not set up: {SETUP}"
        return None, f"{folder / _MANIFEST} is damaged: {SETUP}"
    if not found.tree.is_dir() or tree != sha256(found.tree):
        return None, f"{folder}: files were changed since it was set up: {SETUP}"
    return found, None
