"""An address of a running program as the name of a function."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from mobile_robust.bench.instructions.plugin import compiler
from mobile_robust.bench.instructions.symbols import MemoryMap, by_function, readable

SOURCE = "static int hidden(int x) { return x * 3; }\nint (*pointer(void))(int) { return hidden; }\n"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if compiler() is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("library")
    (folder / "a.c").write_text(SOURCE)
    subprocess.run([compiler(), "-shared", "-fPIC", folder / "a.c", "-o", folder / "liba.so"], check=True)
    return folder / "liba.so"


def test_a_function_that_is_not_exported_is_named(library: Path) -> None:
    loaded = ctypes.CDLL(str(library))
    loaded.pointer.restype = ctypes.c_void_p
    memory = MemoryMap(Path("/proc/self/maps").read_text())
    hidden, exported = loaded.pointer(), ctypes.cast(loaded.pointer, ctypes.c_void_p).value
    assert exported is not None
    assert (memory.name(hidden), memory.name(hidden + 3), memory.name(exported)) == ("hidden", "hidden", "pointer")
    assert by_function({hidden: 2, hidden + 3: 5, exported: 6}, memory) == {"hidden": 7, "pointer": 6}


def test_without_symbols_it_is_the_file(library: Path, tmp_path: Path) -> None:
    strip = shutil.which("strip")
    if strip is None:
        pytest.skip("no strip")
    bare = tmp_path / "bare.so"
    subprocess.run([strip, library, "-o", bare], check=True)
    address = ctypes.cast(ctypes.CDLL(str(bare)).pointer, ctypes.c_void_p).value
    assert address is not None
    memory = MemoryMap(Path("/proc/self/maps").read_text())
    assert memory.name(address) == "bare.so"
    assert memory.name(8) == "unknown"


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("xnn_compute_igemm", "xnn_compute_igemm"),
        (
            "_ZN6tflite13reference_ops21ResizeNearestNeighborIiEEvRKNS_12RuntimeShapeE",
            "tflite::reference_ops::ResizeNearestNeighbor",
        ),
        ("_ZNK6tflite8Subgraph4nodeEv", "tflite::Subgraph::node"),
        ("_ZSt9terminatev", "_ZSt9terminatev"),
    ],
)
def test_c_plus_plus_is_readable(symbol: str, name: str) -> None:
    assert readable(symbol) == name
