"""About how long an evaluation takes, before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

from mobile_robust.evaluation.measure import EvaluationBatch, Evaluator

#: Fewer predictions are made before their time is known.
LEAST_PREDICTIONS = 1000
#: Seconds after which what was measured must do.
_ENOUGH = 10.0


def expected_seconds(evaluator: Evaluator, batches: Sequence[EvaluationBatch], processes: int) -> float | None:
    """From the first photo at one level of every corruption, by every model; right within a factor of two. None where
    there is too little to do, or the photo cannot be read.

    Raises:
        InputError: As ``evaluator`` does.
    """
    if sum(batch.count for batch in batches) < LEAST_PREDICTIONS:
        return None
    seconds, predictions, opened = 0.0, 0, False
    begun = perf_counter()
    for batch in batches:
        if batch.start != batches[0].start or perf_counter() - begun > _ENOUGH:
            break
        one = replace(batch, stop=batch.start + 1, work=batch.work[-1:])
        if not opened and evaluator(one).unreadable:
            return None
        opened, started = True, perf_counter()
        evaluator(one)
        seconds += (perf_counter() - started) * len(batch.work)
        predictions += sum(len(models) for _, models in batch.work)
    return seconds / predictions * sum(batch.count for batch in batches) / processes
