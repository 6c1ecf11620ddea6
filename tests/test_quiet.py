"""What the converters print, from Python or from native code, stays out of the user's terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import pytest

from mobile_robust.quiet import quiet

SCRIPT = """
import ctypes, os, sys, warnings
from mobile_robust.quiet import quiet
print("before")
with quiet():
    print("python")
    with quiet():
        os.write(2, b"descriptor")
    ctypes.CDLL(None).printf(b"native\\n")
    warnings.warn("careful")
print("after")
"""


def test_nothing_gets_through() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "before\nafter\n", "")


def test_an_exception_passes_and_output_and_warnings_are_back_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    before = sorted(os.listdir("/dev/fd"))

    @quiet()
    def fail() -> None:
        os.write(1, b"hidden")
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        fail()
    assert sorted(os.listdir("/dev/fd")) == before
    os.write(1, b"shown")
    assert capfd.readouterr().out == "shown"
    with pytest.warns(RuntimeWarning, match="shown"):
        warnings.warn("shown", RuntimeWarning, stacklevel=1)
