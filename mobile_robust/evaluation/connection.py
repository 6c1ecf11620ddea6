"""The connection to a Ray cluster."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec

from mobile_robust.errors import InputError, first_line

#: Seconds until an address counts as unreachable; Ray itself would try for minutes.
_PATIENCE = 10


def check_cluster(address: str) -> None:
    """Raises InputError where Ray is not installed, or nobody listens at ``address``, HOST:PORT or "auto"."""
    if find_spec("ray") is None:
        raise InputError("--ray needs Ray: pip install 'mobile-robust[cluster]'")
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdecimal() and 0 < int(port) < 2**16) or "/" in host:
        raise InputError(f"--ray {address}: give HOST:PORT of a cluster's head node, or auto")
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except (OSError, UnicodeError) as error:
        raise InputError(f"--ray {address}: cannot be reached: {getattr(error, 'strerror', None) or error}") from None


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Belongs to the cluster at ``address``, HOST:PORT or "auto" (that of this machine), until the block ends.

    Raises:
        InputError: No cluster runs there, or this machine is none of its nodes.
    """
    os.environ |= {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_IGNORE_UNHANDLED_ERRORS": "1",
    }  # the last: of what is not needed
    import ray

    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        raise InputError(
            f"--ray {address}: {first_line(error)}; start a cluster with ray start --head, and this machine as one of "
            "its nodes with ray start --address HOST:PORT"
        ) from None
    finally:
        signal.signal(signal.SIGTERM, before)  # Ray takes it over
    try:
        with redirect_stdout(sys.stderr):  # where Ray says that it has lost a process
            yield
    finally:
        ray.shutdown()


def cpus() -> int:
    """Of all nodes that the cluster has now."""
    import ray

    return int(ray.cluster_resources().get("CPU", 0))
