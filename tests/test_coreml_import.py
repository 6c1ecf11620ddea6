"""Importing coremltools: silent, without TensorFlow, and leaving no trace of the trick."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import logging, sys
from mobile_robust.coreml_import import import_coremltools
coremltools = import_coremltools()
assert coremltools is import_coremltools()
assert coremltools.converters.mil.frontend.milproto.load.load
assert not {"tensorflow", "transformers"} & set(sys.modules)
assert logging.root.manager.disable == logging.NOTSET
"""


@pytest.mark.slow
def test_imports_silently_and_without_tensorflow() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
