"""Weights files in, without ever unpickling code."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mobile_robust.errors import InputError

State = dict[str, Tensor]


def read_state(path: Path) -> State:
    """Tensors by name from ``.safetensors``, or from a ``.pt``/``.pth``/``.bin`` file that holds nothing but tensors.

    Raises:
        InputError: The file is missing or truncated, or is a pickle that holds more than tensors (never executed).
    """
    if not path.is_file():
        raise InputError(f"weights file {path}: no such file")
    if path.suffix not in (".safetensors", ".pt", ".pth", ".bin"):
        allowed = ".safetensors, and .pt, .pth or .bin files holding only tensors"
        raise InputError(f"weights file {path}: allowed are {allowed}")
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            hint = "; it is a pickle, not safetensors" if _is_pickle(path) else ""
            raise InputError(f"weights file {path}: not a readable safetensors file ({error}){hint}") from None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"weights file {path}: not a file of tensors only, so it was not loaded (a pickle can run code): {reason}; "
            "save it as safetensors"
        ) from None
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise InputError(f"weights file {path}: holds {type(state).__name__}, not tensors by name")
    return state


def apply_state(module: nn.Module, state: State, path: Path, what: str) -> None:
    """Loads tensors into a module; every key and shape must fit. For the message: the file that they are from, and
    what the module is ("afd_nano for 32 channels").

    Raises:
        InputError: Keys are missing, unexpected or of another shape (the first three of each are named).
    """
    own = module.state_dict()
    shapes = [(k, tuple(state[k].shape), tuple(own[k].shape)) for k in own if k in state]
    found = {
        # batch norms count their training steps; the count changes nothing in eval mode and old files lack it
        "keys missing": [k for k in own if k not in state and not k.endswith("num_batches_tracked")],
        "keys unexpected": [k for k in state if k not in own],
        "shapes wrong": [f"{k} is {shape}, needed {needed}" for k, shape, needed in shapes if shape != needed],
    }
    problems = [
        f"{len(keys)} {kind}: {', '.join(keys[:3])}{' …' if len(keys) > 3 else ''}"
        for kind, keys in found.items()
        if keys
    ]
    if problems:
        raise InputError(f"weights file {path} does not fit {what}: " + "; ".join(problems))
    module.load_state_dict(state, strict=False)


def _is_pickle(path: Path) -> bool:
    """Whether a file is one of PyTorch's pickles: a zip with data.pkl inside, or a bare pickle stream."""
    if zipfile.is_zipfile(path):
        return any(name.endswith("data.pkl") for name in zipfile.ZipFile(path).namelist())
    return path.read_bytes()[:1] == b"\x80"
