"""Messages between a process and its worker."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from mobile_robust.runtimes import process
from mobile_robust.runtimes.process import Message, Worker, receive, send


def sent(message: Message) -> bytes:
    stream = io.BytesIO()
    send(stream, message)
    return stream.getvalue()


def test_a_message_arrives_as_it_was_sent() -> None:
    arrays = {"bytes": np.arange(6, dtype=np.int8).reshape(2, 3).T, "none": np.zeros((0, 4), np.float32)}
    got = receive(io.BytesIO(sent(Message("inputs", "two\nlines", arrays))))
    assert (got.kind, got.text, list(got.arrays)) == ("inputs", "two\nlines", ["bytes", "none"])
    for name, array in arrays.items():
        assert got.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(got.arrays[name], array)


@pytest.mark.parametrize("left", [0, 3, 20, -1])
def test_a_message_that_breaks_off_is_the_end(left: int) -> None:
    with pytest.raises(EOFError):
        receive(io.BytesIO(sent(Message("inputs", arrays={"x": np.ones(5)}))[:left]))


def test_a_worker_that_never_replies_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_MOST_SECONDS", 0.2)
    worker = Worker([sys.executable, "-c", "while True: pass"], {})
    try:
        reply = worker.ask(Message("inputs"))
    finally:
        worker.close()
    assert (reply.kind, reply.text) == ("error", "the engine did not reply in 0.2 s")


def test_the_log_of_a_process_has_no_name_that_a_kill_could_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    worker = Worker(["sh", "-c", "echo first >&2; echo broken >&2; exit 3"], dict(os.environ))
    assert not list(tmp_path.iterdir())
    assert worker.receive().text == "the engine's process ended with exit code 3. first | broken"
    assert worker.log() == "first\nbroken\n"
    worker.close()
