"""What the sandbox is made of.

Debian keeps only the newest build of a package, so versions cannot be pinned: apt checks each against the archive's
signed lists, and the sandbox's own manifest records what came. Wheels stay, so they are pinned by version and hash.
"""

from __future__ import annotations

import hashlib

from mobile_robust.runtimes.emulator.profiles import PROFILES

#: For this machine: QEMU, and those of its libraries that a small Debian lacks.
HOST = ("qemu-user", "libcapstone4", "libglib2.0-0", "libnuma1", "liburing2")
#: For the emulated one: Python, and the libraries that it and the wheels need.
ARM64 = (
    "python3.11-minimal",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libc6",
    "libgcc-s1",
    "libstdc++6",
    "zlib1g",
    "libexpat1",
    "libffi8",
    "libbz2-1.0",
    "liblzma5",
)
PYTHON = "3.11"
#: Wheel tags that this Python and C library take.
PLATFORMS = ("manylinux_2_27_aarch64", "manylinux_2_28_aarch64")
#: Requirement -> SHA-256 of its wheel for these. LiteRT is the one that pyproject.toml asks for.
WHEELS = {
    "ai-edge-litert==2.3.0": "853fc608f96da87bd5f3458465dfb9abbf18d5ae6b94eceacead407146f175ae",
    "numpy==2.4.6": "0ab0a9c4ffb1a6d95ef519fe4247dba8eb6b18ad93999f76b7f657039acabd47",
}


def fingerprint() -> str:
    """Hash of all of this: a sandbox made of anything else is of another version of this package."""
    everything = (HOST, ARM64, PYTHON, PLATFORMS, sorted(WHEELS.items()), sorted(map(repr, PROFILES.values())))
    return hashlib.sha256(repr(everything).encode()).hexdigest()
