"""Weights files in, without ever unpickling code."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from mobile_robust.errors import InputError

State = dict[str, Tensor]

#: What training scripts call a state dict inside their checkpoints.
_ENTRIES = ("state_dict", "model_state_dict", "model", "net", "state_dict_ema", "model_ema")
_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".tar")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def read_state(path: Path) -> State:
    """Tensors by name from ``.safetensors``, or from a ``.pt``, ``.pth``, ``.bin``, ``.ckpt`` or ``.pth.tar`` file that
    holds nothing but tensors and plain values; of a checkpoint with several entries the one that is a state dict.

    Raises:
        InputError: The file is missing or damaged, is a pickle that holds more (never executed), or has several state
            dicts or none.
    """
    if not path.is_file():
        raise InputError(f"weights file {path}: no such file")
    suffix = path.suffix.lower()
    if suffix not in (".safetensors", *_PICKLES):
        allowed = ".safetensors, and .pt, .pth, .bin, .ckpt or .pth.tar files holding only tensors"
        raise InputError(f"weights file {path}: allowed are {allowed}")
    if suffix == ".safetensors":
        try:
            return load_file(path)
        except Exception as error:  # a damaged file makes the reader raise nearly every built-in exception
            hint = "; it is a pickle, not safetensors" if _is_pickle(path) else ""
            raise InputError(f"weights file {path}: not a readable safetensors file ({_reason(error)}){hint}") from None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # so does a damaged pickle
        raise InputError(
            f"weights file {path}: not a file of tensors only, so it was not loaded (a pickle can run code): "
            f"{_reason(error)}; save it as safetensors"
        ) from None
    return _state_in(content, path)


def _state_in(content: Any, path: Path) -> State:
    if _is_state(content):
        return content
    entries = [name for name in _ENTRIES if isinstance(content, dict) and _is_state(content.get(name))]
    if len(entries) == 1:
        return content[entries[0]]
    if entries:
        raise InputError(f"weights file {path}: holds several state dicts: {', '.join(entries)}; save one by itself")
    held = type(content).__name__
    if isinstance(content, dict):
        held = f"a dict of {', '.join(map(str, list(content)[:5])) or 'nothing'}"
    raise InputError(f"weights file {path}: holds {held}, not tensors by name")


def _is_state(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and bool(content)
        and all(isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items())
    )


def apply_state(module: nn.Module, state: State, path: Path, what: str) -> str:
    """Loads tensors into a module; every key and shape must fit, below a prefix such as ``module.`` where one gives
    all of them.

    Args:
        module: Gets the tensors.
        state: Tensors by name.
        path: The file that they are from, for the message.
        what: What the module is, for the message: "afd_nano for 32 channels".

    Returns:
        The file's name, and the prefix if there is one: the origin of the weights, for people.

    Raises:
        InputError: Keys are missing, unexpected or of another shape (the first three of each are named), or a number is
            not finite.
    """
    own = module.state_dict()
    # batch norms count their training steps; the count changes nothing in eval mode and old files lack it
    needed = [name for name in own if not name.endswith("num_batches_tracked")]
    prefix, state = below_prefix(state, needed)
    shapes = [(k, tuple(state[k].shape), tuple(own[k].shape)) for k in own if k in state]
    found = {
        "keys missing": [k for k in needed if k not in state],
        "keys unexpected": [k for k in state if k not in own],
        "shapes wrong": [f"{k} is {shape}, needed {needed}" for k, shape, needed in shapes if shape != needed],
    }
    problems = [
        f"{len(keys)} {kind}: {', '.join(keys[:3])}{' …' if len(keys) > 3 else ''}"
        for kind, keys in found.items()
        if keys
    ]
    if problems:
        hint = _head_hint([(shape, needed) for _, shape, needed in shapes if shape != needed], len(problems))
        raise InputError(f"weights file {path} does not fit {what}: " + "; ".join(problems) + hint)
    for name, tensor in state.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise InputError(f"weights file {path}: {name} holds NaN or infinite values")
        if name.endswith("running_var") and bool((tensor < 0).any()):
            raise InputError(f"weights file {path}: {name} holds negative variances")
    module.load_state_dict(state, strict=False)
    return f"{path.name}, its tensors below {prefix}" if prefix else path.name


def below_prefix(state: State, needed: list[str]) -> tuple[str, State]:
    """The one prefix that gives every needed name, and the tensors below it; "" and all of them where there is none."""
    if not needed or needed[0] in state:
        return "", state
    prefixes = [name.removesuffix(needed[0]) for name in state if name.endswith(f".{needed[0]}")]
    complete = [prefix for prefix in prefixes if all(prefix + name in state for name in needed)]
    if len(complete) != 1:
        return "", state
    (prefix,) = complete
    return prefix, {k.removeprefix(prefix): tensor for k, tensor in state.items() if k.startswith(prefix)}


def _head_hint(wrong: list[tuple[tuple[int, ...], tuple[int, ...]]], kinds: int) -> str:
    """Where only the number of classes differs: how to say it."""
    counts = {shape[0] for shape, needed in wrong if shape[:1] != needed[:1] and shape[1:] == needed[1:]}
    if kinds != 1 or not wrong or len(counts) != 1 or len(wrong) > 2:
        return ""
    return f"; if it knows {(count := counts.pop())} classes, set options = {{ num_classes = {count} }} of the backbone"


def _reason(error: Exception) -> str:
    """The first line of an error, without the colours and the advice that PyTorch adds."""
    lines = _COLOURS.sub("", str(error)).splitlines() or [type(error).__name__]
    return next((line.strip() for line in lines if "Unsupported" in line), lines[0])[:300]


def _is_pickle(path: Path) -> bool:
    """Whether a file is one of PyTorch's pickles: a zip with data.pkl inside, or a bare pickle stream."""
    try:
        if zipfile.is_zipfile(path):
            return any(name.endswith("data.pkl") for name in zipfile.ZipFile(path).namelist())
        with path.open("rb") as file:
            return file.read(1) == b"\x80"
    except (OSError, ValueError, zipfile.BadZipFile):
        return False
