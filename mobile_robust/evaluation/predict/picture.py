"""Predictions as a picture: every photo as the network sees it, with the probabilities of its classes beside it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mobile_robust.evaluation.predict.run import Predictions, Shown
from mobile_robust.reporting.plot import BLUE, GREY, INK, png, style

#: Inches of a row, and of the picture.
_ROW, _WIDTH = 1.9, 8.0
#: Classes that are shown: the first ones of either model.
_CLASSES = 6
_COLOURS = {"without": GREY, "with": BLUE}
#: Characters of a class's name.
_MOST = 28


def picture(predictions: Predictions) -> bytes:
    """PNG. A row a photo and degradation; a bar a class and model."""
    shown = predictions.shown
    figure = Figure((_WIDTH, _ROW * len(shown) + 0.5), layout="constrained")
    axes = figure.subplots(len(shown), 2, squeeze=False, gridspec_kw={"width_ratios": (1, 3)})
    for (left, right), each in zip(axes, shown, strict=True):
        left.imshow(each.crop)
        left.set_axis_off()
        left.set_title(each.degradation, fontsize=8, color=INK)
        _bars(right, each, predictions)
    handles, _ = axes[0][1].get_legend_handles_labels()
    labels = [f"{which} the module: {executed}" for which, executed in predictions.executed.items()]
    figure.legend(handles, labels, loc="outside upper left", ncols=2, fontsize=8, frameon=False, labelcolor=INK)
    return png(figure)


def _bars(axes: Axes, shown: Shown, predictions: Predictions) -> None:
    found = [pair for which in shown.probabilities for pair in shown.first(which)]
    classes = list(dict.fromkeys(index for index, _ in sorted(found, key=lambda pair: -pair[1])))[:_CLASSES]
    at, height = np.arange(len(classes)), 0.8 / len(shown.probabilities)
    for number, (which, values) in enumerate(shown.probabilities.items()):
        axes.barh(at + number * height, [100 * values[i] for i in classes], height, color=_COLOURS[which], label=which)
    style(axes, shown.title)
    axes.set_yticks(at + height * (len(shown.probabilities) - 1) / 2, [predictions.name(i)[:_MOST] for i in classes])
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.set_xlim(0, 100)
    axes.set_xlabel("probability, %", fontsize=7, color=INK)
