"""What a module costs, in words."""

from __future__ import annotations

from mobile_robust.contracts.overhead import Overhead
from mobile_robust.reporting.text import count_text


def overhead_text(cost: Overhead) -> str:
    """What a module adds to the bare backbone: what follows "the module"."""
    return (
        f"adds {count_text(cost.macs)} multiply-accumulates ({cost.share:+.0%}) and {count_text(cost.parameters)} "
        f"parameters to the bare backbone's {count_text(cost.backbone_macs)} and {count_text(cost.backbone_parameters)}"
    )
