"""A picture of a training: the loss and its terms over the steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mobile_robust.reporting.plot import BLUE, GREY, png, style
from mobile_robust.training.loop import Step
from mobile_robust.training.validation import Validation


def plot(steps: Sequence[Step], title: str, validation: Validation | None) -> bytes:
    """One panel a loss term: every step in grey, the moving mean in blue; the first one, where there are validation
    photos: accuracy on them. PNG."""
    names = list(dict.fromkeys(name for step in steps for name in step.losses))
    count = len(names) + (validation is not None)
    figure = Figure((4.2 * count, 3.0), layout="constrained")
    panels = list(figure.subplots(1, count, squeeze=False).flat)
    if validation:
        _accuracy(panels.pop(0), validation)
    for panel, name in zip(panels, names, strict=True):
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


def _accuracy(panel: Axes, validation: Validation) -> None:
    """With the module over the steps, on degraded and on clean photos, and the baseline's as lines."""
    without, history = validation.without, [validation.without, *validation.history]
    steps = [each.step for each in history]
    for name, colour, base in (("degraded", BLUE, without.degraded), ("clean", GREY, without.clean)):
        values = [100 * getattr(each, name) for each in history]
        panel.plot(steps, values, color=colour, linewidth=1.6, marker="o", markersize=3, label=f"{name}, with")
        panel.axhline(100 * base, color=colour, linewidth=0.8, linestyle=":", label=f"{name}, without")
    panel.axvline(validation.best.step, color=GREY, linewidth=0.6)
    panel.set_ylim(0, 102)
    panel.legend(fontsize=7, frameon=False, loc="lower left")
    style(panel, f"top-1 in %, {len(validation)} validation photos", "step")
