"""What every runtime must be: found by itself, and named without being imported."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

from mobile_robust.errors import InputError
from mobile_robust.runtimes.base import Runtime, TimedRuntime
from mobile_robust.runtimes.litert_cpu import LitertCpu
from mobile_robust.runtimes.registry import checks, find, help_text, require, runtimes, select


def test_all_are_found_those_of_every_build_first() -> None:
    default = ["coreml_device", "coreml_mil", "litert_cpu", "litert_gpu", "gpu_delegate_ops"]
    units = ["coreml_cpu", "coreml_gpu", "coreml_npu"]
    assert list(checks()) == [*default, *units, "litert_arm64", "litert_armv9", "snapdragon_npu"]
    assert [info.name for info in select(None)] == default
    assert set(checks()) - set(runtimes()) == {"gpu_delegate_ops"}


@pytest.mark.parametrize("name", runtimes())
def test_an_entry_is_of_its_implementation(name: str) -> None:
    info = runtimes()[name]
    runtime = info.make()
    assert isinstance(runtime, Runtime) and runtime.info is info
    assert isinstance(runtime, TimedRuntime) == info.timed
    reason = runtime.unavailable()
    assert reason or all(version(package) for package in info.packages)


def test_names_are_checked() -> None:
    assert [info.name for info in select(["litert_gpu", "litert_cpu"])] == ["litert_gpu", "litert_cpu"]
    with pytest.raises(InputError, match="unknown runtime 'litert'; known: coreml_cpu, coreml_device, "):
        select(["litert_cpu", "litert"])


def test_a_chip_is_chosen_by_name() -> None:
    (info,) = select(["snapdragon_npu:SM8750"])
    assert (info.name, info.chip, info.target) == ("snapdragon_npu:SM8750", "SM8750", "tflite")
    assert find("snapdragon_npu").chip is None
    with pytest.raises(InputError, match=r"unknown chip of snapdragon_npu 'SM8250'; known: SA8255, .*SM8850"):
        find("snapdragon_npu:SM8250")
    with pytest.raises(InputError, match="unknown runtime 'litert_cpu:SM8750'; known: "):
        find("litert_cpu:SM8750")


def test_one_that_cannot_run_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LitertCpu, "unavailable", lambda self: "not here")
    require(["gpu_delegate_ops"])
    with pytest.raises(InputError, match="--runtime litert_cpu: not available on this machine: not here"):
        require(["gpu_delegate_ops", "litert_cpu"])


def test_the_help_is_made_without_the_engines() -> None:
    code = (
        "import sys; from mobile_robust.runtimes.registry import help_text; help_text();"
        "print([name for name in ('torch', 'ai_edge_litert', 'coremltools') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert all(name in help_text() for name in checks())
