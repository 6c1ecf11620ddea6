"""The converters and runtimes print to the process's own descriptors; here that text is kept from the user."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from mobile_robust.terminal import open_descriptors


@contextmanager
def quiet() -> Iterator[None]:
    """Drops what the block writes to stdout and stderr, native libraries included, and Python's warnings."""
    _flush()
    open_descriptors()
    saved = os.dup(1), os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            yield
    finally:
        _flush()
        for number, descriptor in enumerate(saved, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.close(nowhere)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by who started the process
            stream.flush()
