"""The layers where a module can go as a table."""

from __future__ import annotations

from mobile_robust.new_recipe.layers.points import PricedLayers
from mobile_robust.reporting.tables import Table
from mobile_robust.reporting.text import count_text


def layer_table(priced: PricedLayers, variants: tuple[str, ...], chosen: str | None) -> Table:
    """A row a layer: its map, and every variant's multiply-accumulates; ``chosen`` is marked."""
    rows = []
    for each in priced.points:
        point = each.point
        cells = [
            f"{count_text(cost.macs)} {priced.share(cost):+.0%}" if (cost := each.costs.get(variant)) else "–"
            for variant in variants
        ]
        mark = " *" if point.layer == chosen else ""
        rows.append([f"{point.layer}{mark}", str(point.channels), f"{point.height}x{point.width}", *cells])
    return Table.of(["layer", "channels", "map", *variants], rows)
