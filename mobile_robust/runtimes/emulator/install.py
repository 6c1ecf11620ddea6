"""The sandbox is made in a working folder and takes its name at the very end; what was downloaded survives a stop."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import mkdtemp

from mobile_robust.errors import InputError
from mobile_robust.files import output_lock, size
from mobile_robust.runtimes.emulator import packages, sandbox, wheels
from mobile_robust.runtimes.emulator.apt import Apt
from mobile_robust.runtimes.emulator.profiles import PROFILES
from mobile_robust.runtimes.emulator.sandbox import ARM64, HOST, SITE, Sandbox

#: How often :func:`set_up` calls ``step`` at most.
STEPS = 5
#: Nothing of these is needed to run: other emulators, manuals.
_NOT_NEEDED = (f"{HOST}/usr/share", f"{ARM64}/usr/share", f"{HOST}/usr/libexec")

Step = Callable[[str], None]


def set_up(step: Step) -> tuple[Sandbox, bool]:
    """The sandbox, whole and of this version, and whether it was made now; ``step`` is called with what is being done.

    Raises:
        InputError: It cannot be had on this machine; says why.
    """
    _refuse_elsewhere()
    base = sandbox.base()
    try:
        base.mkdir(parents=True, exist_ok=True)
        with output_lock(base, "XDG_CACHE_HOME:"):
            found, _ = sandbox.find()
            if found is not None:
                return found, False
            _make(base, step)
    except OSError as error:
        raise InputError(f"XDG_CACHE_HOME: {base}: {error}") from None
    sandbox.forget()
    made, reason = sandbox.find()
    if made is None:
        raise InputError(reason)
    return made, True


def remove() -> int:
    """Deletes the sandbox and all that belongs to it; the bytes that it took."""
    base = sandbox.base()
    if not base.is_dir():
        return 0
    with output_lock(base, "XDG_CACHE_HOME:"):
        freed = size(base)
        shutil.rmtree(base)
    sandbox.forget()
    return freed


def _refuse_elsewhere() -> None:
    system, machine = platform.system(), platform.machine()
    if (system, machine) != ("Linux", "x86_64"):
        raise InputError(f"the ARM64 sandbox needs Debian 12 on Linux x86_64; this is {system} {machine}")
    if missing := [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]:
        raise InputError(f"the ARM64 sandbox needs Debian 12; this system has no {' and no '.join(missing)}")


def _make(base: Path, step: Step) -> None:
    work, finished = base / "work", base / "sandbox"
    step("reading Debian's package lists")
    apt = Apt(work / "apt")
    apt.update()
    step("downloading Debian packages")
    debs = apt.download(packages.HOST, packages.ARM64)
    step("downloading Python packages")
    installed = [deb.package for deb in debs] + wheels.download(work / "wheels")
    step("unpacking")
    for leftover in work.glob("sandbox-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    # A new name: what was killed may have left a process in the old one.
    made = Sandbox(Path(mkdtemp(prefix="sandbox-", dir=work)), tuple(installed))
    for deb in debs:
        folder = made.tree / (HOST if deb.package.name.endswith(":amd64") else ARM64)
        folder.mkdir(parents=True, exist_ok=True)
        _run(["dpkg-deb", "--extract", str(apt.packages / deb.file), str(folder)])
    wheels.unpack(work / "wheels", made.tree / SITE)
    _lighten(made.tree)
    _make_machines(made.tree)
    step("starting it for the first time")
    _start(made)
    made.finish()
    shutil.rmtree(finished, ignore_errors=True)  # not whole, or of another version
    made.folder.rename(finished)
    shutil.rmtree(work, ignore_errors=True)


def _lighten(tree: Path) -> None:
    for name in _NOT_NEEDED:
        shutil.rmtree(tree / name, ignore_errors=True)
    for program in (tree / HOST / "usr/bin").iterdir():
        if program.name != "qemu-aarch64":
            program.unlink()


def _make_machines(tree: Path) -> None:
    """What the emulated programs see of the machine: QEMU looks there first, and in this machine's own files second."""
    for profile in PROFILES.values():
        machine = tree / profile.name
        cpus = machine / "sys/devices/system/cpu"
        cpus.mkdir(parents=True)
        (machine / "proc").mkdir()
        (machine / "proc/cpuinfo").write_text(profile.cpuinfo)
        for name in ("possible", "present"):
            (cpus / name).write_text("0\n")
        for name in ("lib", "usr"):
            (machine / name).symlink_to(Path("..") / ARM64 / name)


def _start(made: Sandbox) -> None:
    """Imports on every profile what the runtime will; Python keeps what it compiled, which is slow when emulated."""
    program = ["-c", "import numpy, ai_edge_litert.interpreter"]
    for profile in PROFILES.values():
        _run(**made.launch(profile, program, {"PYTHONDONTWRITEBYTECODE": ""}))


def _run(args: Sequence[str], env: dict[str, str] | None = None) -> None:
    done = subprocess.run(args, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise InputError(f"{Path(args[0]).name} failed: {lines[-1]}")
