"""The directions in which the rooms may see each other (docs/architecture.md). Imports inside functions count too."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import mobile_robust

PACKAGE = Path(mobile_robust.__file__).parent

#: Every room and file at the top, in the order of the way of the data: each sees those above it only.
ORDER = (
    ("errors", "terminal", "stop_signals"),
    ("quiet", "frame"),
    ("files", "documents"),
    ("contracts",),
    ("model_flags", "state_dicts", "coreml_import"),
    ("reporting",),
    ("data",),
    ("training_record",),
    ("options",),
    ("corruptions",),
    ("layers",),
    ("backbones",),
    ("methods",),
    ("recipes",),
    ("pipelines",),
    ("tflite",),
    ("runtimes",),
    ("parity",),
    ("export",),
    ("new_recipe",),
    ("training",),
    ("evaluation",),
    ("restoration",),
    ("ablation",),
    ("bench",),
    ("demo",),
    ("__init__",),
    ("cli",),
    ("__main__", "convert", "train", "evaluate", "ablate", "rank", "corrupt", "arm64", "npu"),
)
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}
#: Commands sit on top of their room: they may see the console script's frame, and nothing imports them.
COMMANDS = ("cli", "__main__")


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def modules() -> dict[str, Path]:
    """Dotted name -> file."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)] = path
    return found


def imports(path: Path) -> set[str]:
    """The project's modules that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names if alias.name != "__version__"]
            found |= {name if name in MODULES else node.module for name in names}
    return {name for name in found if name.partition(".")[0] == "mobile_robust"}


MODULES = modules()
#: Dotted name -> the modules that it imports.
IMPORTS = {name: imports(path) for name, path in MODULES.items()}
PAIRS = [(name, other) for name, others in IMPORTS.items() for other in sorted(others)]


def is_in(name: str, *rooms: str) -> bool:
    return any(f"{name}.".startswith(f"mobile_robust.{room}.") for room in rooms)


def test_every_room_has_its_place_in_the_order() -> None:
    assert {room(name) for name in MODULES} == set(RANK)


def test_no_arrow_runs_back_and_commands_are_imported_by_nobody() -> None:
    assert not [
        f"{name} imports {other}"
        for name, other in PAIRS
        if name.rpartition(".")[2] not in COMMANDS
        and (RANK[room(other)] > RANK[room(name)] or (other.endswith(".cli") and not is_in(name, *ORDER[-1])))
    ]


@pytest.mark.parametrize(
    ("seer", "unseen"),
    [
        ("bench.device", "bench.android"),  # a session is the same on any platform
        ("bench.device", "bench.ios"),
        ("bench.ios", "bench.android"),
        ("bench.android", "bench.ios"),
        ("bench", "training"),
        ("bench", "evaluation"),
        ("export", "bench"),
        ("methods", "export"),
    ],
)
def test_what_a_room_knows_nothing_of(seer: str, unseen: str) -> None:
    assert any(is_in(name, seer) for name in MODULES)
    assert not [f"{name} imports {other}" for name, other in PAIRS if is_in(name, seer) and is_in(other, unseen)]
