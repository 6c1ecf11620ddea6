"""Tasks in several processes of one thread each: one that dies, or Ctrl-C, ends all of them."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import torch

from mobile_robust.errors import InputError
from mobile_robust.evaluate.measure import EvaluationBatch, Evaluator, Predictions

#: Seconds in which an idle process closes its models.
_PATIENCE = 5


def answer_all(
    measure: Evaluator, tasks: Iterable[EvaluationBatch], jobs: int
) -> Iterator[tuple[EvaluationBatch, Predictions]]:
    """Every task with its answer, in whatever order they are ready.

    Args:
        measure: Answers a task; a copy of it goes to every process.
        tasks: What is to be answered.
        jobs: Processes; 1 answers in this one.

    Raises:
        InputError: From ``measure``; or a process died.
    """
    if jobs == 1:
        with _one_thread():
            for task in tasks:
                yield task, measure(task)
        return
    todo = iter(tasks)
    busy: dict[Connection, EvaluationBatch] = {}
    started: list[tuple[BaseProcess, Connection]] = []
    try:
        for task in islice(todo, jobs):
            started.append(_start(measure))
            _send(started[-1][1], task, busy)
        while busy:
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                task, answer = busy.pop(connection), _receive(connection)
                if (following := next(todo, None)) is not None:
                    _send(connection, following, busy)
                yield task, answer
    finally:
        for _, connection in started:
            connection.close()  # to an idle process this is the end
        for process, _ in started:
            process.join(0 if busy else _PATIENCE)
            process.terminate()
            process.join()


def _start(measure: Evaluator) -> tuple[BaseProcess, Connection]:
    context = multiprocessing.get_context("spawn")  # forked copies of PyTorch's and LiteRT's threads would hang
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(measure, theirs), daemon=True)
    # Ctrl-C reaches all processes and this one ends the others: they ignore it from their first moment on.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.start()
    finally:
        signal.signal(signal.SIGINT, before)
    theirs.close()  # so that the end of the process is the end of the pipe
    return process, ours


def _send(connection: Connection, task: EvaluationBatch, busy: dict[Connection, EvaluationBatch]) -> None:
    busy[connection] = task
    with suppress(ConnectionError):  # _receive says that the process is gone
        connection.send(task)


def _receive(connection: Connection) -> Predictions:
    try:
        kind, content = connection.recv()
    except (EOFError, ConnectionError):
        raise InputError(
            "a process of --jobs died, for lack of memory perhaps; what was answered is kept in --out, "
            "so give the command again, with fewer --jobs"
        ) from None
    if kind == "error":
        raise InputError(content)
    return content


def _serve(measure: Evaluator, connection: Connection) -> None:
    """Answers until the other end is gone."""
    with _one_thread(), suppress(EOFError, ConnectionError):
        while True:
            task: EvaluationBatch = connection.recv()
            reply: tuple[str, Any]
            try:
                reply = "answer", measure(task)
            except InputError as error:
                reply = "error", str(error)
            connection.send(reply)
    measure.close()


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
