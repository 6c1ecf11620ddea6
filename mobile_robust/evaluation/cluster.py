"""Batches on a Ray cluster. Ray decides which process of which node takes which, starts the batches of a lost process
or node again elsewhere, and uses nodes that join."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from mobile_robust.data.storage import StorageError
from mobile_robust.errors import InputError, first_line
from mobile_robust.evaluation.connection import cpus
from mobile_robust.evaluation.facts import tools
from mobile_robust.evaluation.measure import EvaluationBatch, Evaluator, Predictions
from mobile_robust.evaluation.workers import one_thread

#: So often a batch is begun again whose process or node was lost, or for which a storage gave no photo.
_RETRIES = 5
#: Batches that wait for each CPU of the cluster, so that none of them idles.
_WAITING = 2

#: Of this process on a node: the evaluator of the command that it works for, which keeps its models open.
_evaluators: dict[str, Evaluator] = {}


def predict_on_cluster(
    evaluator: Evaluator, batches: Iterable[EvaluationBatch]
) -> Iterator[tuple[EvaluationBatch, Predictions]]:
    """Every batch with its predictions, in whatever order they are ready; called while connected to the cluster. A
    batch takes one CPU, one thread, and is computed just as in one process.

    Raises:
        InputError: From ``evaluator``; a node with other packages than this process, or without the photos; or a batch
            was lost more than a few times. The end of the connection is the end of all batches.
    """
    import ray

    options: dict[str, Any] = {"num_cpus": 1, "max_retries": _RETRIES, "retry_exceptions": [StorageError]}
    predict = ray.remote(**options)(_predict)
    shared = [ray.put(evaluator)]  # in a list Ray does not read it for every batch anew
    todo = iter(batches)
    pending: dict[Any, EvaluationBatch] = {}
    while True:
        room = max(1, _WAITING * cpus()) - len(pending)
        for batch in islice(todo, max(0, room)):
            pending[predict.remote(shared, tools(), os.getcwd(), batch)] = batch
        if not pending:
            return
        for done in ray.wait(list(pending))[0]:
            batch = pending.pop(done)
            yield batch, _result(done, evaluator)


def _predict(
    shared: list[Any], versions: Mapping[str, str], folder: str, batch: EvaluationBatch
) -> tuple[str, Predictions | InputError]:
    """In a process of a node: what it is called, and the predictions or why there are none."""
    import ray

    node, own = ray.util.get_node_ip_address(), tools()
    if other := [name for name in versions if own[name] != versions[name]]:
        here, there = (", ".join(f"{name} {which[name]}" for name in other) for which in (own, versions))
        return node, InputError(f"has {here}, this command {there}, so scores might differ; install the same packages")
    (reference,) = shared
    if (key := reference.hex()) not in _evaluators:
        with suppress(OSError):  # relative paths mean what they mean to the command
            os.chdir(folder)
        _evaluators[key] = ray.get(reference)
    with one_thread():
        try:
            return node, _evaluators[key](batch)
        except StorageError:
            raise
        except InputError as error:
            return node, error


def _result(reference: Any, evaluator: Evaluator) -> Predictions:
    import ray

    try:
        node, found = ray.get(reference)
    except StorageError as error:
        raise InputError(str(getattr(error, "cause", error))) from None
    except ray.exceptions.RayError as error:
        raise InputError(
            f"--ray: a batch was lost {_RETRIES + 1} times: {first_line(error)}; what was predicted is kept in --out, "
            "so give the command again, with more memory or fewer CPUs a node"
        ) from None
    if isinstance(found, InputError):
        raise InputError(f"node {node}: {found}")
    for index, reason in found.unreadable.items():
        if (path := evaluator.readable(index)) is not None:
            raise InputError(
                f"node {node}: {path}: {reason}, but the node of this command can read it; all nodes need the same "
                "photos under the same path, or give a URL to --images"
            )
    return found
