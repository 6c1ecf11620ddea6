"""What the schemas have in common."""

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """Refuses unknown keys, NaN, infinity, and changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
