"""The committed table: what has grown fails, what has not passes, and nothing else of it is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobile_robust.bench.instructions import table
from mobile_robust.errors import InputError

COMMITTED = Path(table.__file__).with_name("counts.json")


def count(total: int = 1000, name: str = "a_int8.tflite") -> list[tuple[str, table.InstructionCount]]:
    kernels = {"xnn_gemm": total - 205, "xnn_add": 200, "tiny": 5}
    return [(name, table.InstructionCount(total=total, kernels=kernels, versions={"ai-edge-litert": "2.3.0"}))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    table.update(tmp_path / "counts.json", count() + count(2000, "b.tflite"), "armv9")
    return tmp_path / "counts.json"


def failure(path: Path, now: list[tuple[str, table.InstructionCount]], profile: str = "armv9") -> str | None:
    (change,) = table.compare(now, table.read(path), profile)
    return change.failure


@pytest.mark.parametrize("total", [1000, 1020, 500])
def test_within_two_percent_or_less_passes(path: Path, total: int) -> None:
    assert failure(path, count(total)) is None


def test_more_fails_and_says_where(path: Path) -> None:
    said = failure(path, count(1021))
    assert said is not None
    assert said.startswith("a_int8.tflite: 1000 instructions have become 1021, +2.1%, allowed +2%; ")
    assert "most of it in xnn_gemm: 795 -> 816; the table's was counted with ai-edge-litert 2.3.0" in said


def test_what_is_not_in_the_table_fails(path: Path) -> None:
    assert failure(path, count(1, "new.tflite")) == "new.tflite: not in the table"
    assert failure(path, count(), "snapdragon-865") == "a_int8.tflite: not in the table"


def test_an_update_leaves_the_other_rows(path: Path) -> None:
    table.update(path, count(3000), "armv9")
    table.update(path, count(7000), "snapdragon-865")
    rows = {
        profile: {name: row.total for name, row in rows.items()} for profile, rows in table.read(path).profiles.items()
    }
    assert rows == {"armv9": {"a_int8.tflite": 3000, "b.tflite": 2000}, "snapdragon-865": {"a_int8.tflite": 7000}}


def test_small_kernels_are_one_entry_and_nothing_is_lost(path: Path) -> None:
    row = table.read(path).profiles["armv9"]["a_int8.tflite"]
    assert row.kernels == {"xnn_gemm": 795, "xnn_add": 200, "the rest": 5}


@pytest.mark.parametrize(
    "text", ["", "{", '{"profiles": {"armv9": {"a": {"total": 0, "kernels": {}, "versions": {}}}}}']
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "counts.json"
    with pytest.raises(InputError, match=r"counts\.json: cannot be read: No such file.*--update"):
        table.read(path)
    path.write_text(text)
    with pytest.raises(InputError, match=r"counts\.json: not a table of counts: "):
        table.read(path)
    with pytest.raises(InputError, match=r"counts\.json: not a table of counts: "):
        table.update(path, count(), "armv9")
    assert path.read_text() == text


def test_the_committed_table_has_a_component_of_each_method_and_a_pipeline() -> None:
    from mobile_robust.recipes import load_recipe
    from mobile_robust.runtimes.emulator.profiles import PROFILES

    names = ("afd_mobilenetv2", "deepcorrect_alexnet_bottleneck", "sympie_224", "film_afd_mobilenetv2_mixed_pipeline")
    wanted = {f"{name}_{precision}.tflite" for name in names for precision in load_recipe(name).artifacts.tflite}
    committed = table.read(COMMITTED).profiles
    assert set(committed) == set(PROFILES)
    for rows in committed.values():
        assert set(rows) == wanted
        assert all(sum(row.kernels.values()) == row.total for row in rows.values())
