"""A picture of a training: the loss and its terms over the steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mobile_robust.reporting.plot import BLUE, GREY, png, style
from mobile_robust.training.loop import Step


def plot(steps: Sequence[Step], title: str) -> bytes:
    """One panel a loss term: every step in grey, the moving mean in blue. PNG."""
    names = list(dict.fromkeys(name for step in steps for name in step.losses))
    figure = Figure((4.2 * len(names), 3.0), layout="constrained")
    for panel, name in zip(figure.subplots(1, len(names), squeeze=False).flat, names, strict=True):
        logged = [step for step in steps if name in step.losses]  # not every kind of step has every term
        numbers, window = [step.step for step in logged], max(1, len(logged) // 40)
        values = np.array([step.losses[name] for step in logged])
        panel.plot(numbers, values, color=GREY, linewidth=0.6)
        smooth = np.convolve(values, np.ones(window) / window, mode="valid")
        panel.plot(numbers[window - 1 :], smooth, color=BLUE, linewidth=1.6)
        panel.set_ylim(0 if values.min() >= 0 else None, max(np.quantile(values, 0.99), smooth.max()) * 1.05)
        style(panel, name, "step")
    figure.suptitle(title, fontsize=10, wrap=True)
    return png(figure)
