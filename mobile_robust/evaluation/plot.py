"""Accuracy against severity: a panel a corruption, a line a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from mobile_robust.evaluation.models import Model
from mobile_robust.evaluation.scores import Scores
from mobile_robust.evaluation.settings import CLEAN, by_corruption
from mobile_robust.reporting.plot import INK, png, style

#: Okabe & Ito's colours, which people who confuse colours tell apart, without grey, black and the pale yellow.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
_DASHES = ("-", (0, (4, 1.5)), (0, (1, 1.2)))  # when the colours are used up, they come again with these
_GREYS = ("#666666", "#999999", "#bbbbbb")
_MOST_ACROSS = 5
#: More intervals than these hide each other.
_MOST_BANDS = 3


def plot(scores: Scores) -> bytes:
    """PNG. Every panel begins with clean photos; a baseline is dashed in grey."""
    panels = by_corruption(scores.settings) or {CLEAN.corruption: []}
    across = len(panels) if len(panels) < _MOST_ACROSS else min(_MOST_ACROSS, math.ceil(math.sqrt(len(panels) * 1.6)))
    down = math.ceil(len(panels) / across)
    width = 7.0 if across == 1 else max(7.0, 2.3 * across)
    figure = Figure((width, (3.6 if across == 1 else 2.1 * down) + 0.8), layout="constrained")
    axes = list(figure.subplots(down, across, sharey=True, squeeze=False).flat)
    bands = len(panels) == 1 and len(scores.models) <= _MOST_BANDS
    for model, line in _lines(scores.models):
        by_setting = scores.of(model)
        for panel, (corruption, members) in zip(axes, panels.items(), strict=False):
            keys = [(CLEAN.corruption, None), *((corruption, setting.level) for setting in members)]
            found = [by_setting[key].top1 for key in keys]
            panel.plot(range(len(found)), [100 * top1.value for top1 in found], **line, clip_on=False)
            if bands:
                low, high = [100 * (top1.low or 0) for top1 in found], [100 * (top1.high or 0) for top1 in found]
                panel.fill_between(range(len(found)), low, high, color=line["color"], alpha=0.1, linewidth=0)
    for panel, (corruption, members) in zip(axes, panels.items(), strict=False):
        style(panel, corruption.replace("_", " "))
        ticks = ["clean", *(f"{setting.level:g}" for setting in members)]
        panel.set_xticks(range(len(ticks)), ticks)
        panel.set_ylim(bottom=0)
    for panel in axes[len(panels) :]:
        panel.set_axis_off()
    for left in axes[::across]:
        left.set_ylabel("top-1, %", fontsize=8, color=INK)
    handles, labels = axes[0].get_legend_handles_labels()
    columns = max(1, min(len(labels), int(width / (0.5 + 0.075 * max(map(len, labels))))))
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, fontsize=8, frameon=False, labelcolor=INK)
    return png(figure)


def _lines(models: Sequence[Model]) -> list[tuple[Model, dict[str, Any]]]:
    """How each model's line is drawn; labelled by its name, and by its group where others have the same name."""
    names = [model.name for model in models]
    baselines = [model for model in models if model.baseline == model.fingerprint]
    others = [model for model in models if model not in baselines]
    lines = []
    for kind, grey in ((others, False), (baselines, True)):
        for index, model in enumerate(kind):
            group = f"{model.group.rstrip('/').split('/')[-1]} " if names.count(model.name) > 1 else ""
            # Files with the same predictions lie on each other: the later line is thinner, so that both are seen.
            breadth = 1.6 if grey else 1.4 + min(2.4, 0.6 * (len(kind) - 1 - index))
            line = {
                "color": _GREYS[index % len(_GREYS)] if grey else _COLOURS[index % len(_COLOURS)],
                "linestyle": (0, (4, 2)) if grey else _DASHES[index // len(_COLOURS) % len(_DASHES)],
                "label": group + model.name,
                "linewidth": breadth,
                "marker": "o",
                "markersize": breadth + 1.5,
            }
            lines.append((model, line))
    return lines
