"""What every runtime's session must do, and what every kind of file's converter: small networks in every precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from mobile_robust.contracts.precisions import PRECISIONS
from mobile_robust.contracts.targets import TARGETS, Target
from mobile_robust.errors import InputError
from mobile_robust.export.targets.base import converter
from mobile_robust.parity.metrics import check_tolerance, compare
from mobile_robust.runtimes.base import Arrays, Runtime
from mobile_robust.runtimes.registry import runtimes
from tests.converted import TOLERANCES, Converted, TinyModule, randomized
from tests.export.targets.tiny import source

Files = Mapping[str, tuple[Path, Arrays]]


@pytest.fixture(scope="module")
def files(module: Converted, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Target -> the small module's fp32 file, and inputs as that file takes them."""
    path, origin = tmp_path_factory.mktemp("contract") / "tiny.mlpackage", source()
    converter("coreml")(origin).convert(randomized(TinyModule), PRECISIONS["fp32"], path)
    coreml = {name: np.ascontiguousarray(x.numpy()) for name, x in origin.calibration.first.items()}
    return {"coreml": (path, coreml), "tflite": (module.files["fp32"], module.inputs)}


@pytest.fixture
def runtime(request: pytest.FixtureRequest, require: Callable[[Runtime], None]) -> Runtime:
    made = runtimes()[request.param].make()
    require(made)
    return made


EACH = pytest.mark.parametrize("runtime", [name for name, info in runtimes().items() if info.default], indirect=True)


@EACH
def test_a_session_writes_runs_and_reads_and_prints_nothing(
    runtime: Runtime, files: Files, capfd: pytest.CaptureFixture[str]
) -> None:
    path, inputs = files[runtime.info.target]
    capfd.readouterr()
    with runtime.open(path) as session:
        predicted = session.predict(inputs)
        session.write({key: np.zeros_like(x) for key, x in inputs.items()})
        session.run()
        other = session.read()
        session.write(inputs)
        session.run()
        again = session.read()
        assert session.placement is None or session.placement.placed_ops <= session.placement.total_ops
    assert capfd.readouterr() == ("", "")
    assert predicted.keys() == other.keys() == again.keys() == {"repaired"}
    assert np.array_equal(predicted["repaired"], again["repaired"])
    assert not np.allclose(predicted["repaired"], other["repaired"]), "the inputs are not looked at"
    arguments = [torch.from_numpy(x) for x in inputs.values()]
    nhwc = runtime.info.target == "tflite"
    with torch.no_grad():
        expected = randomized(TinyModule)(*(x.permute(0, 3, 1, 2) if nhwc else x for x in arguments))
    expected = (expected.permute(0, 2, 3, 1) if nhwc else expected).numpy()
    assert predicted["repaired"].dtype == np.float32
    assert np.abs(predicted["repaired"] - expected).max() < 2e-2 * np.ptp(expected)
    session.close()  # twice: once by the context manager


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8", "int8_io"])
@pytest.mark.parametrize("net", ["module", "pipeline"])
@pytest.mark.parametrize("runtime", ["litert_cpu", pytest.param("litert_gpu", marks=pytest.mark.slow)], indirect=True)
def test_every_precision_equals_pytorch(
    runtime: Runtime, request: pytest.FixtureRequest, net: str, precision: str
) -> None:
    made = request.getfixturevalue(net)
    with runtime.open(made.files[precision]) as session:
        got = session.predict(made.inputs)
    assert got.keys() == made.expected.keys()
    for name, expected in made.expected.items():
        assert got[name].dtype == np.float32
        assert check_tolerance(compare(expected, got[name]), TOLERANCES[precision], name) == []


@EACH
@pytest.mark.parametrize("content", [b"", b"hello", b"\x1c\0\0\0TFL3\x14"])
def test_a_malformed_file_is_an_input_error(runtime: Runtime, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"malformed{TARGETS[runtime.info.target].suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="malformed"):
        runtime.open(path)


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_a_runtime_of_every_build(target: Target) -> None:
    assert any(info.target == target and info.default for info in runtimes().values())
