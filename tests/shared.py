"""What tests of several rooms share: builds that are made once for all processes of pytest-xdist, ends of processes."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest


def built_once(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], object]) -> Path:
    """A folder that ``build`` fills once a session, or once for all sessions that are given the same folder by
    MOBILE_ROBUST_TEST_BUILDS. The other processes wait, then read it.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    root = Path(os.environ.get("MOBILE_ROBUST_TEST_BUILDS") or root)
    folder, done = root / f"shared_{name}", root / f"shared_{name}.done"
    with done.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)
            done.touch()
    return folder


def wait_until(condition: Callable[[], bool], process: subprocess.Popen) -> None:
    """Fails where the process ends before, or two minutes pass."""
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for_end(process: subprocess.Popen) -> None:
    """Until no process of its group is left: workers end by themselves when the first one has gone."""
    deadline = time.monotonic() + 20
    with suppress(ProcessLookupError):
        while True:
            os.killpg(process.pid, 0)
            assert time.monotonic() < deadline
            time.sleep(0.05)


def kill(process: subprocess.Popen) -> None:
    """Without a chance to tidy up; its workers end too."""
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    wait_for_end(process)
