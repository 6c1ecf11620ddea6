from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from mobile_robust.contracts.recipe import Tolerance
from mobile_robust.parity.metrics import check_tolerance, compare
from mobile_robust.runtimes.base import PlacementError
from mobile_robust.runtimes.litert_cpu import LitertCpu
from mobile_robust.runtimes.litert_gpu.runtime import LitertGpu


@pytest.fixture
def gpu(require):
    runtime = LitertGpu()
    require(runtime)
    return runtime


def run(runtime, path, inputs):
    with runtime.open(path) as session:
        return session.predict(inputs)


@pytest.mark.parametrize(
    ("precision", "tolerance"),
    [
        ("fp32", Tolerance(max_error=1e-5)),
        ("fp16", Tolerance(max_error=5e-3)),
        ("int8", Tolerance(snr_db=25.0)),
        ("int8_borders", Tolerance(snr_db=25.0)),
    ],
)
@pytest.mark.parametrize("net", ["module", "pipeline"])
def test_equals_pytorch(gpu, request, net, precision, tolerance):
    made = request.getfixturevalue(net)
    got = run(gpu, made.files[precision], made.inputs)
    assert got.keys() == made.expected.keys()
    for name, expected in made.expected.items():
        assert got[name].dtype == np.float32
        assert check_tolerance(compare(expected, got[name]), tolerance, name) == []


def test_placement_is_full_and_names_the_device(gpu, module):
    session = gpu.open(module.files["fp32"])
    placement = session.placement
    session.close()
    assert placement.accelerator.startswith("gpu")
    assert placement.placed_ops == placement.total_ops > 5
    assert placement.left_over == ()


def test_one_session_runs_many_inputs(gpu, module):
    session, cpu = gpu.open(module.files["fp32"]), LitertCpu().open(module.files["fp32"])
    rng = np.random.default_rng(1)
    for _ in range(3):
        inputs = {name: rng.random(x.shape, dtype=np.float32) for name, x in module.inputs.items()}
        assert np.allclose(session.predict(inputs)["repaired"], cpu.predict(inputs)["repaired"], atol=1e-5)
    session.close()


def test_an_operation_that_the_engine_lacks_is_named(gpu, awkward):
    with pytest.raises(PlacementError, match=r"xor\.tflite: the GPU engine refuses BITWISE_XOR .*CPU") as caught:
        gpu.open(awkward["xor"])
    assert [name.split()[0] for name in caught.value.left_over] == ["BITWISE_XOR"]


def test_a_depthwise_convolution_with_run_time_weights_is_named(gpu, awkward):
    """With multiplier 2 the engine of ai-edge-litert 2.3 crashes on it: the op table says on which operation."""
    with pytest.raises(PlacementError, match=r"depthwise\.tflite") as caught:
        gpu.open(awkward["depthwise"])
    assert [name.split()[0] for name in caught.value.left_over] == ["DEPTHWISE_CONV_2D"]


def test_a_grouped_convolution_with_run_time_weights_does_not_pass(gpu, awkward):
    """The engine of ai-edge-litert 2.3 takes it and computes other values; one that refuses it names it."""
    image = {"image": np.random.default_rng(0).random((1, 16, 16, 4), dtype=np.float32)}
    expected = run(LitertCpu(), awkward["grouped"], image)["y"]
    try:
        got = run(gpu, awkward["grouped"], image)["y"]
    except PlacementError as error:
        named = [name.split()[0] for name in error.left_over]
    else:
        named = check_tolerance(compare(expected, got), Tolerance(max_error=1e-5), "y") and ["CONV_2D"]
    assert named == ["CONV_2D"]


def test_nothing_is_printed(gpu, module, capfd):
    run(gpu, module.files["fp32"], module.inputs)
    assert capfd.readouterr() == ("", "")


def test_a_missing_driver_is_explained():
    """In a process of its own: the search for a driver is done once per process."""
    code = "from mobile_robust.runtimes.litert_gpu.runtime import LitertGpu; print(LitertGpu().unavailable())"
    environment = {**os.environ, "VK_ICD_FILENAMES": "/nowhere/driver.json"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    if done.stdout.strip() == "None":
        pytest.skip("the engine found a GPU without Vulkan")
    assert "does not start" in done.stdout
    assert "apt-get install chromium libvulkan1" in done.stdout
