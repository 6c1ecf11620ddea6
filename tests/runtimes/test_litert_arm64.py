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
@pytest.mark.parametrize(("net", "precision"), [("module", "fp32"), ("pipeline", "int8_borders")])
def test_equals_pytorch_and_the_cpu_here(require, request, make, net, precision):
    runtime, made = make(), request.getfixturevalue(net)
    require(runtime)
    (got, placement), (here, placed_here) = (run(r, made.files[precision], made.inputs) for r in (runtime, LitertCpu()))
    for name, expected in made.expected.items():
        tolerance = Tolerance(max_error=1e-5) if precision == "fp32" else Tolerance(snr_db=25.0)
        assert check_tolerance(compare(expected, got[name]), tolerance, name) == []
        # Sums of integers are exact; those of floats have another order where channels do not fill the registers.
        assert compare(here[name], got[name]).max_error <= (1e-6 if precision == "fp32" else 0)
    assert placement.left_over == placed_here.left_over
    assert placement.accelerator == f"xnnpack ({runtime.profile.name})"


@pytest.mark.emulator
@pytest.mark.parametrize("make", [LitertArm64, LitertArmv9])
def test_a_file_of_half_weights_computes_in_half_precision(require, module, make):
    require(make())
    (got, placement), (here, _) = (run(r, module.files["fp16"], module.inputs) for r in (make(), LitertCpu()))
    expected = module.expected["repaired"]
    assert check_tolerance(compare(expected, got["repaired"]), Tolerance(max_error=5e-3), "repaired") == []
    assert compare(here["repaired"], got["repaired"]).max_error > 1e-5  # the same weights, other arithmetic
    assert placement.accelerator.endswith(", half precision)")


@pytest.mark.emulator
def test_one_session_runs_many_inputs_and_its_end_is_told(require, module):
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


@pytest.mark.emulator
def test_nothing_is_printed(require, module, capfd):
    require(LitertArm64())
    capfd.readouterr()
    run(LitertArm64(), module.files["fp32"], module.inputs)
    assert capfd.readouterr() == ("", "")


def test_without_a_sandbox_it_says_how_to_get_one(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "not set up: python -m mobile_robust.arm64 setup" in LitertArm64().unavailable()
