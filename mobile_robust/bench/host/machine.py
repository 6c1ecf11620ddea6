"""What this machine is, and how warm and fast it is now: from /proc and /sys, on a Mac from sysctl; what a machine does
not tell is None."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

from mobile_robust.contracts.result import Cpu, Device, State

_CPUS = "sys/devices/system/cpu"


def describe(root: Path = Path("/")) -> Device:
    """This machine. ``root`` is where ``proc`` and ``sys`` are."""
    names = re.search(r"^(?:model name|Model|Hardware)\s*:\s*(.+)$", _text(root / "proc/cpuinfo") or "", re.MULTILINE)
    mac = platform.mac_ver()[0]
    name = names[1].strip() if names else _sysctl("machdep.cpu.brand_string") if mac else None
    return Device(
        name=name or platform.processor() or platform.machine(),
        model=_text(root / "sys/devices/virtual/dmi/id/product_name") or (_sysctl("hw.model") if mac else None),
        os=f"macOS {mac}" if mac else f"{platform.system()} {platform.release()}",
        abi=platform.machine(),
        cpus=tuple(Cpu(index=i, max_khz=_frequency(root, i, "cpuinfo_max_freq")) for i in _indices(root)),
        memory_bytes=_number(_sysctl("hw.memsize")) if mac else _kilobytes(root / "proc/meminfo", "MemTotal"),
    )


def state(root: Path = Path("/")) -> State:
    """This machine now. ``root`` is where ``proc`` and ``sys`` are."""
    load = _text(root / "proc/loadavg")
    supplies = sorted((root / "sys/class/power_supply").glob("*"))
    battery = next((supply for supply in supplies if _text(supply / "type") == "Battery"), root / "no battery")
    tenths, status = _number(_text(battery / "temp")), _text(battery / "status")
    return State(
        temperatures_mc=_temperatures(root),
        cpu_khz=tuple(_frequency(root, i, "scaling_cur_freq") for i in _indices(root)),
        battery_percent=_number(_text(battery / "capacity")),
        battery_mc=None if tenths is None else 100 * tenths,  # the kernel gives tenths of a degree
        charging=None if status in (None, "Unknown") else status in ("Charging", "Full"),
        load=float(load.split()[0]) if load else None,
    )


def resident_bytes() -> int | None:
    """Memory of this process that is in RAM."""
    return _kilobytes(Path("/proc/self/status"), "VmRSS")


def peak_resident_bytes() -> int | None:
    """The most it ever was, or was since :func:`forget_peak`."""
    return _kilobytes(Path("/proc/self/status"), "VmHWM")


def forget_peak() -> bool:
    """Lets the peak begin anew; False where that is not possible (Linux only)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def allowed_cpus() -> list[int] | None:
    """Indices of the cores this process may use; None where a process cannot be kept on some."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def fastest_cpus(count: int, root: Path = Path("/")) -> list[int] | None:
    """The cores to measure on, one a thread: those of the highest frequency, of equal ones the last.

    The first core answers most interrupts. None where cores cannot be chosen or are too few.
    """
    allowed = allowed_cpus()
    if allowed is None or len(allowed) < count:
        return None
    ranked = sorted(allowed, key=lambda i: (_frequency(root, i, "cpuinfo_max_freq") or 0, i))
    return sorted(ranked[-count:])


def _indices(root: Path) -> list[int]:
    found = [int(path.name[3:]) for path in (root / _CPUS).glob("cpu[0-9]*") if path.name[3:].isdecimal()]
    return sorted(found) or list(range(os.cpu_count() or 1))


def _frequency(root: Path, index: int, name: str) -> int | None:
    """In kHz."""
    return _number(_text(root / _CPUS / f"cpu{index}/cpufreq/{name}"))


def _temperatures(root: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        if (value := _number(_text(zone / "temp"))) is not None:
            kind = _text(zone / "type") or zone.name
            found[kind if kind not in found else f"{kind} ({zone.name})"] = value
    return found


def _kilobytes(path: Path, key: str) -> int | None:
    """A line "KEY: NUMBER kB" of a file of /proc, in bytes."""
    found = re.search(rf"^{key}:\s*(\d+) kB$", _text(path) or "", re.MULTILINE)
    return 1024 * int(found[1]) if found else None


def _sysctl(name: str) -> str | None:
    """What a Mac tells under a name, such as "Apple M2"."""
    try:
        done = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"-?\d+", text) else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:  # also where the driver behind the file has nothing to say
        return None
