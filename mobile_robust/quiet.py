"""The converters and runtimes print to the process's own descriptors; here that text is caught, and kept for errors."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class Captured:
    """What was printed, after the block has ended."""

    text = ""


@contextmanager
def quiet() -> Iterator[Captured]:
    """Catches everything the block writes to stdout and stderr, native libraries included, and Python's warnings.

    Yields:
        Holder whose ``text`` is filled when the block ends, also by an exception.
    """
    captured = Captured()
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as sink, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
        try:
            yield captured
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, descriptor in enumerate(saved, start=1):
                os.dup2(descriptor, number)
                os.close(descriptor)
            sink.seek(0)
            captured.text = sink.read().decode(errors="replace")
