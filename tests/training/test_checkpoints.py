"""Checkpoints: what was written comes back, and a damaged one changes nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn

from mobile_robust.errors import InputError
from mobile_robust.training.checkpoints import Checkpoints


class SmallTask(nn.Linear):
    """The part of a task that checkpoints see."""

    def checkpoint_state(self) -> dict[str, torch.Tensor]:
        return dict(self.state_dict())

    def load_checkpoint_state(self, state: dict[str, torch.Tensor]) -> None:
        self.load_state_dict(state)


class Training:
    """A task of 20 numbers, its optimizer, and the checkpoints of ``out``."""

    def __init__(self, out: Path, seed: int, task: type[SmallTask] = SmallTask) -> None:
        torch.manual_seed(seed)
        self.task = task(4, 4)
        self.optimizer = torch.optim.Adam(self.task.parameters(), lr=0.1)
        self.task(torch.ones(1, 4)).sum().backward()
        self.optimizer.step()
        self.lines: list[str] = []
        self.checkpoints = Checkpoints(out, {"seed": 0}, self.lines.append)
        self.accelerator = SimpleNamespace(device="cpu", scaler=None, is_main_process=True)

    def arguments(self) -> tuple[Any, Any, Any, None]:
        return cast(Any, self.task), self.optimizer, cast(Any, self.accelerator), None

    def numbers(self) -> list[torch.Tensor]:
        moments = [value for entry in self.optimizer.state_dict()["state"].values() for value in entry.values()]
        return [tensor.clone() for tensor in (*self.task.state_dict().values(), *moments)]


def same(left: list[torch.Tensor], right: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "w.safetensors"


def test_a_checkpoint_comes_back(out: Path) -> None:
    first, second = Training(out, 1), Training(out, 2)
    assert second.checkpoints.load(*second.arguments()) == 0
    first.checkpoints.save(100, *first.arguments())
    assert second.checkpoints.load(*second.arguments()) == 100
    assert same(first.numbers(), second.numbers())
    assert second.lines == ["resuming from step 100 (step-000100.checkpoint)"]


def test_no_damage_is_taken_for_a_checkpoint(out: Path) -> None:
    """Bits flipped one at a time, bytes replaced, and files cut short: 300 of them, all found out."""
    written, resumed = Training(out, 1), Training(out, 2)
    written.checkpoints.save(100, *written.arguments())
    path = written.checkpoints.folder / "step-000100.checkpoint"
    whole, before = path.read_bytes(), resumed.numbers()
    random = np.random.default_rng(0)
    for kind in range(300):
        damaged = bytearray(whole)
        place = int(random.integers(len(whole)))
        if kind % 3 == 0:
            damaged = damaged[:place]
        elif kind % 3 == 1:
            damaged[place] ^= 1 << int(random.integers(8))
        else:
            damaged[place : place + 8] = random.bytes(9)
        path.write_bytes(damaged)
        assert resumed.checkpoints.load(*resumed.arguments()) == 0
        assert "broken checkpoint, kept as step-000100.broken" in resumed.lines[-1]
        assert not path.exists() and same(resumed.numbers(), before)


def test_one_of_another_version_ends_the_training(out: Path) -> None:
    class Renamed(SmallTask):
        def checkpoint_state(self) -> dict[str, torch.Tensor]:
            return {f"new_{name}": tensor for name, tensor in self.state_dict().items()}

    other, resumed = Training(out, 1, Renamed), Training(out, 2)
    other.checkpoints.save(100, *other.arguments())
    with pytest.raises(InputError, match=r"step-000100\.checkpoint: of another version .*; delete .*\.checkpoints, or"):
        resumed.checkpoints.load(*resumed.arguments())
    assert len(list(other.checkpoints.folder.iterdir())) == 1
