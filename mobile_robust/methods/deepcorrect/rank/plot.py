"""A picture of a ranking: every layer's correction priorities, the most susceptible filter first."""

from __future__ import annotations

import math

from matplotlib.figure import Figure

from mobile_robust.contracts.ranking import Ranking
from mobile_robust.reporting.plot import BLUE, INK, png, style


def plot(ranking: Ranking) -> bytes:
    """One bar plot a layer, all with the same scale. PNG."""
    columns = min(3, len(ranking.layers))
    rows = math.ceil(len(ranking.layers) / columns)
    figure = Figure((4 * columns, 2.4 * rows + 0.5), layout="constrained")
    panels = [*figure.subplots(rows, columns, sharey=True, squeeze=False).flat]
    for panel, (layer, tau) in zip(panels, ranking.layers.items(), strict=False):
        ordered = sorted(tau, reverse=True)
        panel.bar(range(len(ordered)), [100 * t for t in ordered], width=1.0, color=BLUE)
        panel.axhline(0, color=INK, linewidth=0.6)
        style(panel, layer, "filters, by priority")
    for panel in panels[len(ranking.layers) :]:
        panel.set_axis_off()
    levels = ", ".join(f"{level:g}" for level in ranking.levels)
    figure.suptitle(f"{ranking.backbone}, {ranking.corruption} {levels}, {ranking.images} photos", fontsize=10)
    figure.supylabel("gain in top-1, points", fontsize=8)
    return png(figure)
