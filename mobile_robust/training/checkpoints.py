"""Checkpoints: a training that was killed resumes exactly where the last one was written."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from torch.optim import Optimizer

from mobile_robust.errors import InputError, first_line
from mobile_robust.files import resume_key, write_atomically
from mobile_robust.methods.task import Task
from mobile_robust.training.validation import Validation

#: How many are kept: the last, and the one before it in case the last one is broken.
KEPT = 2
_SUFFIX = ".checkpoint"


class Checkpoints:
    """``OUT.checkpoints/step-000100.checkpoint``, … beside the weights that are to be written.

    A checkpoint is the SHA-256 of what follows it, then tensors, numbers and names alone, read with
    ``weights_only=True``. A training with other ``settings``, which are all that its course depends on, does not resume
    from it; ``tell`` takes a line for the user.
    """

    def __init__(self, out: Path, settings: Mapping[str, Any], tell: Callable[[str], None]) -> None:
        self.folder = out.with_name(out.name + ".checkpoints")
        self._key, self._tell = resume_key(settings), tell

    def save(
        self, step: int, task: Task, optimizer: Optimizer, accelerator: Accelerator, validation: Validation | None
    ) -> None:
        """Called after ``step`` steps. A kill, and an InputError where it cannot be written, leave those before it."""
        state = {
            "key": self._key,
            "step": step,
            "task": task.checkpoint_state(),
            "optimizer": optimizer.state_dict(),
            "scaler": accelerator.scaler.state_dict() if accelerator.scaler else {},
            "validation": validation.checkpoint_state() if validation else {},
        }
        path = self.folder / f"step-{step:06}{_SUFFIX}"
        content = io.BytesIO()
        torch.save(state, content)
        try:
            self.folder.mkdir(exist_ok=True)
            write_atomically(path, hashlib.sha256(content.getbuffer()).digest() + content.getbuffer())
            for old in self._paths()[KEPT:]:
                old.unlink()
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {first_line(error)}; {self.last_text()}") from None

    def load(self, task: Task, optimizer: Optimizer, accelerator: Accelerator, validation: Validation | None) -> int:
        """Takes up the last good checkpoint; the number of steps done, 0 where there is none.

        A broken one is kept aside under another name before anything of it is used, and the one before it is taken.
        Raises InputError where they belong to another training, which may have taken hours: they are left alone."""
        for path in self._paths():
            try:
                state = _read(path)
            except Exception:  # a file of another program makes PyTorch raise nearly anything
                aside = path.with_suffix(".broken")
                if accelerator.is_main_process:
                    path.replace(aside)
                self._tell(f"{path}: broken checkpoint, kept as {aside.name}; resuming from the one before it")
                continue
            if state["key"] != self._key:
                raise InputError(
                    f"{self.folder}: holds a stopped training with other photos, weights or settings; finish it with "
                    "its own command, delete the folder, or change --out"
                )
            try:
                task.load_checkpoint_state({k: tensor.to(accelerator.device) for k, tensor in state["task"].items()})
                optimizer.load_state_dict(state["optimizer"])
                if accelerator.scaler and state["scaler"]:
                    accelerator.scaler.load_state_dict(state["scaler"])
                if validation:
                    validation.load_checkpoint_state(state["validation"])
            except (RuntimeError, LookupError, TypeError, ValueError) as error:
                raise InputError(
                    f"{path}: of another version of this program: {first_line(error)}; delete {self.folder}, or change "
                    "--out"
                ) from None
            self._tell(f"resuming from step {state['step']} ({path.name})")
            return int(state["step"])
        return 0

    def last_text(self) -> str:
        paths = self._paths()
        return f"the last good checkpoint is {paths[0]}" if paths else "there is no checkpoint yet"

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _paths(self) -> list[Path]:
        """The newest first."""
        return sorted(self.folder.glob(f"step-*{_SUFFIX}"), reverse=True)


def _read(path: Path) -> dict[str, Any]:
    """What a checkpoint holds; raises nearly anything where it is not what was written."""
    content = path.read_bytes()
    digest, state = content[:32], content[32:]
    if hashlib.sha256(state).digest() != digest:
        raise ValueError("damaged")
    return cast(dict[str, Any], torch.load(io.BytesIO(state), map_location="cpu", weights_only=True))
