"""Freed memory is kept: using it again costs no page faults."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

#: Allocates 64 MiB again and again; prints how many of its pages the system gave out.
_SCRIPT = """
import resource, sys
import torch
from mobile_robust.training.memory import keep_freed_memory

if "keep" in sys.argv:
    keep_freed_memory()
for _ in range(16):
    torch.ones(2**24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    torch.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(*words: str) -> int:
    return int(subprocess.run([sys.executable, "-c", _SCRIPT, *words], capture_output=True, check=True).stdout)


@pytest.mark.slow
# elsewhere, as on macOS, keep_freed_memory does nothing that page faults could show
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt's parameters are those of glibc")
def test_memory_that_was_freed_is_used_again() -> None:
    assert page_faults("keep") < 1000 < page_faults()
