"""Accuracy against severity: a panel a corruption, a line a model."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mobile_robust.evaluate.models import Model
from mobile_robust.evaluate.scores import Score
from mobile_robust.evaluate.settings import CLEAN, CorruptionSetting, by_corruption

#: Okabe & Ito's colours, which people who confuse colours tell apart, without grey, black and the pale yellow.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
_STYLES = ("-", (0, (4, 1.5)), (0, (1, 1.2)))  # when the colours are used up, they come again with these
_GREYS = ("#666666", "#999999", "#bbbbbb")
_INK, _LINE = "#444444", "#dddddd"
_MOST_ACROSS = 5
#: More intervals than these hide each other.
_MOST_BANDS = 3


def plot(models: Sequence[Model], conditions: Sequence[CorruptionSetting], scores: Sequence[Score]) -> bytes:
    """PNG. Every panel begins with clean photos; the backbone alone is dashed in grey."""
    panels = by_corruption(conditions) or {CLEAN.corruption: []}
    across = len(panels) if len(panels) < _MOST_ACROSS else min(_MOST_ACROSS, math.ceil(math.sqrt(len(panels) * 1.6)))
    down = math.ceil(len(panels) / across)
    width = 7.0 if across == 1 else max(7.0, 2.3 * across)
    figure = Figure((width, (3.6 if across == 1 else 2.1 * down) + 0.8), layout="constrained")
    axes = list(figure.subplots(down, across, sharey=True, squeeze=False).flat)
    lines = _lines(models)
    by_model = {model.fingerprint: _of(model, scores) for model in models}
    for panel, (corruption, members) in zip(axes, panels.items(), strict=False):
        keys = [(CLEAN.corruption, None), *((corruption, condition.level) for condition in members)]
        for model, style in lines:
            found = [by_model[model.fingerprint][key] for key in keys]
            xs = range(len(found))
            panel.plot(xs, [100 * s.top1 for s in found], **style, clip_on=False)
            if len(panels) == 1 and len(models) <= _MOST_BANDS:
                low, high = ([100 * getattr(s, f"top1_{end}") for s in found] for end in ("low", "high"))
                panel.fill_between(xs, low, high, color=style["color"], alpha=0.1, linewidth=0)
        _finish(panel, corruption, ["clean", *(f"{condition.level:g}" for condition in members)])
    for panel in axes[len(panels) :]:
        panel.set_axis_off()
    for left in axes[::across]:
        left.set_ylabel("top-1, %", fontsize=8, color=_INK)
    handles, labels = axes[0].get_legend_handles_labels()
    columns = max(1, min(len(labels), int(width / (0.5 + 0.075 * max(map(len, labels))))))
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, fontsize=8, frameon=False, labelcolor=_INK)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def _lines(models: Sequence[Model]) -> list[tuple[Model, dict]]:
    """How each model's line is drawn; a name stands alone where no other model has it."""
    names = [model.name for model in models]
    alone = [model for model in models if model.baseline == model.fingerprint]
    others = [model for model in models if model not in alone]
    styled = []
    for models_of_kind, grey in ((others, False), (alone, True)):
        for index, model in enumerate(models_of_kind):
            colour = _GREYS[index % len(_GREYS)] if grey else _COLOURS[index % len(_COLOURS)]
            style = (0, (4, 2)) if grey else _STYLES[index // len(_COLOURS) % len(_STYLES)]
            label = (
                model.name if names.count(model.name) == 1 else f"{model.group.rstrip('/').split('/')[-1]} {model.name}"
            )
            # Files that answer alike lie on each other: the later line is thinner, so that both are seen.
            breadth = 1.6 if grey else 1.4 + min(2.4, 0.6 * (len(models_of_kind) - 1 - index))
            line = {"color": colour, "linestyle": style, "label": label, "linewidth": breadth}
            styled.append((model, {**line, "marker": "o", "markersize": breadth + 1.5}))
    return styled


def _of(model: Model, scores: Sequence[Score]) -> dict[tuple[str, float | None], Score]:
    own = [s for s in scores if (s.group, s.model, s.runtime) == (model.group, model.name, model.runtime)]
    return {(s.corruption, s.level): s for s in own}


def _finish(panel: Axes, title: str, ticks: Sequence[str]) -> None:
    panel.set_title(title.replace("_", " "), fontsize=9, color=_INK)
    panel.set_xticks(range(len(ticks)), ticks)
    panel.set_ylim(bottom=0)
    panel.grid(axis="y", color=_LINE, linewidth=0.6)
    panel.set_axisbelow(True)
    panel.tick_params(labelsize=7, colors=_INK, length=0)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)
    panel.spines["bottom"].set_color(_LINE)
