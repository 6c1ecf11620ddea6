"""The console script, and what every command shares: bad input ends with one message and exit code 2."""

from __future__ import annotations

import sys

# Nothing else is imported up here, nor by the files that start a command: Ctrl-C is caught from _leave() on only.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from mobile_robust.frame import Command
    from mobile_robust.methods.method import LazyImport

#: Command -> the module of its ``main``, and one line of help. Methods bring further ones.
_COMMANDS = {
    "new": ("new_recipe.cli", "write a recipe for your backbone, and say what was decided and why"),
    "layers": ("new_recipe.layers.cli", "the layers of a network where a module can go, and what it costs there"),
    "convert": ("export.cli", "build, verify and report TFLite and Core ML files from recipes"),
    "parity": ("parity.cli", "verify a built folder again, on any runtime of this machine"),
    "train": ("training.cli", "train a module for your backbone on a few hundred photos"),
    "evaluate": ("evaluation.cli", "accuracy of baselines, PyTorch pipelines and every artifact, clean and corrupted"),
    "restoration": ("restoration.cli", "PSNR, SSIM and feature distance of degraded and of repaired photos"),
    "predict": ("evaluation.predict.cli", "the classes of photos, clean and degraded, without the module and with it"),
    "bench": ("bench.cli", "latency on this host, on Android phones and iPhones; report over results of any device"),
    "demo": ("demo.cli", "a camera app for Android with a build's file, and a switch: with the module, without"),
    "arm64": ("runtimes.emulator.cli", "set up (or remove) the sandbox that runs a phone's CPU kernels here"),
    "npu": ("runtimes.snapdragon_npu.cli", "set up what compiles for a Snapdragon's NPU and emulates it here"),
    "ablate": ("ablation.cli", "what each idea of a method is worth: trained with and without it"),
    "corrupt": ("corruptions.cli", "one labelled picture of a photo with every corruption at every level"),
}


def main() -> NoReturn:
    """``mobile-robust COMMAND …``: the same as ``python -m mobile_robust COMMAND …``."""
    _leave(_chosen)


def run_command(name: str, arguments: list[str] | None = None) -> NoReturn:
    """Runs one of :func:`commands`."""
    _leave(lambda words: (_loaded(name), words), arguments)


def run(main: Command, arguments: list[str] | None = None) -> NoReturn:
    """Runs a command and leaves with its exit code."""
    _leave(lambda words: (main, words), arguments)


def _leave(load: Callable[[list[str]], tuple[Command, list[str]]], arguments: list[str] | None = None) -> NoReturn:
    """See :func:`mobile_robust.frame.exit_code`."""
    try:
        from mobile_robust.frame import exit_code

        code = exit_code(load, sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:  # during that import
        print("interrupted", file=sys.stderr)
        code = 130
    sys.exit(code)


def commands() -> dict[str, tuple[LazyImport, str]]:
    """Command -> its ``main`` and one line of help."""
    from mobile_robust.methods.method import LazyImport
    from mobile_robust.methods.registry import methods

    found = {
        name: (LazyImport(f"mobile_robust.{module}:main"), summary) for name, (module, summary) in _COMMANDS.items()
    }
    for method in methods().values():
        found |= {name: (command.main, command.summary) for name, command in method.commands.items()}
    return found


def _loaded(name: str) -> Command:
    command: Command = commands()[name][0].load()
    return command


def _chosen(words: list[str]) -> tuple[Command, list[str]]:
    """The command that the first word names, and its arguments."""
    from mobile_robust import __version__
    from mobile_robust.errors import InputError

    known = commands()
    if not words or words[0] in ("-h", "--help"):
        lines = "\n".join(f"  {name:11} {summary}" for name, (_, summary) in known.items())
        return _says(f"usage: mobile-robust COMMAND …\n\ncommands:\n{lines}\n\nmobile-robust COMMAND --help says more.")
    if words[0] == "--version":
        return _says(f"mobile-robust {__version__}")
    if words[0] not in known:
        raise InputError(f"unknown command {words[0]!r}; known: {', '.join(known)}")
    return _loaded(words[0]), words[1:]


def _says(text: str) -> tuple[Command, list[str]]:
    def command(words: list[str]) -> int:
        print(text)
        return 0

    return command, []
