"""What a module costs, in a sentence."""

from __future__ import annotations

from mobile_robust.contracts.overhead import AddedLatency, Overhead
from mobile_robust.reporting.overhead import overhead_text


def test_operations_parameters_and_bytes_beside_the_backbones() -> None:
    cost = Overhead(macs=48_000_000, parameters=112_000, backbone_macs=300_000_000, backbone_parameters=3_500_000)
    assert overhead_text(cost) == (
        "adds 48.0 M multiply-accumulates (+16%) and 112 k parameters (448 kB in fp32, 112 kB in int8) to the bare "
        "backbone's 300 M and 3.50 M"
    )
    latency = AddedLatency(share=0.2049, low=0.19, high=0.214, backbone_ms=7.04)
    assert overhead_text(cost.model_copy(update={"latency": latency})).endswith(
        "300 M and 3.50 M; it adds 20% (± 1.2%) to the bare backbone's latency of 7.04 ms, measured with LiteRT in "
        "fp32 on one thread of the CPU that built it"
    )
