"""What papers print beside our rows: AFD-Module's Table VII (Snapdragon 865, Adreno 640)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mobile_robust.methods.baselines.network import Baseline

#: The recipes that are the table's last row, "Our": AFD-Module for stems of 64 channels.
_OURS = ("afd_resnet50", "afd_repvgg_a2")


def published() -> dict[str, Baseline]:
    """Recipe name -> the figures of its row."""
    from mobile_robust.methods.baselines.network import BASELINES, TABLE_VII, Baseline  # PyTorch: not for --help

    ours = Baseline(0.11e6, 0.36e9, 54, 58, TABLE_VII)
    return {**BASELINES, **dict.fromkeys(_OURS, ours)}


def left_out() -> dict[str, str]:
    """Rows of the table that no recipe is made for -> why."""
    from mobile_robust.methods.baselines.network import LEFT_OUT

    return dict(LEFT_OUT)
