"""Weights files: whatever is wrong with one is said, and none runs code."""

from __future__ import annotations

import pickle
import re
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


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_named(value: float) -> None:
    state = network().state_dict()
    state["2.bias"] = torch.tensor([0.0, 1.0, value, 0.0, 0.0])
    assert mismatch(state) == "weights file w.pth: 2.bias holds NaN or infinite values"


def test_a_negative_variance_is_named() -> None:
    state = network().state_dict()
    state["1.running_var"] = torch.tensor([1.0, -1e-3, 1.0, 1.0])
    assert mismatch(state) == "weights file w.pth: 1.running_var holds negative variances"


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
