"""What the kernel tells is read in its units; what it does not tell is None."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from mobile_robust.bench.host import machine as device

FILES = {
    "proc/cpuinfo": "processor : 0\nmodel name\t: Some Core @ 2 GHz\n",
    "proc/meminfo": "MemTotal:  8000 kB\nMemFree: 1 kB\n",
    "proc/loadavg": "0.52 0.58 0.59 1/100 5\n",
    "sys/devices/virtual/dmi/id/product_name": "Book 7\n",
    "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "1800000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "900000\n",
    "sys/devices/system/cpu/cpu1/cpufreq/cpuinfo_max_freq": "2400000\n",
    "sys/devices/system/cpu/cpufreq/boost": "1\n",
    "sys/class/thermal/thermal_zone0/type": "x86_pkg_temp\n",
    "sys/class/thermal/thermal_zone0/temp": "45000\n",
    "sys/class/thermal/thermal_zone1/type": "x86_pkg_temp\n",
    "sys/class/thermal/thermal_zone1/temp": "-1000\n",
    "sys/class/power_supply/AC/type": "Mains\n",
    "sys/class/power_supply/BAT0/type": "Battery\n",
    "sys/class/power_supply/BAT0/capacity": "87\n",
    "sys/class/power_supply/BAT0/temp": "312\n",
    "sys/class/power_supply/BAT0/status": "Discharging\n",
}


def machine(root: Path) -> Path:
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_all_that_the_kernel_tells(tmp_path: Path) -> None:
    found, now = device.describe(machine(tmp_path)), device.state(tmp_path)
    assert (found.name, found.model, found.memory_bytes) == ("Some Core @ 2 GHz", "Book 7", 8_192_000)
    assert [(cpu.index, cpu.max_khz) for cpu in found.cpus] == [(0, 1_800_000), (1, 2_400_000)]
    assert now.cpu_khz == (900_000, None) and now.load == 0.52
    assert now.temperatures_mc == {"x86_pkg_temp": 45_000, "x86_pkg_temp (thermal_zone1)": -1000}
    assert (now.battery_percent, now.battery_mc, now.charging) == (87, 31_200, False)


def test_what_it_does_not_tell_is_none(tmp_path: Path) -> None:
    found, now = device.describe(tmp_path), device.state(tmp_path)
    assert found.name and len(found.cpus) == os.cpu_count() and found.memory_bytes is None
    assert (now.temperatures_mc, now.battery_percent, now.charging, now.load) == ({}, None, None, None)


def test_the_fastest_cores_are_chosen_the_last_of_equal_ones(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(device, "allowed_cpus", lambda: [0, 1, 2, 3])
    for index, khz in enumerate((3, 2, 3, 1)):
        path = tmp_path / f"sys/devices/system/cpu/cpu{index}/cpufreq/cpuinfo_max_freq"
        path.parent.mkdir(parents=True)
        path.write_text(str(khz))
    assert device.fastest_cpus(1, tmp_path) == [2]
    assert device.fastest_cpus(3, tmp_path) == [0, 1, 2]
    assert device.fastest_cpus(5, tmp_path) is None
    monkeypatch.setattr(device, "allowed_cpus", lambda: None)
    assert device.fastest_cpus(1, tmp_path) is None


def test_memory_of_this_process() -> None:
    if not device.forget_peak():
        return  # no Linux
    before = device.peak_resident_bytes()
    block = mmap.mmap(-1, 64 << 20)  # no memory that the process has held before
    for start in range(0, len(block), mmap.PAGESIZE):
        block[start] = 1
    after = device.peak_resident_bytes()
    assert before and after and after - before >= len(block) * 0.9
    assert (device.resident_bytes() or 0) <= after


def test_a_mac_is_called_by_its_chip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sysctl = tmp_path / "sysctl"
    sysctl.write_text(
        "#!/bin/sh\ncase $2 in machdep.cpu.brand_string) echo Apple M2;; hw.model) echo Mac14,2;; "
        "hw.memsize) echo 17179869184;; *) exit 1;; esac\n"
    )
    sysctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(device.platform, "mac_ver", lambda: ("14.5", ("", "", ""), "arm64"))
    found = device.describe(tmp_path / "nothing")
    assert (found.name, found.model, found.os, found.memory_bytes) == ("Apple M2", "Mac14,2", "macOS 14.5", 2**34)
    sysctl.unlink()
    assert device.describe(tmp_path / "nothing").memory_bytes is None
