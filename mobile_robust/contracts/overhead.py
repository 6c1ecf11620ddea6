"""What a module's deploy form costs beside the bare backbone."""

from __future__ import annotations

from pydantic import Field

from mobile_robust.contracts.contract import Contract


class AddedLatency(Contract):
    """What a module adds to the bare backbone's latency, both as float32 TFLite files on LiteRT's CPU, one thread:
    median over inferences in turn."""

    share: float = Field(description="of the bare backbone's latency")
    low: float = Field(description="with high: its 95 % interval")
    high: float
    backbone_ms: float = Field(gt=0, description="the bare backbone's CPU time, on the machine that measured")


class Overhead(Contract):
    """Multiply-accumulates of one inference and parameters that the module adds, and those of the bare backbone."""

    macs: int
    parameters: int
    backbone_macs: int = Field(gt=0)
    backbone_parameters: int = Field(gt=0)
    latency: AddedLatency | None = Field(default=None, description="null: no float32 TFLite file, or not measured")

    @property
    def share(self) -> float:
        """The module's multiply-accumulates relative to the backbone's."""
        return self.macs / self.backbone_macs
