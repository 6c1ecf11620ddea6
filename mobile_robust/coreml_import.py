"""The one way coremltools is imported: late, without TensorFlow, and without its noise."""

from __future__ import annotations

import functools
import logging
import sys
import warnings
from types import ModuleType


@functools.cache
def import_coremltools() -> ModuleType:
    """coremltools, imported on the first call (about 3 s).

    coremltools imports TensorFlow where it is installed, and PyTorch then crashes on TensorFlow's libraries; it imports
    Transformers only to learn whether it is there, which takes a second. So both are hidden while coremltools is
    imported, unless they are loaded already. Hidden too are the import's warnings: untested versions of PyTorch and
    scikit-learn, and native proxies that exist only on macOS.
    """
    hidden = [name for name in ("tensorflow", "transformers") if name not in sys.modules]
    level = logging.root.manager.disable
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # None: Python's own mark for "do not import"
    logging.disable(max(level, logging.WARNING))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import coremltools
            import coremltools.converters.mil.frontend.milproto.load
    finally:
        logging.disable(level)
        for name in hidden:
            sys.modules.pop(name, None)
    return coremltools
