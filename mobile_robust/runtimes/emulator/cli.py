"""Command line of ``mobile-robust arm64``."""

from __future__ import annotations

import argparse

from mobile_robust.files import size
from mobile_robust.reporting.console import make_console
from mobile_robust.reporting.progress import progress_bar
from mobile_robust.reporting.text import bytes_text
from mobile_robust.runtimes.emulator import install, sandbox

_EXAMPLES = """examples:
  mobile-robust arm64 setup     about 50 MB to download; resumed where it was stopped
  mobile-robust parity build/afd_mobilenetv2 --runtime litert_arm64 litert_armv9
  mobile-robust bench arm64 build/afd_mobilenetv2
  mobile-robust arm64 remove

The kernels that a phone's CPU runs, on an x86-64 machine: QEMU and an ARM64 Python from Debian's archive (checked
against its signed lists), LiteRT and NumPy from PyPI (pinned by hash), all in the user's cache (XDG_CACHE_HOME). Needs
Debian 12, no root, and changes nothing of the system. Exit code: 0 done, 2 it cannot be had here.
"""


def main(arguments: list[str]) -> int:
    """Runs the command. Raises InputError where the sandbox cannot be had here."""
    parser = argparse.ArgumentParser(
        prog="mobile-robust arm64",
        description="The sandbox that runs LiteRT's ARM64 kernels on this machine.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "action", choices=("setup", "remove"), help="make the sandbox where it is not whole, or delete it"
    )
    options = parser.parse_args(arguments)
    if options.action == "remove":
        freed = install.remove()
        print(f"removed {sandbox.base()}: {bytes_text(freed)}" if freed else "nothing to remove")
        return 0
    with progress_bar(make_console(stderr=True), "ARM64 sandbox", install.STEPS) as step:
        found, made = install.set_up(step)
    for package in found.packages:
        print(f"{package.name} {package.version}")
    print(f"{'ready' if made else 'up to date, nothing done'}: {found.folder}, {bytes_text(size(found.folder))}")
    return 0
