"""A picture of a training: the loss and its parts over the steps."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mobile_robust.train.loop import Step


def plot(steps: Sequence[Step], title: str) -> bytes:
    """One panel a figure of the log: every step in grey, their moving mean in blue. PNG."""
    names = list(dict.fromkeys(name for step in steps for name in step.losses))
    figure = Figure((4.2 * len(names), 3.0), layout="constrained")
    for panel, name in zip(figure.subplots(1, len(names), squeeze=False).flat, names, strict=True):
        having = [step for step in steps if name in step.losses]  # not all kinds of steps tell the same
        numbers, window = [step.step for step in having], max(1, len(having) // 40)
        values = np.array([step.losses[name] for step in having])
        panel.plot(numbers, values, color="#c4c4c4", linewidth=0.6)
        smooth = np.convolve(values, np.ones(window) / window, mode="valid")
        panel.plot(numbers[window - 1 :], smooth, color="#3a6ea5", linewidth=1.6)
        panel.set_ylim(0 if values.min() >= 0 else None, max(np.quantile(values, 0.99), smooth.max()) * 1.05)
        panel.set_title(name, fontsize=10)
        panel.set_xlabel("step", fontsize=9)
        panel.tick_params(labelsize=8)
        panel.grid(alpha=0.3)
    figure.suptitle(title, fontsize=10, wrap=True)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
