"""Weights files: whatever is wrong with one is said, and none runs code."""

from __future__ import annotations

import pickle
import re
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mobile_robust.errors import InputError
from mobile_robust.files import state_hash
from mobile_robust.state_dicts import apply_state, read_state


class Bomb:
    """Unpickling it writes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return exec, (f"open({str(self.marker)!r}, 'w')",)


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 5, 1))


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as error:
        read_state(path)
    message = str(error.value)
    assert message.startswith(f"weights file {path}: ") and "\n" not in message
    return message


@pytest.mark.parametrize("name", ["w.safetensors", "W.PTH", "w.pt", "w.bin", "w.ckpt", "w.pth.tar"])
@pytest.mark.parametrize("entry", ["", "state_dict", "model", "net", "model_state_dict", "model_ema"])
def test_every_kind_of_file_is_read(tmp_path: Path, name: str, entry: str) -> None:
    state, path = network().state_dict(), tmp_path / name
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save({"epoch": 3, "best": 0.5, entry: state} if entry else state, path)
    read = read_state(path)
    assert read.keys() == state.keys() and all(torch.equal(read[k], state[k]) for k in state)
    other = network()
    apply_state(other, read, path, "the network")
    assert torch.equal(other[2].weight, state["2.weight"])


@pytest.mark.parametrize("prefix", ["module.", "backbone.", "model.", "_orig_mod.", "module.model."])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_tensors_below_a_prefix_are_taken_with_what_lies_beside_left_out(prefix: str, dtype: torch.dtype) -> None:
    state = {k: v.to(dtype) for k, v in network().state_dict().items()}
    other = network()
    given = {f"{prefix}{k}": v for k, v in state.items()} | {"loss.weight": torch.ones(3)}
    assert apply_state(other, given, Path("w"), "it") == f"w, its tensors below {prefix}"
    assert other[2].weight.dtype == torch.float32 and torch.equal(other[2].weight, state["2.weight"].float())


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_numbers_that_nobody_needs_are_checked_too(tmp_path: Path, name: str) -> None:
    state = network().state_dict() | {"tail.bias": torch.full((2,), float("nan"))}
    (save_file if name.endswith("s") else torch.save)(state, tmp_path / name)
    assert refusal(tmp_path / name).endswith("tail.bias holds NaN or infinite values")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_named(value: float) -> None:
    state = network().state_dict()
    state["2.bias"] = torch.tensor([0.0, 1.0, value, 0.0, 0.0])
    assert mismatch(state) == "weights file w.pth: 2.bias holds NaN or infinite values"


def test_a_negative_variance_is_named() -> None:
    state = network().state_dict()
    state["1.running_var"] = torch.tensor([1.0, -1e-3, 1.0, 1.0])
    assert mismatch(state) == "weights file w.pth: 1.running_var holds negative variances"


@pytest.mark.parametrize("entries", ["checkpoint", "params", "model.state_dict", "a.b.c"])
def test_the_only_state_dict_is_found_under_any_name(tmp_path: Path, entries: str) -> None:
    content: dict = network().state_dict()
    for entry in reversed(entries.split(".")):
        content = {entry: content, "epoch": 3, "optimizer": {"state": {0: {"step": torch.ones(1)}}}}
    torch.save(content, tmp_path / "w.pth")
    path = tmp_path / "w.pth"
    assert apply_state(network(), read_state(path), path, "it") == f"w.pth, its tensors below {entries}."


def test_what_training_scripts_keep_beside_tensors_is_no_code(tmp_path: Path) -> None:
    content = {"args": Namespace(lr=0.1), "best": np.float64(3), "out": tmp_path}
    torch.save({"state_dict": network().state_dict(), **content}, tmp_path / "w.pth.tar")
    assert read_state(tmp_path / "w.pth.tar").keys() == network().state_dict().keys()


ODD = {
    "sparse": lambda x: x.to_sparse(),
    "quantized": lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8),
    "meta": lambda x: x.to("meta"),
    "nested": lambda x: torch.nested.nested_tensor([x[0], x[1, :2]]),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.filterwarnings("ignore")
def test_tensors_that_are_not_plain_are_named(tmp_path: Path, kind: str) -> None:
    torch.save({**network().state_dict(), "0.weight": ODD[kind](network()[0].weight.detach())}, tmp_path / "w.pth")
    assert "is a quantized, sparse, nested or empty (meta) tensor; save all as plain" in refusal(tmp_path / "w.pth")


@pytest.mark.parametrize(
    "dtype", [torch.int8, torch.uint8, torch.bool, torch.complex64, torch.float8_e4m3fn, torch.float8_e5m2]
)
def test_numbers_without_their_scale_are_named(dtype: torch.dtype) -> None:
    state = network().state_dict()
    state["0.weight"] = state["0.weight"].to(dtype)
    assert "0.weight is stored as " in mismatch(state) and "save it as fp32" in mismatch(state)


def test_numbers_that_are_finite_in_double_precision_alone_are_named() -> None:
    state = network().state_dict() | {"0.bias": torch.full((4,), 1e300, dtype=torch.float64)}
    assert mismatch(state) == "weights file w.pth: 0.bias holds NaN or infinite values"


def test_a_network_that_is_there_twice_is_said() -> None:
    state = network().state_dict()
    both = {f"model.{k}": v for k, v in state.items()} | {f"ema.module.{k}": v for k, v in state.items()}
    assert mismatch(both).endswith(
        "; all that is needed is there below model. and below ema.module.: save one by itself"
    )


def test_what_is_missing_below_a_prefix_is_named() -> None:
    state = {f"module.{k}": v for k, v in network().state_dict().items() if k != "2.bias"}
    assert mismatch(state) == "weights file w.pth does not fit method afd: 1 keys missing: 2.bias"


@pytest.mark.parametrize("shape", [(), (0,), (10**12,), (4, 1)])
def test_odd_shapes_are_no_number_of_classes(shape: tuple[int, ...]) -> None:
    message = mismatch(network().state_dict() | {"2.bias": torch.ones(1).expand(shape) if shape else torch.ones(())})
    assert message.endswith(f"2.bias is {shape}, needed (5,)")


def test_odd_names_stay_in_one_short_line() -> None:
    message = mismatch(network().state_dict() | {"a\n\x1b": torch.ones(1), "b" * 9999: torch.ones(1)})
    assert "\n" not in message and "\x1b" not in message and len(message) < 400


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        (b"\n<!DOCTYPE html>", "a web page"),
        (b"\x1f\x8b\x08\0", "compressed with gzip"),
    ],
)
def test_what_was_downloaded_instead_is_said(tmp_path: Path, suffix: str, content: bytes, cause: str) -> None:
    (tmp_path / f"w.{suffix}").write_bytes(content)
    assert f"it is {cause}" in refusal(tmp_path / f"w.{suffix}")


def test_the_advice_of_pytorch_to_trust_a_file_is_not_passed_on(tmp_path: Path) -> None:
    torch.save(network(), tmp_path / "w.pth")
    message = refusal(tmp_path / "w.pth")
    assert "it names torch.nn.modules.container.Sequential; save it as safetensors" in message
    assert "weights_only" not in message and "torch.serialization" not in message


def test_two_state_dicts_in_a_file_are_not_chosen_from(tmp_path: Path) -> None:
    torch.save({"state_dict": network().state_dict(), "model_ema": network().state_dict()}, tmp_path / "w.ckpt")
    assert refusal(tmp_path / "w.ckpt").endswith("holds several state dicts: state_dict, model_ema; save one by itself")


def test_another_number_of_classes_is_said_with_the_option() -> None:
    state = network().state_dict()
    state |= {"2.weight": torch.zeros(37, 4, 1, 1), "2.bias": torch.zeros(37)}
    assert mismatch(state).endswith("; if it knows 37 classes, set options = { num_classes = 37 } of the backbone")


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_damaged_files_are_read_or_refused(tmp_path: Path, name: str) -> None:
    path, random = tmp_path / name, np.random.default_rng(0)
    (save_file if path.suffix == ".safetensors" else torch.save)(network().state_dict(), path)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    messages = []
    for _ in range(100):
        damaged = whole.copy()
        damaged[random.integers(0, len(whole), 8)] = random.integers(0, 256, 8)
        path.write_bytes(damaged.tobytes())
        try:
            read_state(path)
        except InputError as error:
            messages.append(str(error))
    allowed = re.compile(rf"weights file {re.escape(str(path))}: [^\n\x1b]+")
    assert messages and all(allowed.fullmatch(message) for message in messages)


def test_a_missing_file_and_an_unknown_kind(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "gone.safetensors")
    path = tmp_path / "weights.h5"
    path.touch()
    assert "allowed are .safetensors, and .pt, .pth, .bin, .ckpt or .pth.tar files" in refusal(path)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_under_another_name_is_recognized(tmp_path: Path, legacy: bool) -> None:
    path = tmp_path / "w.safetensors"
    torch.save(network().state_dict(), path, _use_new_zipfile_serialization=not legacy)
    assert refusal(path).endswith("it is a pickle, not safetensors")


@pytest.mark.parametrize("kind", ["torch", "legacy", "bare"])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path, kind: str, suffix: str) -> None:
    marker, path = tmp_path / "ran", tmp_path / f"w.{suffix}"
    payload = {"0.weight": torch.ones(2), "bomb": Bomb(marker)}
    if kind == "bare":
        path.write_bytes(pickle.dumps(payload))
    else:
        torch.save(payload, path, _use_new_zipfile_serialization=kind == "torch")
    message = refusal(path)
    assert not marker.exists()
    assert "pickle" in message and ("save it as safetensors" in message or suffix == "safetensors")


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
@pytest.mark.parametrize("keep", [0, 5, 300])
def test_a_truncated_file_is_refused(tmp_path: Path, name: str, keep: int) -> None:
    path = tmp_path / name
    (save_file if path.suffix == ".safetensors" else torch.save)(network().state_dict(), path)
    path.write_bytes(path.read_bytes()[:keep])
    refusal(path)


@pytest.mark.parametrize(
    "content", [[torch.ones(1)], torch.ones(1), {"epoch": 3, "w": torch.ones(1)}, {}, {3: torch.ones(1)}]
)
def test_something_else_than_tensors_by_name_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "w.pth"
    torch.save(content, path)
    assert "not tensors by name" in refusal(path)


def mismatch(state: dict[str, torch.Tensor]) -> str:
    net = network()
    before = state_hash(net.state_dict())
    with pytest.raises(InputError) as error:
        apply_state(net, state, Path("w.pth"), "method afd")
    assert state_hash(net.state_dict()) == before
    return str(error.value)


def test_a_mismatch_names_the_first_three_of_each_kind_and_changes_nothing() -> None:
    state = network().state_dict()
    renamed = {f"layer{k}": v for k, v in state.items()}
    assert mismatch(renamed) == (
        "weights file w.pth does not fit method afd: "
        "8 keys missing: 0.weight, 0.bias, 1.weight …; "
        "9 keys unexpected: layer0.weight, layer0.bias, layer1.weight …"
    )
    state["0.weight"] = torch.zeros(4, 1, 3, 3)
    assert re.search(r"afd: 1 shapes wrong: 0\.weight is \(4, 1, 3, 3\), needed \(4, 3, 3, 3\)$", mismatch(state))


def test_old_files_may_lack_the_count_of_training_steps() -> None:
    state = {k: v for k, v in network().state_dict().items() if "num_batches" not in k}
    apply_state(network(), state, Path("w.pth"), "it")
