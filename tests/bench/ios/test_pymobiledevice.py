"""The fake library has the names and parameters of the real one, where that is installed."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import pytest

from tests.bench.ios.fake_pymobiledevice import ROOT, modules

MODULES = {name: contents for name, contents in modules([]).items() if contents}


@pytest.mark.parametrize("name", MODULES)
def test_the_real_library_has_what_the_fake_has(name: str) -> None:
    pytest.importorskip(ROOT)
    real = import_module(f"{ROOT}.{name}")
    for key, fake in MODULES[name].items():
        assert hasattr(real, key), key
        if isinstance(fake, type):
            same_class(fake, getattr(real, key))
        else:
            same_parameters(fake, getattr(real, key))


def same_class(fake: type, real: type) -> None:
    """What the fake calls an error of the library is one there too; what it defines takes the same parameters."""
    for base in fake.__mro__[1:]:
        if base.__module__ == "builtins" or base.__name__.startswith("_"):
            continue
        assert base.__name__ in [each.__name__ for each in real.__mro__], (fake, base)
    own = {name: value for name, value in vars(fake).items() if inspect.isroutine(value) and name[0] != "_"}
    for name, value in own.items():
        same_parameters(value, getattr(real, name))
    if not issubclass(fake, Exception) and "__init__" in vars(fake) and fake.__name__ == "PreferredRsdTunnel":
        same_parameters(fake.__init__, real.__init__)


def same_parameters(fake: Any, real: Any) -> None:
    fake, real = (inspect.unwrap(getattr(each, "__func__", each)) for each in (fake, real))
    ours, theirs = (set(inspect.signature(each).parameters) - {"cls", "self"} for each in (fake, real))
    assert ours <= theirs, fake
    assert inspect.iscoroutinefunction(fake) == inspect.iscoroutinefunction(real), fake
