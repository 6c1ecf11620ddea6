"""The memory of a training step is kept for the next one."""

from __future__ import annotations

import ctypes

#: glibc's parameters, see mallopt(3): so many bytes at the end of the heap stay when they are freed, and whatever is no
#: larger lies in the heap.
_M_TRIM_THRESHOLD, _TRIM_THRESHOLD = -1, 2**31 - 1
_M_MMAP_THRESHOLD, _MMAP_THRESHOLD = -3, 2**30


def keep_freed_memory() -> None:
    """From now on this process keeps what it frees. glibc gives large tensors back to the system, which clears every
    page before it gives it out again: a tenth of a step on a CPU. Other C libraries are left as they are."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library; Windows has no library without a name
        return
    mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD)
    mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD)
