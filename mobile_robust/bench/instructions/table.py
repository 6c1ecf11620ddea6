"""The table of counts that a repository keeps, and what has grown since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from mobile_robust.documents import read_model
from mobile_robust.errors import InputError
from mobile_robust.files import write_output

#: A count may grow by this fraction before the table has to be updated.
ALLOWED_GROWTH = 0.02
#: Kernels below this fraction of the whole are one entry.
_LEAST_SHARE = 0.01
_REST = "the rest"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InstructionCount(_Strict):
    """One artifact: executed instructions of a warm inference in one thread, the same by kernel, and with what."""

    total: int = Field(gt=0)
    kernels: dict[str, int]
    versions: dict[str, str]


class CountTable(_Strict):
    """The whole table."""

    profiles: dict[str, dict[str, InstructionCount]] = Field(description="profile -> artifact -> count")


@dataclass(frozen=True)
class Change:
    """The count of an artifact against the table's. ``before`` is None of an artifact that the table lacks."""

    artifact: str
    now: InstructionCount
    before: InstructionCount | None

    @property
    def growth(self) -> float | None:
        """As a fraction; negative where it shrank."""
        return None if self.before is None else self.now.total / self.before.total - 1

    @property
    def failure(self) -> str | None:
        """A sentence where the table has to be updated."""
        if self.before is None:
            return f"{self.artifact}: not in the table"
        if self.now.total <= self.before.total * (1 + ALLOWED_GROWTH):
            return None
        now, old = _large(self.now), self.before.kernels
        most = max(now, key=lambda name: now[name] - old.get(name, 0))
        return (
            f"{self.artifact}: {self.before.total} instructions have become {self.now.total}, {self.growth:+.1%}, "
            f"allowed {ALLOWED_GROWTH:+.0%}; most of it in {most}: {old.get(most, 0)} -> {now[most]}; "
            f"the table's was counted with {versions_text(self.before.versions)}"
        )


def versions_text(versions: Mapping[str, str]) -> str:
    """As people read them."""
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _large(row: InstructionCount) -> dict[str, int]:
    """The kernels as the table keeps them."""
    large = {name: n for name, n in row.kernels.items() if n >= _LEAST_SHARE * row.total}
    rest = row.total - sum(large.values())
    return {**large, _REST: rest} if rest else large


def read(path: Path) -> CountTable:
    """Reads a table.

    Raises:
        InputError: There is none, or it is none.
    """
    if not path.exists():
        raise InputError(f"{path}: cannot be read: No such file or directory; --update makes one")
    return read_model(path, CountTable, "a table of counts")


def compare(counts: Iterable[tuple[str, InstructionCount]], table: CountTable, profile: str) -> list[Change]:
    """Every artifact's count beside the table's."""
    rows = table.profiles.get(profile, {})
    return [Change(artifact, count, rows.get(artifact)) for artifact, count in counts]


def update(path: Path, counts: Iterable[tuple[str, InstructionCount]], profile: str) -> None:
    """Puts counts into a table, which is made where it is missing; its other rows stay.

    Raises:
        InputError: The file is no table, or cannot be written.
    """
    profiles = read(path).profiles if path.exists() else {}
    new = {artifact: row.model_copy(update={"kernels": _large(row)}) for artifact, row in counts}
    profiles[profile] = dict(sorted({**profiles.get(profile, {}), **new}.items()))
    table = CountTable(profiles=dict(sorted(profiles.items())))
    write_output(path, table.model_dump_json(indent=2) + "\n")
