"""The console script, and what every command shares: bad input ends with one message and exit code 2."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn

from mobile_robust import __version__
from mobile_robust.errors import InputError
from mobile_robust.methods.method import LazyImport
from mobile_robust.methods.registry import methods
from mobile_robust.options import refuse_long

#: Command -> the module of its ``main``, and one line of help. Methods bring further ones.
_COMMANDS = {
    "convert": ("export.cli", "build, verify and report TFLite and Core ML files from recipes"),
    "parity": ("parity.cli", "verify a built folder again, on any runtime of this machine"),
    "train": ("training.cli", "train a module for your backbone on a few hundred photos"),
    "evaluate": ("evaluation.cli", "accuracy of baselines, PyTorch pipelines and every artifact, clean and corrupted"),
    "bench": (
        "bench.cli",
        "latency of TFLite files on this host and Android phones; report over results of any device",
    ),
    "arm64": ("runtimes.emulator.cli", "set up (or remove) the sandbox that runs a phone's CPU kernels here"),
    "ablate": ("ablation.cli", "what each idea of a method is worth: trained with and without it"),
    "corrupt": ("corruptions.cli", "one labelled picture of a photo with every corruption at every level"),
}

Command = Callable[[list[str]], int]


def run(main: Command, arguments: list[str] | None = None) -> NoReturn:
    """Runs a command and leaves with its exit code; an :class:`InputError` becomes its message and code 2."""
    # PyTorch's threads otherwise spin while they wait, which slows a busy machine a hundredfold. Read when PyTorch is
    # imported, which every command does later than this.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    words = sys.argv[1:] if arguments is None else arguments
    try:
        _refuse_empty(words)
        refuse_long(words)
        code = main(words)
        sys.stdout.flush()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    except BrokenPipeError:  # the reader of our output has left (| head)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _refuse_empty(words: list[str]) -> None:
    """An empty value would be taken for none, or for the folder that the user is in."""
    for before, word in zip(["", *words], words, strict=False):
        if not word.strip():
            raise InputError(f"{before or 'the first argument'}: is empty; is a shell variable not set?")
        if word.startswith("--") and word.endswith("="):
            raise InputError(f"{word.removesuffix('=')}: is empty; is a shell variable not set?")


def commands() -> dict[str, tuple[LazyImport, str]]:
    """Command -> its ``main`` and one line of help."""
    found = {
        name: (LazyImport(f"mobile_robust.{module}:main"), summary) for name, (module, summary) in _COMMANDS.items()
    }
    for method in methods().values():
        found |= {name: (command.main, command.summary) for name, command in method.commands.items()}
    return found


def main() -> NoReturn:
    """``mobile-robust COMMAND …``: the same as ``python -m mobile_robust.COMMAND …``."""
    arguments, known = sys.argv[1:], commands()
    if not arguments or arguments[0] in ("-h", "--help"):
        lines = "\n".join(f"  {name:10} {summary}" for name, (_, summary) in known.items())
        print(f"usage: mobile-robust COMMAND …\n\ncommands:\n{lines}\n\nmobile-robust COMMAND --help says more.")
        sys.exit(0)
    if arguments[0] == "--version":
        print(f"mobile-robust {__version__}")
        sys.exit(0)
    if arguments[0] not in known:
        print(f"error: unknown command {arguments[0]!r}; known: {', '.join(known)}", file=sys.stderr)
        sys.exit(2)
    run_command(arguments[0], arguments[1:])


def run_command(name: str, arguments: list[str] | None = None) -> NoReturn:
    """Runs one of :func:`commands`."""
    run(commands()[name][0].load(), arguments)
