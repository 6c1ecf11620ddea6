"""Steps that are done again after a connection broke."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mobile_robust.bench.device.errors import DroppedError, LostError

#: Connections that break during one and the same step before the device counts as lost.
_BREAKS = 5

_T = TypeVar("_T")


def retry(serial: str, action: Callable[[], _T], reconnect: Callable[[], None]) -> _T:
    """Does it again after a reconnection.

    Args:
        serial: Of the device.
        action: Raises DroppedError where the connection breaks.
        reconnect: Waits for the device; raises LostError where it does not come back.

    Raises:
        LostError: The connection breaks again and again.
    """
    for _ in range(_BREAKS):
        try:
            return action()
        except DroppedError as error:
            last = error
            reconnect()
    raise LostError(
        serial,
        f"the connection broke {_BREAKS} times at the same step ({last}); nothing measured is lost: try another "
        "cable or port, and give the same command again",
    )
