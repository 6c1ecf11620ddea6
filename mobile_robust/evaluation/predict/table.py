"""Predictions as one table a photo."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from mobile_robust.evaluation.predict.run import Predictions
from mobile_robust.reporting.tables import Table

#: Characters of a class's name.
_MOST = 24


def tables(predictions: Predictions) -> Iterator[Table]:
    """A column a degradation and model, a row a rank."""
    for title, group in groupby(predictions.shown, lambda shown: shown.title):
        columns = [
            (f"{shown.degradation}\n{which}", shown.first(which)) for shown in group for which in shown.probabilities
        ]
        ranks = range(min(len(first) for _, first in columns))
        rows = [
            [
                str(rank + 1),
                *(f"{predictions.name(first[rank][0])[:_MOST]} {first[rank][1]:4.0%}" for _, first in columns),
            ]
            for rank in ranks
        ]
        table = Table.of(["", *(name for name, _ in columns)], rows)
        yield Table(table.columns, table.rows, title)
