"""The console script, and what every command shares: bad input ends with one message and exit code 2."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn

from mobile_robust import __version__
from mobile_robust.errors import InputError

COMMANDS = {
    "convert": "build, prove and report TFLite and Core ML files from recipes",
    "parity": "prove a built folder again, on any runtime of this machine",
    "train": "train a module for your backbone on a few hundred photos",
    "evaluate": "accuracy of backbones, PyTorch systems and every artifact, clean and corrupted",
    "bench": "latency of TFLite files on this host and on Android phones, and the report over results of any device",
    "arm64": "set up (or remove) the sandbox that runs a phone's CPU kernels on this machine",
    "ablate": "what each idea of a method is worth: trained with and without it",
    "rank": "which filters suffer most from a corruption (for DeepCorrect)",
    "corrupt": "one labelled picture of a photo with every corruption at every level",
}

#: Command -> the module of its ``main``, where that is not ``COMMAND.cli``.
_MODULES = {
    "arm64": "runtimes.emulator.cli",
    "corrupt": "corruptions.cli",
    "rank": "methods.deepcorrect.rank.cli",
}

Command = Callable[[list[str]], int]


def run(main: Command, arguments: list[str] | None = None) -> NoReturn:
    """Runs a command and leaves with its exit code; an :class:`InputError` becomes its message and code 2."""
    # PyTorch's threads otherwise spin while they wait, which slows a busy machine a hundredfold. Read when PyTorch is
    # imported, which every command does later than this.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        code = main(sys.argv[1:] if arguments is None else arguments)
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


def main() -> NoReturn:
    """``mobile-robust COMMAND …``: the same as ``python -m mobile_robust.COMMAND …``."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        lines = "\n".join(f"  {name:10} {what}" for name, what in COMMANDS.items())
        print(f"usage: mobile-robust COMMAND …\n\ncommands:\n{lines}\n\nmobile-robust COMMAND --help says more.")
        sys.exit(0)
    if arguments[0] == "--version":
        print(f"mobile-robust {__version__}")
        sys.exit(0)
    if arguments[0] not in COMMANDS:
        print(f"error: unknown command {arguments[0]!r}; known: {', '.join(COMMANDS)}", file=sys.stderr)
        sys.exit(2)
    run_command(arguments[0], arguments[1:])


def run_command(name: str, arguments: list[str] | None = None) -> NoReturn:
    """Runs one of :data:`COMMANDS`."""
    module = _MODULES.get(name, f"{name}.cli")
    run(import_module(f"mobile_robust.{module}").main, arguments)
