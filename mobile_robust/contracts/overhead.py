"""What a module's deploy form costs beside the bare backbone."""

from __future__ import annotations

from pydantic import Field

from mobile_robust.contracts.contract import Contract


class Overhead(Contract):
    """Multiply-accumulates of one inference and parameters that the module adds, and those of the bare backbone."""

    macs: int
    parameters: int
    backbone_macs: int = Field(gt=0)
    backbone_parameters: int = Field(gt=0)

    @property
    def share(self) -> float:
        """The module's multiply-accumulates relative to the backbone's."""
        return self.macs / self.backbone_macs
