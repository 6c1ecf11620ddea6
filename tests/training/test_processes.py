"""Two processes, started by Accelerate, train as one does with the whole batch, also after one of them has died."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mobile_robust.training.cli import main
from tests.methods.training import train_words
from tests.shared import wait_until

pytestmark = pytest.mark.slow

#: Of the losses of two processes, relative to those of one: rounding differs, and Adam magnifies it.
TOLERANCE = 1e-4


def launch(*words: object, processes: int = 2) -> subprocess.Popen:
    accelerate = f"-m accelerate.commands.launch --multi_gpu --num_processes {processes} --num_machines 1"
    accelerate += " --mixed_precision no --dynamo_backend no --main_process_port 0"  # any that is free
    command = [sys.executable, *accelerate.split(), *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def losses(out: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in out.with_suffix(".jsonl").read_text().splitlines()]


def second_process(out: Path) -> int | None:
    """Of the processes that train ``out`` the one with the number 1."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            of_it = str(out).encode() in (folder / "cmdline").read_bytes()
            if of_it and b"LOCAL_RANK=1" in (folder / "environ").read_bytes().split(b"\0"):
                return int(folder.name)
        except OSError:  # it has just ended
            continue
    return None


def test_two_learn_as_one_does(recipes: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    more, paths = ("--steps", 6, "--validation", 0), json.dumps({name: str(path) for name, path in recipes.items()})
    together = launch("-m", "tests.training.several", paths, photos, tmp_path, *more)
    _, errors = together.communicate(timeout=600)
    assert together.returncode == 0, errors
    for method in recipes:
        alone = tmp_path / "alone" / f"{method}.safetensors"
        alone.parent.mkdir(exist_ok=True)
        assert main(train_words(recipes, photos, alone, method, *more)) == 0
        found = tmp_path / alone.name
        assert losses(found) == pytest.approx(losses(alone), rel=TOLERANCE) and len(losses(found)) == 6
        assert "2 processes of 1 CPU threads" in found.with_suffix(".md").read_text()


def test_one_dies_and_the_next_two_resume(recipes: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    more = ("--steps", 60, "--checkpoint-every", 2)
    alone, out = tmp_path / "alone.safetensors", tmp_path / "w.safetensors"
    words = ["-m", "mobile_robust.train", *train_words(recipes, photos, out, "afd", *more)]
    first = launch(*words)
    folder = tmp_path / "w.safetensors.checkpoints"
    wait_until(lambda: any(folder.glob("step-*.checkpoint")), first)
    dying = second_process(out)
    assert dying
    os.kill(dying, signal.SIGKILL)
    first.communicate(timeout=120)
    assert first.returncode != 0 and not out.exists() and any(folder.glob("step-*.checkpoint"))
    _, errors = launch(*words).communicate(timeout=600)
    assert "resuming from step" in errors and out.exists()
    assert main(train_words(recipes, photos, alone, "afd", *more)) == 0
    assert losses(out) == pytest.approx(losses(alone), rel=TOLERANCE) and len(losses(out)) == 60


def test_every_process_has_as_many_crops(recipes: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    words = train_words(recipes, photos, tmp_path / "w.safetensors", "afd", "--batch", 3)
    together = launch("-m", "mobile_robust.train", *words)
    _, errors = together.communicate(timeout=120)
    assert together.returncode != 0 and "error: --batch 3: must be a multiple of 2, as many crops for each" in errors
    assert not (tmp_path / "w.safetensors").exists()
