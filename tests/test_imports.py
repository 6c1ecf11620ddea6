"""The directions in which the rooms may see each other (docs/architecture.md). Imports inside functions count too."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import mobile_robust

PACKAGE = Path(mobile_robust.__file__).parent

#: Every room and file at the top, in the order of the way of the data: each sees those above it only.
ORDER = (
    ("errors", "quiet"),
    ("files",),
    ("contracts",),
    ("model_flags", "state_dicts", "coreml_import"),
    ("reporting",),
    ("data",),
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
    ("training",),
    ("evaluation",),
    ("ablation",),
    ("bench",),
    ("__init__",),
    ("cli",),
    ("__main__", "convert", "train", "evaluate", "ablate", "rank", "corrupt", "arm64"),
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


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """The project's modules that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [alias.name for alias in node.names if alias.name != "__version__"]
            found |= {path if (path := f"{node.module}.{name}") in known else node.module for name in names}
    return {name for name in found if name.partition(".")[0] == "mobile_robust"}


KNOWN = modules()


def test_every_room_has_its_place_in_the_order() -> None:
    assert {room(name) for name in KNOWN} == set(RANK)


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_no_arrow_runs_back(name: str) -> None:
    if name.rpartition(".")[2] in COMMANDS:
        return
    back = [other for other in imports(KNOWN[name], KNOWN) if RANK[room(other)] > RANK[room(name)]]
    assert not back, f"{name} imports {back}"


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_commands_are_imported_by_nobody(name: str) -> None:
    seen = [other for other in imports(KNOWN[name], KNOWN) if other.rpartition(".")[2] == "cli"]
    mine = name.rpartition(".")[2] in (*COMMANDS, *ORDER[-1])
    assert mine or not seen, f"{name} imports {seen}"


@pytest.mark.parametrize(
    ("seer", "unseen"),
    [
        ("bench.device", "bench.android"),  # an iPhone's transport needs nothing of Android
        ("bench", "training"),
        ("bench", "evaluation"),
        ("export", "bench"),
        ("methods", "export"),
    ],
)
def test_what_a_room_knows_nothing_of(seer: str, unseen: str) -> None:
    inside = [name for name in KNOWN if f"{name}.".startswith(f"mobile_robust.{seer}.")]
    assert inside
    for name in inside:
        wrong = [other for other in imports(KNOWN[name], KNOWN) if f"{other}.".startswith(f"mobile_robust.{unseen}.")]
        assert not wrong, f"{name} imports {wrong}"
