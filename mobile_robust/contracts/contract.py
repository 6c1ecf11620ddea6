"""What the schemas have in common."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

#: What all programs that read the documents can hold.
_LARGEST = 2**63 - 1


class Contract(BaseModel):
    """Refuses unknown keys, NaN, infinity, integers of more than 64 bits, and changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _of_64_bits(cls, value: Any) -> Any:
        if too_large := [number for number in _integers(value) if abs(number) > _LARGEST]:
            raise ValueError(f"an integer of {too_large[0].bit_length()} bits; allowed are 64")
        return value


def _integers(value: Any) -> Iterable[int]:
    if isinstance(value, int):
        return (value,)
    values = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple) else ()
    return (each for each in values if isinstance(each, int))
