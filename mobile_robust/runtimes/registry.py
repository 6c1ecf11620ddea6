"""The runtimes of this package, found by the ``RUNTIMES`` constant of every module and folder beside this file.

Nothing here imports PyTorch, LiteRT or coremltools, so that a command line can name the runtimes quickly: the class of
a runtime is imported when one is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Literal

from mobile_robust.contracts.accelerators import ACCELERATORS
from mobile_robust.errors import InputError, unknown

if TYPE_CHECKING:
    from mobile_robust.contracts.targets import Target
    from mobile_robust.runtimes.base import Runtime, TimedRuntime

_PACKAGE = "mobile_robust.runtimes"


@dataclass(frozen=True)
class RuntimeInfo:
    """What is known of a runtime without importing it."""

    name: str
    target: Target
    #: What it asks for: "cpu", "gpu", "npu", or "all" where the system chooses.
    accelerator: str
    #: "module:name" of its :class:`Runtime`; of a check, a function of the artifact that returns its ``ParityResult``.
    implementation: str
    #: For ``--help``.
    description: str
    #: The distributions whose versions may change its outputs; the engine's own first.
    packages: tuple[str, ...] = ()
    #: Every build is verified with it; otherwise only where it is asked for by name.
    default: bool = True
    #: False: a check that reads the file and runs nothing.
    executes: bool = True
    #: Quick enough for hundreds of photos; the others are compared on the recipe's number of them.
    quick: bool = False
    #: ``bench host`` measures with it.
    timed: bool = False
    #: A timed session takes and gives float32 also where the file has uint8 or int8.
    quantizes: bool = False
    #: The precision the accelerator is asked to compute in; None: what the file says.
    arithmetic: Literal["fp32", "fp16"] | None = None
    #: A runtime whose outputs of an int8 file its own are compared with too.
    integer_against: str | None = None
    #: Those it compiles for: NAME:CHIP asks for one, NAME for the first.
    chips: tuple[str, ...] = ()
    #: The one that NAME:CHIP asks for.
    chip: str | None = None
    #: Why it is not made although every build is verified with it.
    skip: str | None = None

    def load(self) -> Any:
        module, _, name = self.implementation.partition(":")
        return getattr(import_module(module), name)

    def make(self) -> Runtime:
        """The runtime, if it executes."""
        return self.load()(self.chip) if self.chip else self.load()()

    def make_timed(self) -> TimedRuntime:
        """The runtime, if it is timed."""
        return self.load()()


@cache
def checks() -> Mapping[str, RuntimeInfo]:
    """Everything an artifact can be verified with, by name; those of every build first, and those that execute."""
    modules = sorted(module.name for module in iter_modules(import_module(_PACKAGE).__path__))
    found = [info for name in modules for info in getattr(import_module(f"{_PACKAGE}.{name}"), "RUNTIMES", ())]
    return {info.name: info for info in sorted(found, key=lambda info: (not info.default, not info.executes))}


def runtimes() -> Mapping[str, RuntimeInfo]:
    """The checks that execute a file."""
    return {name: info for name, info in checks().items() if info.executes}


def find(name: str) -> RuntimeInfo:
    """A check by its name, or by NAME:CHIP. Raises InputError where either is unknown."""
    known = checks()
    base, colon, chip = name.partition(":")
    if base not in known or (colon and not known[base].chips):
        raise unknown("runtime", name, known)
    if not colon:
        return known[base]
    if chip not in known[base].chips:
        raise unknown(f"chip of {base}", chip, known[base].chips)
    return replace(known[base], name=name, chip=chip)


def select(names: Iterable[str] | None) -> list[RuntimeInfo]:
    """The named checks, or those of every build. Raises InputError where a name is unknown."""
    return [find(name) for name in names or ()] or [info for info in checks().values() if info.default]


def select_for(accelerators: Sequence[str]) -> list[RuntimeInfo]:
    """The checks of every build, those marked as skipped that are of an accelerator which a recipe is not for."""
    skip = f"the recipe is for {' and '.join(accelerators)} only"
    foreign = set(ACCELERATORS).difference(accelerators)
    return [replace(info, skip=skip) if info.accelerator in foreign else info for info in select(None)]


def require(names: Iterable[str]) -> None:
    """Raises InputError, with the reason, where a runtime that was asked for by name cannot run here."""
    for name in names:
        info = find(name)
        reason = info.make().unavailable() if info.executes else None
        if reason:
            raise InputError(f"--runtime {name}: not available on this machine: {reason}")


def help_text() -> str:
    """One line a check, for the end of a ``--help``."""
    notes = {True: "", False: " (only where named)"}
    lines = []
    for info in checks().values():
        lines.append(f"  {info.name:16} {info.description}{notes[info.default]}")
        if info.chips:
            lines.append(f"  {'':16} {info.name}:CHIP, of {', '.join(sorted(info.chips))}; without: {info.chips[0]}")
    return "\n".join(lines)
