from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from mobile_robust.contracts.recipe import Tolerance
from mobile_robust.parity.metrics import check_tolerance, compare
from mobile_robust.runtimes.base import EngineError, PlacementError
from mobile_robust.runtimes.litert_cpu import LitertCpu
from mobile_robust.runtimes.litert_gpu.runtime import LitertGpu


@pytest.fixture
def gpu(require):
    runtime = LitertGpu()
    require(runtime)
    return runtime


def test_placement_is_full_and_names_the_device_and_a_killed_engine_is_named(gpu, module):
    with gpu.open(module.files["fp32"]) as session:
        placement = session.placement
        assert placement.accelerator.startswith("gpu")
        assert placement.placed_ops == placement.total_ops > 5
        assert placement.left_over == ()
        session._worker._process.kill()
        with pytest.raises(EngineError, match=r"fp32\.tflite: the GPU engine failed: .*crashed \(SIGKILL\)"):
            session.predict(module.inputs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("xor", r"the GPU engine refuses BITWISE_XOR .*CPU"),
        # With multiplier 2 the engine of ai-edge-litert 2.3 crashes: the op table says on which operation.
        (
            "depthwise",
            r"the GPU engine cannot open it: .* op table: operation \d+, DEPTHWISE_CONV_2D -> \S+: depth multiplier 2",
        ),
    ],
)
def test_an_operation_that_the_engine_lacks_is_named(gpu, awkward, kind, reason):
    with pytest.raises(PlacementError, match=rf"{kind}\.tflite: {reason}"):
        gpu.open(awkward[kind])


@pytest.mark.slow
def test_a_grouped_convolution_with_run_time_weights_does_not_pass(gpu, awkward):
    """The engine of ai-edge-litert 2.3 takes it and computes other values; one that refuses it names it."""
    image = {"image": np.random.default_rng(0).random((1, 16, 16, 4), dtype=np.float32)}
    with LitertCpu().open(awkward["grouped"]) as session:
        expected = session.predict(image)["y"]
    try:
        with gpu.open(awkward["grouped"]) as session:
            got = session.predict(image)["y"]
    except PlacementError as error:
        refusal = str(error)
    else:
        refusal = "CONV_2D" if check_tolerance(compare(expected, got), Tolerance(max_error=1e-5), "y") else ""
    assert "CONV_2D" in refusal


def test_a_missing_driver_is_explained():
    """In a process of its own: the search for a driver is done once per process."""
    code = "from mobile_robust.runtimes.litert_gpu.runtime import LitertGpu; print(LitertGpu().unavailable())"
    environment = {**os.environ, "VK_ICD_FILENAMES": "/nowhere/driver.json"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    if done.stdout.strip() == "None":
        pytest.skip("the engine found a GPU without Vulkan")
    assert "does not start" in done.stdout
    assert "apt-get install chromium libvulkan1" in done.stdout
