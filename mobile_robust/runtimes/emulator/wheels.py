"""The emulated machine's Python packages, pinned by version and SHA-256."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from mobile_robust.errors import InputError
from mobile_robust.files import sha256
from mobile_robust.runtimes.emulator import packages
from mobile_robust.runtimes.emulator.sandbox import InstalledPackage


def download(folder: Path) -> list[InstalledPackage]:
    """Downloads the wheels with pip, which checks their hashes; those of an earlier try are not downloaded again.

    Raises:
        InputError: pip is missing, or a wheel cannot be had, or is another than the pinned one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pinned = folder / "requirements.txt"
    pinned.write_text("".join(f"{name} --hash=sha256:{digest}\n" for name, digest in packages.WHEELS.items()))
    options = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--python-version", packages.PYTHON]
    for platform in packages.PLATFORMS:
        options += ["--platform", platform]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", *options, "--dest", str(folder), "-r", str(pinned)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise InputError(f"pip download failed: {done.stderr.strip() or done.stdout.strip()}")
    named = [(*name.split("==", 1), digest) for name, digest in packages.WHEELS.items()]
    return [InstalledPackage(name, version, digest) for name, version, digest in named]


def unpack(folder: Path, site: Path) -> None:
    """Unpacks the pinned wheels in a folder to where Python finds them."""
    for wheel in sorted(folder.glob("*.whl")):
        if sha256(wheel) not in packages.WHEELS.values():  # of an earlier version of this package
            continue
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
