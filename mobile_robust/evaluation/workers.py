"""Batches in several processes of one thread each: one that dies, or Ctrl-C, ends all of them."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import torch

from mobile_robust.errors import InputError
from mobile_robust.evaluation.measure import EvaluationBatch, Evaluator, Predictions

#: Seconds in which an idle process closes its models.
_PATIENCE = 5


def predict_all(
    evaluator: Evaluator, batches: Iterable[EvaluationBatch], jobs: int
) -> Iterator[tuple[EvaluationBatch, Predictions]]:
    """Every batch with its predictions, in whatever order they are ready.

    A copy of ``evaluator`` goes to each of ``jobs`` processes; with 1, everything is done in this one.

    Raises:
        InputError: From ``evaluator``; or a process died.
    """
    if jobs == 1:
        with one_thread():
            for batch in batches:
                yield batch, evaluator(batch)
        return
    todo = iter(batches)
    busy: dict[Connection, EvaluationBatch] = {}
    started: list[tuple[BaseProcess, Connection]] = []
    try:
        for batch in islice(todo, jobs):
            started.append(_start(evaluator))
            _send(started[-1][1], batch, busy)
        while busy:
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                batch, predictions = busy.pop(connection), _receive(connection)
                if (following := next(todo, None)) is not None:
                    _send(connection, following, busy)
                yield batch, predictions
    finally:
        for _, connection in started:
            connection.close()  # to an idle process this is the end
        for process, _ in started:
            process.join(0 if busy else _PATIENCE)
            process.terminate()
            process.join()


def _start(evaluator: Evaluator) -> tuple[BaseProcess, Connection]:
    context = multiprocessing.get_context("spawn")  # forked copies of PyTorch's and LiteRT's threads would hang
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(evaluator, theirs), daemon=True)
    # Ctrl-C reaches all processes and this one ends the others: they ignore it from their first moment on.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.start()
    finally:
        signal.signal(signal.SIGINT, before)
    theirs.close()  # so that the end of the process is the end of the pipe
    return process, ours


def _send(connection: Connection, batch: EvaluationBatch, busy: dict[Connection, EvaluationBatch]) -> None:
    busy[connection] = batch
    with suppress(ConnectionError):  # _receive says that the process is gone
        connection.send(batch)


def _receive(connection: Connection) -> Predictions:
    try:
        reply: Predictions | InputError = connection.recv()
    except (EOFError, ConnectionError):
        raise InputError(
            "a process of --jobs died, for lack of memory perhaps; what was predicted is kept in --out, "
            "so give the command again, with fewer --jobs"
        ) from None
    if isinstance(reply, InputError):
        raise reply
    return reply


def _serve(evaluator: Evaluator, connection: Connection) -> None:
    """Evaluates batches until the other end is gone."""
    with one_thread(), suppress(EOFError, ConnectionError):
        while True:
            batch: EvaluationBatch = connection.recv()
            try:
                connection.send(evaluator(batch))
            except InputError as error:
                connection.send(error)
    evaluator.close()


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch computes with one thread inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
