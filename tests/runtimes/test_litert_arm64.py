"""A phone's CPU kernels on small networks: equal to the bit in int8, nearly in float32, half precision on fp16."""

from __future__ import annotations

import numpy as np
import pytest

from mobile_robust.contracts.recipe import Tolerance
from mobile_robust.parity.metrics import check_tolerance, compare
from mobile_robust.runtimes.base import EngineError
from mobile_robust.runtimes.emulator.runtime import LitertArm64, LitertArmv9
from mobile_robust.runtimes.litert_cpu import LitertCpu


def run(runtime, path, inputs):
    with runtime.open(path) as session:
        return session.predict(inputs), session.placement


@pytest.mark.emulator
@pytest.mark.parametrize("make", [LitertArm64, LitertArmv9])
@pytest.mark.parametrize(
    ("net", "precision", "tolerance", "least", "most"),
    [
        # Sums of integers are exact; those of floats have another order where channels do not fill the registers.
        ("module", "fp32", Tolerance(max_error=1e-5), 0, 1e-6),
        ("pipeline", "int8_io", Tolerance(snr_db=25.0), 0, 0),
        ("module", "fp16", Tolerance(max_error=5e-3), 1e-5, 1),  # the same weights, other arithmetic
    ],
)
def test_equals_pytorch_and_the_cpu_here(require, request, capfd, make, net, precision, tolerance, least, most):
    runtime, made = make(), request.getfixturevalue(net)
    require(runtime)
    here, placed_here = run(LitertCpu(), made.files[precision], made.inputs)
    capfd.readouterr()
    got, placement = run(runtime, made.files[precision], made.inputs)
    assert capfd.readouterr() == ("", "")
    for name, expected in made.expected.items():
        assert check_tolerance(compare(expected, got[name]), tolerance, name) == []
        assert least <= compare(here[name], got[name]).max_error <= most
    assert placement.left_over == placed_here.left_over
    half = ", half precision" if precision == "fp16" else ""
    assert placement.accelerator == f"xnnpack ({runtime.profile.name}{half})"


@pytest.mark.emulator
def test_one_session_runs_many_inputs_and_its_end_is_reported(require, module):
    runtime = LitertArm64()
    require(runtime)
    session, cpu = runtime.open(module.files["fp32"]), LitertCpu().open(module.files["fp32"])
    rng = np.random.default_rng(1)
    for _ in range(3):
        inputs = {name: rng.random(x.shape, dtype=np.float32) for name, x in module.inputs.items()}
        assert np.allclose(session.predict(inputs)["repaired"], cpu.predict(inputs)["repaired"], atol=1e-6)
    session._worker._process.kill()
    with pytest.raises(EngineError, match=r"fp32\.tflite: LiteRT on ARM64 failed: .*crashed \(SIGKILL\)"):
        session.predict(module.inputs)
    session.close()


def test_without_a_sandbox_it_says_how_to_get_one(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "not set up: mobile-robust arm64 setup" in LitertArm64().unavailable()
