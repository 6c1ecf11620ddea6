"""What every runtime's session must do, and what every kind of file's converter: one small network with two inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mobile_robust.contracts.precisions import PRECISIONS
from mobile_robust.contracts.targets import TARGETS, Target
from mobile_robust.errors import InputError
from mobile_robust.runtimes.base import Arrays, Runtime
from mobile_robust.runtimes.registry import runtimes
from tests.converted import TinyModule, randomized
from tests.export.targets.tiny import source

Files = Mapping[str, tuple[Path, Arrays]]


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return randomized(TinyModule)


@pytest.fixture(scope="module")
def files(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Target -> its fp32 file, and inputs as that file takes them."""
    from mobile_robust.export.targets.base import converter

    folder, made = tmp_path_factory.mktemp("contract"), {}
    for target, spec in TARGETS.items():
        origin = source()
        path = folder / f"tiny{spec.suffix}"
        converted = converter(target)(origin).convert(network, PRECISIONS["fp32"], path)
        inputs = {}
        for tensor in converted.inputs:
            x = origin.calibration.first[tensor.name]
            x = x.permute(0, 2, 3, 1) if tensor.layout == "NHWC" else x
            inputs[tensor.name] = np.ascontiguousarray(x.numpy(), dtype=np.float32)
        made[target] = (path, inputs)
    return made


EACH = pytest.mark.parametrize("name", [name for name, info in runtimes().items() if info.default])


@EACH
def test_a_session_writes_runs_and_reads(
    name: str, files: Files, network: nn.Module, require: Callable[[Runtime], None]
) -> None:
    info = runtimes()[name]
    require(runtime := info.make())
    path, inputs = files[info.target]
    with torch.no_grad():
        expected = network(*source().calibration.first.values()).numpy()
    with runtime.open(path) as session:
        predicted = session.predict(inputs)
        session.write({key: np.zeros_like(x) for key, x in inputs.items()})
        session.run()
        other = session.read()
        session.write(inputs)
        session.run()
        again = session.read()
        assert session.placement is None or session.placement.placed_ops <= session.placement.total_ops
    assert predicted.keys() == other.keys() == again.keys() == {"repaired"}
    assert np.array_equal(predicted["repaired"], again["repaired"])
    assert not np.allclose(predicted["repaired"], other["repaired"]), "the inputs are not looked at"
    got = predicted["repaired"]
    got = got if got.shape == expected.shape else got.transpose(0, 3, 1, 2)
    assert got.dtype == np.float32
    assert np.abs(got - expected).max() < 2e-2 * np.ptp(expected)
    session.close()  # twice: once by the context manager


@EACH
@pytest.mark.parametrize("content", [b"", b"\x1c\0\0\0TFL3\x14"])
def test_a_malformed_file_is_an_input_error(
    name: str, content: bytes, tmp_path: Path, require: Callable[[Runtime], None]
) -> None:
    info = runtimes()[name]
    require(runtime := info.make())
    path = tmp_path / f"malformed{TARGETS[info.target].suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="malformed"):
        runtime.open(path)


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_a_runtime_of_every_build(target: Target) -> None:
    assert any(info.target == target and info.default for info in runtimes().values())
