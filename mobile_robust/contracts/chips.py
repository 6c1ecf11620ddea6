"""The chips with an NPU that files can be compiled for."""

from __future__ import annotations

from typing import Literal, get_args

#: Those that LiteRT's Qualcomm plug-in knows: Snapdragon 8 Gen 3 first, the default.
Chip = Literal["SM8650", "SM8350", "SM8450", "SM8475", "SM8550", "SM8750", "SM8845", "SM8850", "SA8255", "SA8295"]
CHIPS: tuple[Chip, ...] = get_args(Chip)
