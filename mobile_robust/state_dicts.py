"""Weights files in, without ever unpickling code."""

from __future__ import annotations

import argparse
import pathlib
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from mobile_robust.contracts.recipe import LEAST_CLASSES, MOST_CLASSES
from mobile_robust.errors import InputError

State = dict[str, Tensor]

#: What training scripts call a state dict inside their checkpoints.
_ENTRIES = ("state_dict", "model_state_dict", "model", "net", "state_dict_ema", "model_ema")
_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".tar")
#: Dicts inside dicts in which a state dict is looked for.
_MOST_DEPTH = 4
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
#: What scripts put beside the tensors, and what cannot run code: their arguments, scores and paths.
_HARMLESS: list[Any] = [
    *(argparse.Namespace, pathlib.PosixPath, np.dtype, *(type(np.dtype(kind)) for kind in ("f4", "f8", "i8"))),
    *((np.float64(0).__reduce__()[0], f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
]
#: What the first bytes of a file that is none give away.
_TAKEN_FOR_WEIGHTS = {
    b"version https://git-lfs": "it is a pointer of Git LFS; fetch the file itself with git lfs pull",
    b"<": "it is a web page rather than the file behind its link",
    b"\x1f\x8b": "it is compressed with gzip; unpack it",
    b"\x89HDF": "it is a file of Keras (HDF5)",
}
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def read_state(path: Path) -> State:
    """Tensors by name from ``.safetensors``, or from a ``.pt``, ``.pth``, ``.bin``, ``.ckpt`` or ``.pth.tar`` file that
    holds nothing but tensors and plain values; of a checkpoint with several entries the one that is a state dict.

    Raises:
        InputError: The file is missing or damaged, is a pickle that holds more (never executed), has several state
            dicts or none, or holds numbers that are none.
    """
    if not path.is_file():
        raise InputError(f"weights file {path}: no such file")
    suffix = path.suffix.lower()
    if suffix not in (".safetensors", *_PICKLES):
        allowed = ".safetensors, and .pt, .pth, .bin, .ckpt or .pth.tar files holding only tensors"
        raise InputError(f"weights file {path}: allowed are {allowed}")
    try:
        if suffix == ".safetensors":
            content = load_file(path)
        else:
            with torch.serialization.safe_globals(_HARMLESS):
                content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes the readers raise nearly every built-in exception
        reason = _taken_for_weights(path) or _reason(error)
        if suffix == ".safetensors":
            hint = "; it is a pickle, not safetensors" if _is_pickle(path) else ""
            raise InputError(f"weights file {path}: not a readable safetensors file ({reason}){hint}") from None
        raise InputError(
            f"weights file {path}: not a file of tensors only, so it was not loaded (a pickle can run code): "
            f"{reason}; save it as safetensors"
        ) from None
    state = content if suffix == ".safetensors" else _state_in(content, path)
    for name, tensor in state.items():
        if tensor.is_meta or tensor.is_quantized or tensor.is_nested or tensor.layout != torch.strided:
            raise InputError(
                f"weights file {path}: {_shown(name)} is a quantized, sparse, nested or empty (meta) tensor; save all "
                "as plain fp32, fp16 or bf16"
            )
        if tensor.dtype in _FLOATS:
            _check_numbers(path, name, tensor)  # also of what is not needed: the file is damaged
    return state


def _check_numbers(path: Path, name: str, tensor: Tensor) -> None:
    if not bool(tensor.isfinite().all()):
        raise InputError(f"weights file {path}: {_shown(name)} holds NaN or infinite values")
    if name.endswith("running_var") and bool((tensor < 0).any()):
        raise InputError(f"weights file {path}: {_shown(name)} holds negative variances")


def _state_in(content: Any, path: Path) -> State:
    if _is_state(content):
        return content
    entries = [name for name in _ENTRIES if isinstance(content, dict) and _is_state(content.get(name))]
    if len(entries) == 1:
        return content[entries[0]]
    found = dict(_nested(content))
    if len(found) == 1:
        ((entry, state),) = found.items()
        return {f"{entry}.{name}": tensor for name, tensor in state.items()}  # the prefix says which one was taken
    if found:
        names = ", ".join(_shown(name) for name in list(found)[:5])
        raise InputError(f"weights file {path}: holds several state dicts: {names}; save one by itself")
    held = type(content).__name__
    if isinstance(content, dict):
        held = f"a dict of {', '.join(_shown(name) for name in list(content)[:5]) or 'nothing'}"
        if odd := next((name for name, value in content.items() if not isinstance(value, Tensor)), None):
            held += f", where {_shown(odd)} is of type {type(content[odd]).__name__}"
    raise InputError(f"weights file {path}: holds {held}, not tensors by name")


def _nested(content: Any, depth: int = 0) -> Iterator[tuple[str, State]]:
    """State dicts inside dicts, by their dotted names; what optimizers keep is none."""
    if not isinstance(content, dict) or depth == _MOST_DEPTH:
        return
    for name, value in content.items():
        if not isinstance(name, str) or "optim" in name:
            continue
        if _is_state(value):
            yield name, value
        else:
            yield from ((f"{name}.{inner}", state) for inner, state in _nested(value, depth + 1))


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
        f"{len(keys)} {kind}: {', '.join(map(_shown, keys[:3]))}{' …' if len(keys) > 3 else ''}"
        for kind, keys in found.items()
        if keys
    ]
    if problems:
        hint = _head_hint([(shape, needed) for _, shape, needed in shapes if shape != needed], len(problems))
        hint = hint or _copies_hint(state, needed)
        raise InputError(f"weights file {path} does not fit {what}: " + "; ".join(problems) + hint)
    for name, tensor in state.items():
        wanted = own[name].dtype
        if wanted.is_floating_point and tensor.dtype not in _FLOATS:
            stored = str(tensor.dtype).removeprefix("torch.")
            raise InputError(
                f"weights file {path}: {name} is stored as {stored}, without the scale of its numbers; save it as "
                "fp32, fp16 or bf16"
            )
        _check_numbers(path, name, tensor.to(wanted))  # double precision has larger numbers
    module.load_state_dict(state, strict=False)
    return f"{path.name}, its tensors below {prefix}" if prefix else path.name


def below_prefix(state: State, needed: list[str]) -> tuple[str, State]:
    """The one prefix that gives every needed name, or the only one that gives the first, and the tensors below it; ""
    and all of them where there is none."""
    if not needed or needed[0] in state:
        return "", state
    prefixes = _prefixes(state, needed[0])
    complete = _complete(prefixes, state, needed) or prefixes
    if len(complete) != 1:
        return "", state
    (prefix,) = complete
    return prefix, {k.removeprefix(prefix): tensor for k, tensor in state.items() if k.startswith(prefix)}


def _prefixes(state: State, first: str) -> list[str]:
    return [name.removesuffix(first) for name in state if name.endswith(f".{first}")]


def _complete(prefixes: list[str], state: State, needed: list[str]) -> list[str]:
    return [prefix for prefix in prefixes if all(prefix + name in state for name in needed)]


def _copies_hint(state: State, needed: list[str]) -> str:
    """Where a file holds a network more than once, such as its moving average beside it."""
    copies = _complete(_prefixes(state, needed[0]), state, needed) if needed else []
    if not copies:
        return ""
    return f"; all that is needed is there below {' and below '.join(map(_shown, copies[:3]))}: save one by itself"


def _head_hint(wrong: list[tuple[tuple[int, ...], tuple[int, ...]]], kinds: int) -> str:
    """Where only the number of classes differs: how to say it."""
    counts = {shape[0] for shape, needed in wrong if len(shape) == len(needed) > 0 and shape[1:] == needed[1:]}
    if kinds != 1 or len(counts) != 1 or len(wrong) > 2 or not LEAST_CLASSES <= max(counts) <= MOST_CLASSES:
        return ""
    return f"; if it knows {(count := counts.pop())} classes, set options = {{ num_classes = {count} }} of the backbone"


def _reason(error: Exception) -> str:
    """The first line of an error, without the colours and the advice that PyTorch adds."""
    text = _COLOURS.sub("", str(error))
    if refused := re.search(r"Unsupported global: GLOBAL (\S+)", text):
        return f"it names {_shown(refused[1])}"
    lines = text.splitlines() or [type(error).__name__]
    line = next((line.strip() for line in lines if "Unsupported" in line), lines[0])
    return _shown(re.split(r"\. [A-Z]|Please use", line)[0].strip(), 300)


def _shown(name: object, most: int = 100) -> str:
    """What a file says, in one line."""
    text = str(name) if str(name).isprintable() else ascii(str(name))
    return text if len(text) <= most else f"{text[:most]}…"


def _taken_for_weights(path: Path) -> str | None:
    """What a file is instead, where its first bytes tell."""
    with path.open("rb") as file:
        start = file.read(64).lstrip()
    return next((what for first, what in _TAKEN_FOR_WEIGHTS.items() if start.startswith(first)), None)


def _is_pickle(path: Path) -> bool:
    """Whether a file is one of PyTorch's pickles: a zip with data.pkl inside, or a bare pickle stream."""
    try:
        if zipfile.is_zipfile(path):
            return any(name.endswith("data.pkl") for name in zipfile.ZipFile(path).namelist())
        with path.open("rb") as file:
            return file.read(1) == b"\x80"
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def entries_under(prefix: str, state: Mapping[str, Tensor]) -> State:
    """The tensors whose names begin with ``prefix``, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
