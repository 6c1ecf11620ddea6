"""What a module costs, in words."""

from __future__ import annotations

from mobile_robust.contracts.overhead import AddedLatency, Overhead
from mobile_robust.reporting.text import bytes_text, count_text, milliseconds

#: Of a parameter, in a float32 and in an int8 file.
_FLOAT, _INT8 = 4, 1


def overhead_text(cost: Overhead) -> str:
    """What a module adds to the bare backbone: what follows "the module". Bytes are those of its weights."""
    weights = [f"{bytes_text(size * cost.parameters)} in {name}" for name, size in (("fp32", _FLOAT), ("int8", _INT8))]
    text = (
        f"adds {count_text(cost.macs)} multiply-accumulates ({cost.share:+.0%}) and {count_text(cost.parameters)} "
        f"parameters ({', '.join(weights)}) to the bare backbone's {count_text(cost.backbone_macs)} and "
        f"{count_text(cost.backbone_parameters)}"
    )
    return f"{text}; {_latency_text(cost.latency)}" if cost.latency else text


def _latency_text(latency: AddedLatency) -> str:
    """As measured where it was built."""
    error = (latency.high - latency.low) / 2
    return (
        f"it adds {latency.share:.0%} (± {error:.1%}) to the bare backbone's latency of "
        f"{milliseconds(latency.backbone_ms)} ms, measured with LiteRT in fp32 on one thread of the CPU that built it"
    )
